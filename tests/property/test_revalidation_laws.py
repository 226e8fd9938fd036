"""A rule that changes at the end comes to what a rule from the start would have come to, where ADR "A changed rule is asked…" says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from districtlake.delivery.district import District
from districtlake.delivery.process import Engine
from districtlake.delivery.revalidate import revalidate_outdated
from districtlake.delivery.rule_record import outdated
from districtlake.warehouse.commit import read
from tests.plain_validator import validate
from tests.property.test_delivery_laws import LAWS, ROWS
from tests.running import run_folder, tables
from tests.small_district import PAYMENTS, PEOPLE, VISITS, Row, day, deliver, open_small, write_catalog

CHANGES = (
    {"max: 100": "max: 1"},
    {"max: 100": "max: 200"},
    {"max_value: 8": "max_value: 1, on_failure: quarantine"},
    {"max_value: 8": "max_value: 20"},
    {"element: remark}": "element: remark, max_length: 1}"},
    {"max: 100": "max: 100, rules: {range: {effective_until: 2026-03-01}}"},
)
FILES = st.lists(st.tuples(st.sampled_from(["people", "people_fix", "payments", "visits"]), ROWS), min_size=1, max_size=4)


def _district(home: Path, change: dict[str, str]) -> District:
    write_catalog(home / "catalog")
    for path in (home / "catalog" / "resources" / "registry_bureau").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for old, new in change.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    return open_small(home)


def _live(district: District, files: list[tuple[str, list[Row]]]) -> None:
    for number, (kind, rows) in enumerate(files, 1):
        header = f"编号,名称,数量,备注,批次{number}"
        deliver(district.settings.inbox, f"{kind}_{day(number)}.csv", [(*row, number) for row in rows], header=header)
        run_folder(district, district.settings.inbox, Engine(validator=validate))


def _compared(district: District, resource: str, lapsed: Sequence[str] = ()) -> dict[str, object]:
    """What has to agree: quarantine whole, open problems (a lapsed rule keeps its own), and the warehouse's rows that are not stale."""
    try:
        current, quarantine, register = (read(district.lake, layer, resource) for layer in ("warehouse", "quarantine", "problems"))
    except Exception:  # never delivered
        return {}
    content = [name for name in ("code", "name", "amount", "remark") if name in current.columns]
    standing = current.filter(~pl.col("_stale")).select(content)
    problems = register.filter((pl.col("state") == "open") & (pl.col("key") != "") & ~pl.col("rule").is_in(lapsed))
    return {
        "warehouse": sorted(map(repr, standing.rows())),
        "quarantine": sorted(map(repr, quarantine.with_columns(pl.col("rules").list.sort()).drop("reasons").rows())),
        "problems": sorted(
            map(repr, problems.select("problem_id", "rule", "key", "item", "severity", "on_failure", "file", "row", "value").rows())
        ),
    }


@pytest.mark.slow
@settings(LAWS, max_examples=20)
@given(FILES, st.sampled_from(CHANGES))
def test_a_late_change_comes_to_what_an_early_one_does(files: list[tuple[str, list[Row]]], change: dict[str, str]) -> None:
    lapsed = ["amount.range"] if "effective_until" in str(change) else []
    with TemporaryDirectory() as folder:
        early = _district(Path(folder) / "early", change)
        with early.store:
            _live(early, files)
            wanted = {resource: _compared(early, resource, lapsed) for resource in (PEOPLE, PAYMENTS, VISITS)}
        late = _district(Path(folder) / "late", {})
        with late.store:
            _live(late, files)
        changed = _district(Path(folder) / "late", change)
        with changed.store:
            results = revalidate_outdated(changed, Engine(validator=validate))
            assert [result.error for result in results if result.error] == []
            assert {resource: _compared(changed, resource, lapsed) for resource in wanted} == wanted
            assert outdated(changed) == {}
            before = tables(changed)
            assert revalidate_outdated(changed, Engine(validator=validate)) == []
            assert tables(changed) == before
