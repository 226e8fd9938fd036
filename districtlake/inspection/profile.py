"""The profile of a table: what its columns hold, which elements of the standards they are, what identifies a row, what is dirty.

Values leave the profile masked (``examples``); everything else is counts, spellings of "no value" and patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Any

import polars as pl

from districtlake.ingestion.cell_types import MISSING, PATTERNS, PLACEHOLDERS, family
from districtlake.ingestion.encodings import mojibake_of
from districtlake.inspection.elements import Recognised, Standards

SAMPLE_ROWS = 200_000
"""So many rows are profiled; of a longer table every n-th, evenly over the whole."""
_LOOKED = 20_000
_PAIRS = 150
_EXAMPLES = 5
_SAME = 0.9
MOJIBAKE = {
    "replaced": "字符已丢失（�或锟斤拷），须重新导出", "utf8_as_gbk": "UTF-8被误读为GBK，可还原", "utf8_as_latin1": "UTF-8被误读为西欧编码，可还原",
    "gbk_as_latin1": "GBK被误读为西欧编码，可还原",
}  # fmt: skip
_LOST = r"^[+-]?[0-9](?:\.[0-9]+)?[eE]\+?(?:1[0-9]|2[0-9])$"
_ROUNDED = r"^[0-9]{15}0{2,3}$"
_IDENTIFYING = re.compile(r"(?<![0-9])(?:[0-9]{17}[0-9Xx]|[0-9]{15}|1[3-9][0-9]{9})(?![0-9])")


@dataclass
class ColumnProfile:
    """One column.

    Attributes:
        name: unique label; ``title``: the header as written.
        type: ``text`` ``integer`` ``decimal`` ``date`` ``moment`` ``time`` ``truth`` ``code`` ``percent`` ``money`` ``link`` or ``empty``;
            ``share`` of the values that are spelled so.
        missing: spellings of "no value" met, with counts; ``empty``: empty cells.
        distinct: different values, missing ones left out; ``shortest``, ``longest``: characters.
        patterns: shapes of values (9 digit, A letter, 文 Chinese) with counts, most frequent first.
        elements: elements of the standards it may be, best first.
        lost_digits: cells in which a long number lost digits; ``padded``: cells with blanks around the value.
        mojibake: how cells were bent by a wrong decoding, with counts.
        least, greatest: of numbers and days, unless sensitive.
        examples: masked.
    """

    name: str
    title: str
    type: str = "empty"
    share: float = 0.0
    values: int = 0
    empty: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    distinct: int = 0
    shortest: int = 0
    longest: int = 0
    patterns: list[tuple[str, int]] = field(default_factory=list)
    elements: list[Recognised] = field(default_factory=list)
    lost_digits: int = 0
    padded: int = 0
    placeholders: dict[str, int] = field(default_factory=dict)
    mojibake: dict[str, int] = field(default_factory=dict)
    least: str = ""
    greatest: str = ""
    examples: list[str] = field(default_factory=list)

    @property
    def element(self) -> Recognised | None:
        return self.elements[0] if self.elements else None

    def as_dict(self) -> dict[str, Any]:
        told = {key: value for key, value in vars(self).items() if key not in ("elements", "patterns")}
        return {**told, "patterns": [list(pair) for pair in self.patterns], "elements": [element.as_dict() for element in self.elements]}


@dataclass(frozen=True)
class KeyCandidate:
    """Columns that may identify a row: how many rows repeat an earlier one (0: a key), and how many lack a part."""

    columns: tuple[str, ...]
    repeated: int
    lacking: int

    @property
    def whole(self) -> bool:
        return not self.repeated and not self.lacking

    def as_dict(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "repeated": self.repeated, "lacking": self.lacking, "key": self.whole}


@dataclass
class TableProfile:
    """A table. ``profiled``: rows looked at; below ``rows`` it is an even sample, and counts are of the sample."""

    rows: int
    profiled: int
    columns: list[ColumnProfile]
    keys: list[KeyCandidate]
    duplicates: int

    def as_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "profiled": self.profiled, "duplicates": self.duplicates,
                "keys": [key.as_dict() for key in self.keys], "columns": [column.as_dict() for column in self.columns]}  # fmt: skip


class Profiler:
    """Takes the batches of a table one by one, keeps an even sample of them, and profiles it."""

    def __init__(self, estimated_rows: int, sample_rows: int = SAMPLE_ROWS):
        self._step = max(1, -(-estimated_rows // sample_rows))
        self._kept: list[pl.DataFrame] = []
        self.rows = 0

    def add(self, batch: pl.DataFrame) -> None:
        first = -self.rows % self._step
        self._kept.append(batch if self._step == 1 else _alone(batch[first:].gather_every(self._step)))
        self.rows += batch.height

    def profile(self, labels: Sequence[str], titles: Sequence[str], standards: Standards | None) -> TableProfile:
        frame = pl.concat(self._kept, how="diagonal") if self._kept else pl.DataFrame()
        columns = [
            profile_column(frame[f"c{at}"] if f"c{at}" in frame.columns else pl.Series([], dtype=pl.String), label, title, standards)
            for at, (label, title) in enumerate(zip(labels, titles, strict=True))
        ]
        cells = frame.select(f"c{at}" for at in range(len(labels)) if f"c{at}" in frame.columns)
        duplicates = int(cells.is_duplicated().sum()) and cells.height - cells.n_unique() if cells.height and cells.width else 0
        return TableProfile(self.rows, frame.height, columns, _keys(cells, columns), duplicates)


def _alone(sample: pl.DataFrame) -> pl.DataFrame:
    """The rows with texts of their own: picked ones are views that would keep every text of their batch in memory."""
    return pl.DataFrame(pl.from_arrow(sample.to_arrow(compat_level=pl.CompatLevel.oldest())), schema=sample.schema)


# columns -------------------------------------------------------------------------------------------------------------
def profile_column(cells: pl.Series, name: str, title: str, standards: Standards | None) -> ColumnProfile:
    """The profile of one column of text cells (null: empty)."""
    found = ColumnProfile(name, title)
    counted = pl.DataFrame({"value": cells}).group_by("value").len("count").with_columns(pl.col("value").str.strip_chars().alias("text"))
    blank = counted["text"].is_null() | (counted["text"] == "")
    found.empty = int(counted.filter(blank)["count"].sum())
    spelled = counted.filter(~blank)
    missing = spelled.filter(pl.col("text").is_in(list(MISSING)))
    found.missing = _counts(missing)
    there = spelled.filter(~pl.col("text").is_in(list(MISSING))).sort("count", "value", descending=[True, False])
    found.values, found.distinct = int(there["count"].sum()), there["text"].n_unique()
    if not there.height:
        return found
    lengths = there["value"].str.len_chars()
    found.shortest, found.longest = _int(lengths.min()), _int(lengths.max())
    found.padded = int(there.filter(pl.col("value") != pl.col("text"))["count"].sum())
    found.type, found.share = _type(there, found.values)
    if found.type == "integer" and found.shortest == found.longest >= 6:
        found.type = "code"  # numbers to count with differ in length
    found.patterns = _patterns(there)
    found.placeholders = _counts(there.filter(pl.col("text").is_in(list(PLACEHOLDERS))))
    found.lost_digits = int(there.filter(pl.col("text").str.contains(_LOST) | pl.col("text").str.contains(_ROUNDED))["count"].sum())
    found.mojibake = _mojibake(there)
    if standards is not None:
        found.elements = standards.recognise(there["text"], there["count"], title or name)
    sensitive = found.element is not None and found.element.sensitive
    if not sensitive:
        found.least, found.greatest = _range(there["text"], found.type)
    found.examples = [_shown(text, found, standards) for text in there["text"].unique(maintain_order=True).head(_EXAMPLES)]
    return found


def _int(value: Any) -> int:
    return int(value or 0)


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    grouped = rows.group_by("text").agg(pl.col("count").sum()).sort("count", "text", descending=[True, False])
    return {str(text): int(count) for text, count in grouped.iter_rows()}


def _type(there: pl.DataFrame, total: int) -> tuple[str, float]:
    """The type most values are spelled as, if nearly all are, and the share; integers among decimals are decimals."""
    looked = there.head(_LOOKED)
    kind = pl.lit("text")
    for name, pattern in reversed(PATTERNS):
        kind = pl.when(pl.col("text").str.contains(f"^(?:{pattern})$")).then(pl.lit(name)).otherwise(kind)
    counts = dict(looked.group_by(kind.alias("kind")).agg(pl.col("count").sum()).iter_rows())
    seen = sum(counts.values())
    families: dict[str, int] = {}
    for name, count in counts.items():
        families[family(name)] = families.get(family(name), 0) + count
    if families.get("code", 0) and families.get("code", 0) + families.get("number", 0) >= _SAME * seen and counts.get("decimal", 0) == 0:
        whole = families["code"] + families.get("number", 0)
        return ("code", whole / seen) if families["code"] * 5 >= whole else ("integer", whole / seen)
    best, most = max(families.items(), key=lambda pair: pair[1])
    if best == "text" or most < _SAME * seen:
        return "text", families.get("text", 0) / seen if best == "text" else 1 - most / seen
    kinds = [name for name, _ in PATTERNS if family(name) == best and counts.get(name)]
    if best == "number" and len(kinds) > 1:
        kinds.sort(key=lambda name: ("decimal", "money", "percent", "integer").index(name))
    elif len(kinds) > 1:
        kinds.sort(key=lambda name: -counts[name])
    return kinds[0], most / seen


def _patterns(there: pl.DataFrame) -> list[tuple[str, int]]:
    shape = (
        pl.col("text").str.head(60).str.replace_all(r"[0-9]", "9").str.replace_all(r"\p{Han}+", "文").str.replace_all(r"[A-Za-z]", "A")
        .str.replace_all(r"A{4,}", "A+")
    )  # fmt: skip
    counted = there.head(_LOOKED).group_by(shape.alias("shape")).agg(pl.col("count").sum()).sort("count", "shape", descending=[True, False])
    return [(str(text), int(count)) for text, count in counted.head(5).iter_rows()]


def _mojibake(there: pl.DataFrame) -> dict[str, int]:
    found: dict[str, int] = {}
    beyond = there.filter(~pl.col("text").str.contains(r"^[\x00-\x7F]*$")).head(_LOOKED // 4)
    for text, count in beyond.select("text", "count").iter_rows():
        if (kind := mojibake_of(text)) is not None:
            found[kind] = found.get(kind, 0) + count
    return found


def _range(texts: pl.Series, kind: str) -> tuple[str, str]:
    if kind in ("integer", "decimal", "percent"):
        numbers = texts.str.replace_all(r"[,%％ ]", "").cast(pl.Float64, strict=False).drop_nulls()
        if len(numbers):
            ordered = numbers.sort()
            return f"{ordered[0]:.15g}", f"{ordered[-1]:.15g}"
    if kind == "date":
        days = texts.filter(texts.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))
        if len(days):
            return days.sort()[0], days.sort()[-1]
    return "", ""


def _shown(text: str, column: ColumnProfile, standards: Standards | None) -> str:
    """A value as it may be shown."""
    if standards is not None and column.element is not None:
        text = standards.masked(text, column.element)
    text = _IDENTIFYING.sub(lambda match: match.group()[:4] + "*" * (len(match.group()) - 6) + match.group()[-2:], text)
    return text if len(text) <= 60 else text[:59] + "…"


# keys ----------------------------------------------------------------------------------------------------------------
def _keys(cells: pl.DataFrame, columns: Sequence[ColumnProfile]) -> list[KeyCandidate]:
    """Single columns that identify rows or nearly do, else pairs; best first."""
    if cells.height < 2:
        return []
    places = {f"c{at}": column for at, column in enumerate(columns)}
    singles: list[KeyCandidate] = []
    for place, column in places.items():
        if place not in cells.columns or column.type in ("decimal", "percent", "money", "time", "truth", "empty"):
            continue
        lacking = cells.height - column.values
        repeated = column.values - cells[place].n_unique() + bool(cells[place].null_count()) if column.values else 0
        if column.values and (repeated + lacking) * 100 <= cells.height * 2 and column.distinct > 1:
            singles.append(KeyCandidate((column.name,), max(0, repeated), lacking))
    singles.sort(key=lambda key: (not key.whole, key.repeated + key.lacking))
    if any(key.whole for key in singles):
        return singles[:6]
    return [*islice(_pairs(cells, places), 3), *singles][:6]


def _pairs(cells: pl.DataFrame, places: dict[str, ColumnProfile]) -> Iterable[KeyCandidate]:
    able = [
        place
        for place, column in places.items()
        if place in cells.columns and column.distinct > 1 and column.type not in ("decimal", "truth", "empty") and not column.empty
    ]
    able.sort(key=lambda place: -places[place].distinct)
    tried = sorted(combinations(able[:20], 2), key=lambda pair: -places[pair[0]].distinct * places[pair[1]].distinct)
    for left, right in tried[:_PAIRS]:
        if places[left].distinct * places[right].distinct < cells.height:
            break
        if cells.select(left, right).n_unique() == cells.height:
            yield KeyCandidate((places[left].name, places[right].name), 0, 0)
