"""Marts over the small district: ``base.totals`` (incremental, one row a name), ``base.big`` (reads it), ``other.notes`` (reads the neighbour)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from districtlake.delivery.district import District
from districtlake.delivery.process import Engine
from districtlake.marts import record, table
from districtlake.marts.build import build_marts
from districtlake.marts.record import Build
from districtlake.quality.rules import Rule
from districtlake.quality.validation import ReferenceLookup, RuleResult, Validation
from tests import plain_validator
from tests.running import run_pending

LIBRARIES = "base: {name: 基础, kind: base}\nother: {name: 其他}\n"
TOTALS_YAML = """
title: 合计
description: 一个名称一行
owner: office@district.example
key: [name]
columns:
  - {name: name, title: 名称, element: remark}
  - {name: people, title: 人数, type: integer}
  - {name: amount, title: 数量, type: integer}
  - {name: paid, title: 支付, type: integer}
checks:
  - {id: people.some, title: 人数应大于零, expect: expect_column_values_to_be_between, column: people, min_value: 1, on_failure: hold}
incremental:
  changes:
    registry_bureau.people: {name: name}
    registry_bureau.payments: {name: name}
"""
TOTALS_SQL = """
with paid as (select name, sum(amount) as paid from registry_bureau.payments group by name)
select p.name, count(*) as people, coalesce(sum(p.amount), 0) as amount, coalesce(any_value(b.paid), 0) as paid
from registry_bureau.people p
left join paid b on b.name = p.name
group by p.name
"""
BIG_YAML = """
title: 大户
description: 数量大的名称
owner: office@district.example
key: [name]
columns:
  - {name: name, title: 名称, element: remark}
  - {name: amount, title: 数量, type: integer}
"""
BIG_SQL = "select name, amount from base.totals where amount >= 10\n"
NOTES_YAML = BIG_YAML.replace("大户", "邻局")
NOTES_SQL = "select name, coalesce(sum(amount), 0) as amount from other_bureau.notes group by name\n"

MARTS = {
    "base/totals": (TOTALS_YAML, TOTALS_SQL),
    "base/big": (BIG_YAML, BIG_SQL),
    "other/notes": (NOTES_YAML, NOTES_SQL),
}


def write_marts(catalog: Path, **sql: str) -> None:
    """The marts below the small catalogue; ``sql`` replaces the statement of a mart by its name."""
    (catalog / "marts").mkdir(exist_ok=True)
    (catalog / "marts" / "libraries.yaml").write_text(LIBRARIES, encoding="utf-8")
    for path, (yaml, select) in MARTS.items():
        target = catalog / "marts" / f"{path}.yaml"
        target.parent.mkdir(exist_ok=True)
        target.write_text(yaml, encoding="utf-8")
        target.with_suffix(".sql").write_text(sql.get(target.stem, select), encoding="utf-8")


def judge(resource: str, frame: pl.DataFrame, rules: Sequence[Rule], references: ReferenceLookup) -> Validation:
    return plain_validator.validate(resource, frame, rules, references)


def passing(resource: str, frame: pl.DataFrame, rules: Sequence[Rule], references: ReferenceLookup) -> Validation:
    """Finds nothing wrong, whatever the rules are."""
    results = tuple(RuleResult(rule, "passed", evaluated=frame.height) for rule in rules)
    return Validation(results, pl.DataFrame(schema={"_index": pl.UInt32, "rule": pl.String}))


def process(district: District, folder: Path) -> None:
    from districtlake.delivery.receive import receive

    receive(district, folder)
    run_pending(district, Engine(validator=plain_validator.validate))


def built(district: District, names: Sequence[str] | None = None, *, full: bool = False) -> dict[str, Build]:
    return {build.mart: build for build in build_marts(district, judge, names, full=full)}


def rows(district: District, mart: str) -> list[tuple[object, ...]]:
    return sorted(table.scan_mart(district.lake, mart).collect().rows(), key=repr)


def recorded(district: District, mart: str) -> list[str]:
    return record.builds(district.lake).filter(pl.col("mart") == mart)["outcome"].to_list()
