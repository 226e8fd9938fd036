"""The operation column of an increment (操作标识): what inserts, updates, deletes, and what does not fit. On real deliveries, by a plain validator."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import Catalog, Operation, Source
from districtlake.delivery.advance import Tables, advance
from districtlake.delivery.conservation import FATES
from districtlake.delivery.district import District
from districtlake.delivery.judge import Arrival
from districtlake.delivery.operations import withdraw
from districtlake.delivery.process import Engine, Outcome
from districtlake.ingestion.rows import raw_schema
from districtlake.warehouse.commit import read
from tests.plain_validator import validate
from tests.running import run_folder
from tests.small_district import NOON, PAYMENTS, Row, day, deliver, deliveries, open_small, write_catalog

HEADER = "操作标识,编号,名称,数量,备注"


def catalog_with(folder: Path, operation: str) -> None:
    write_catalog(folder / "catalog")
    path = folder / "catalog" / "resources" / "registry_bureau" / "payments.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(
        "{files: 'payments*.csv', mode: incremental}",
        "{files: 'payments*.csv', corrections: 'payfix*.csv', mode: incremental, operation: @}".replace("@", operation)), encoding="utf-8")  # fmt: skip


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    catalog_with(tmp_path, "{column: 操作标识, insert: [I, 新增], update: U, delete: [D, 3]}")
    with (opened := open_small(tmp_path)).store:
        yield opened


def take(district: District, number: int, rows: list[Row], header: str = HEADER, name: str = "payments") -> Outcome:
    deliver(district.settings.inbox, f"{name}_{day(number)}.csv", rows, header)
    _, outcomes = run_folder(district, district.settings.inbox, Engine(validator=validate))
    assert len(outcomes) == 1
    assert sum(outcomes[0].counts[fate] for fate in FATES) == outcomes[0].counts["delivered"] == len(rows)
    return outcomes[0]


def standing(district: District) -> dict[str, str]:
    return {row["code"]: row["name"] for row in read(district.lake, "warehouse", PAYMENTS).to_dicts()}


def some(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count and name in (*FATES, "deleted")}


def open_rules(district: District) -> list[str]:
    return [row["rule"] for row in read(district.lake, "problems", PAYMENTS).to_dicts() if row["state"] == "open"]


def test_rows_insert_update_and_delete_by_key_and_the_past_is_kept(district: District) -> None:
    take(district, 1, [("I", "A1", "甲", 1, None), ("新增", "A2", "乙", 1, None), ("ｉ", "A3", "丙", 1, None)])
    outcome = take(district, 2, [("U", "A1", "甲二", 1, None), ("3", "A2", None, None, None)])
    assert standing(district) == {"A1": "甲二", "A3": "丙"}
    assert some(outcome.counts) == {"changed": 1, "deletions": 1, "deleted": 1}
    history = read(district.lake, "history", PAYMENTS).to_dicts()
    assert sorted((row["code"], row["name"], row["_ending"]) for row in history) == [("A1", "甲", "replaced"), ("A2", "乙", "deleted")]
    assert open_rules(district) == []
    withdraw(district, outcome.delivery, Engine(validator=validate), actor="test", reason="误报")
    assert standing(district) == {"A1": "甲", "A2": "乙", "A3": "丙"}


def test_unknown_and_empty_operations_are_quarantined_and_do_nothing(district: District) -> None:
    take(district, 1, [("I", "A1", "甲", 1, None)])
    outcome = take(
        district, 2, [("删", "A1", "甲", 1, None), (None, "A2", "乙", 1, None), ("X", "A3", "丙", 1, None), ("I", "A4", "丁", 1, None)]
    )
    assert some(outcome.counts) == {"quarantined": 3, "inserted": 1}
    assert open_rules(district).count("operation.known") == 3
    assert {row["code"]: row["_stale"] for row in read(district.lake, "warehouse", PAYMENTS).to_dicts()} == {"A1": True, "A4": False}
    take(district, 3, [("D", "A1", None, None, None), ("I", "A2", "乙", 1, None), ("I", "A3", "丙", 1, None)])
    assert open_rules(district) == []  # the deleted key's problem ended with it, the others passed
    register = read(district.lake, "problems", PAYMENTS).to_dicts()
    assert {row["key"]: row["closing"] for row in register if row["rule"] == "operation.known"} == {
        "A1": "absent",
        "A2": "passed",
        "A3": "passed",
    }
    assert read(district.lake, "quarantine", PAYMENTS).height == 0


def test_what_does_not_fit_is_applied_and_told_once_a_delivery(district: District) -> None:
    take(district, 1, [("I", "A1", "甲", 1, None), ("I", "A2", "乙", 1, None)])
    rows: list[Row] = [("I", "A1", "甲", 1, None), ("I", "A2", "乙二", 1, None), ("U", "A8", "丙", 1, None), ("D", "A9", None, None, None)]
    outcome = take(district, 2, rows)
    assert standing(district) == {"A1": "甲", "A2": "乙二", "A8": "丙"}
    assert some(outcome.counts) == {"unchanged": 1, "changed": 1, "inserted": 1, "deletions": 1}
    result = next(r for r in outcome.results if r.rule.id == "delivery.operations")
    assert (result.outcome, result.evaluated, result.failed) == ("failed", 4, 3)
    for told in ("已经存在（已按修改处理）：第3行", "并不存在（已按新增处理）：第4行", "并不存在（未作改动）：第5行"):
        assert told in result.reason
    assert open_rules(district) == ["delivery.operations"]
    take(district, 3, [("U", "A8", "丙二", 1, None)])
    assert open_rules(district) == []


def test_a_file_of_deletions_needs_only_the_key_and_a_file_without_operations_is_held(district: District) -> None:
    take(district, 1, [("I", "A1", "甲", 1, None), ("I", "A2", "乙", 1, None)])
    assert take(district, 2, [("D", "A1")], "操作标识,编号").state == "done"
    outcome = take(district, 3, [("A2", "乙二", 1, None)], "编号,名称,数量,备注")
    assert (outcome.state, standing(district)) == ("held", {"A2": "乙"})
    assert "操作标识" in outcome.why


def test_a_correction_says_how_rows_are_with_or_without_an_operation(district: District) -> None:
    take(district, 1, [("I", "A1", "甲", 1, None), ("X", "A2", "乙", 1, None), ("I", "A3", "丙", 1, None)])
    take(district, 2, [("A2", "乙", 1, None)], "编号,名称,数量,备注", name="payfix")
    take(district, 3, [("A1", None, None, None, "D"), ("A3", "丙二", 1, None, None)], "编号,名称,数量,备注,操作标识", name="payfix")
    assert standing(district) == {"A2": "乙", "A3": "丙二"}
    assert open_rules(district) == []


def test_the_receipt_still_names_every_delivery(district: District) -> None:
    take(district, 1, [("I", "A1", "甲", 1, None), ("D", None, "甲", 1, None)])
    counts = deliveries(district)[f"payments_{day(1)}.csv"].counts
    assert counts is not None
    assert counts["quarantined"] == 1  # a deletion without a readable key deletes nothing


ROWS = st.lists(
    st.tuples(st.sampled_from(["I", "U", "D", "D", "x", None]), st.sampled_from(["A1", "A2", "A3", None]), st.sampled_from(["甲", "乙", None])),
    min_size=1, max_size=8,
)  # fmt: skip


@functools.cache
def plain_catalog() -> Catalog:
    with TemporaryDirectory(prefix="operations-") as folder:
        catalog_with(Path(folder), "{column: 操作标识}")
        return load_catalog((Path(folder) / "catalog",))


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(files=st.lists(ROWS, min_size=1, max_size=3))
def test_the_last_operation_of_a_key_decides(files: list[list[tuple[str | None, str | None, str | None]]]) -> None:
    """Against a dictionary: rows of one key take effect in order, one that cannot be used leaves the key as it was."""
    catalog = plain_catalog()
    resource = catalog.resources[PAYMENTS]
    tables, model = Tables.empty(resource, catalog), dict[str, str]()
    for number, rows in enumerate(files):
        raw = pl.DataFrame(
            {
                "_file": "f.csv", "_sheet": None, "_row": range(2, len(rows) + 2), "code": [code for _, code, _ in rows],
                "name": [name for _, _, name in rows], "amount": "1", "remark": None,
                "_extra": [None if op is None else json.dumps({"* 操作标识 ": op, "批": "1"}, ensure_ascii=False) for op, _, _ in rows],
            },
            schema=raw_schema(resource),
        )  # fmt: skip
        at = NOON + timedelta(days=number)
        arrival = Arrival(f"d{number}", "f.csv", "incremental", at, at.date(), raw)
        step = advance(tables, arrival, resource, catalog, validate, lambda resource, item: None, at)
        assert sum(step.counts[fate] for fate in FATES) == len(rows)
        assert step.held == all(op is None for op, _, _ in rows)
        tables = step.tables
        for code in () if step.held else {str(code) for _, code, _ in rows if code}:
            op, name = [(op, name) for op, other, name in rows if other == code][-1]
            if op == "D":
                model.pop(code, None)
            elif op in ("I", "U") and name:
                model[code] = name
        assert {row["code"]: row["name"] for row in tables.current.to_dicts()} == model


def test_the_catalogue_refuses_what_cannot_be_meant() -> None:
    with pytest.raises(ValidationError, match="mode: incremental"):
        Source.model_validate({"files": "a.csv", "mode": "snapshot", "operation": {"column": "操作标识"}})
    with pytest.raises(ValidationError, match="share a spelling"):
        Operation(column="操作", insert=("1",), update=("１",))
