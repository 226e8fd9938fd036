"""``ground_truth.jsonl``: the answer book. One JSON object a line, in the order of days, files and rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from districtlake.demo.files import replace_file

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE_NAME = "ground_truth.jsonl"


@dataclass(frozen=True, slots=True)
class TruthLine:
    """One fault in one delivered row, or one row that is no data at all.

    Attributes:
        day: ISO date of the delivery.
        agency, resource: catalogue identifiers.
        file: the file's name, without folders.
        sheet: the Excel sheet, None in CSV.
        row: physical row, from 1, as Excel or an editor numbers it; of a multi-line CSV record its first line.
        key: item -> cell of the key as delivered, nothing trimmed.
        item: the item at fault; several joined by "+"; "" where no item is.
        fault: what was done (a slug).
        rule: the catalogue rule that must report it; None for what is harmless.
        fate: "quarantine" | "report" | "duplicate" (the later of two identical rows) | "footer" (a total row below the data).
        first_day: True when delivered for the first time, False when an earlier snapshot already carried it.
    """

    day: str
    agency: str
    resource: str
    file: str
    sheet: str | None
    row: int
    key: dict[str, str]
    item: str
    fault: str
    rule: str | None
    fate: str
    first_day: bool


def read_ground_truth(target: Path) -> list[TruthLine]:
    """Every line written so far; empty before the first day."""
    path = target / FILE_NAME
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [TruthLine(**json.loads(line)) for line in lines]


def write_day(target: Path, day: str, lines: Iterable[DataclassInstance], file_name: str = FILE_NAME) -> None:
    """Put the lines of ``day`` after those of earlier days. What an interrupted attempt at the same day left is dropped."""
    path = target / file_name
    kept = []
    if path.exists():
        with path.open(encoding="utf-8") as earlier:
            kept = [line for line in earlier if json.loads(line)["day"] < day]
    fresh = [json.dumps(asdict(line), ensure_ascii=False) + "\n" for line in lines]
    replace_file(path, "".join([*kept, *fresh]).encode(), scratch=target / ".writing")
