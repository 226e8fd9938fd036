"""Tolerance, days and versions of rules: what the catalogue takes, what it refuses and how, what each does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from districtlake.catalog.check import check_catalog
from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import Catalog, Check, Terms
from districtlake.quality.derive import rules_of
from districtlake.quality.fingerprints import changes_between, rule_set
from districtlake.quality.results import results_frame, tolerance_of
from districtlake.quality.rules import Rule
from districtlake.quality.tolerance import Baseline, after, tolerated
from districtlake.quality.validation import RuleResult
from tests.small_district import NOON, PAYMENTS, write_catalog

RULE = Rule("amount.range", "数量", ("amount",), "expect_column_values_to_be_between", {"column": "amount"}, tolerance="not_worse")
DAY = date(2026, 3, 6)


def entry(folder: Path, *changes: tuple[str, str], resource: str = PAYMENTS) -> Path:
    path = write_catalog(folder) / "resources" / f"{resource.replace('.', '/')}.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return folder


def loaded(folder: Path, *changes: tuple[str, str]) -> Catalog:
    return load_catalog([entry(folder, *changes)])


@pytest.mark.parametrize(("written", "kept"), [("5%", 0.05), (0.05, 0.05), ("0.5 %", 0.005), ("not_worse", "not_worse"), (None, None)])
def test_a_tolerance_is_not_worse_or_a_share(written: object, kept: object) -> None:
    assert Terms(tolerance=written).tolerance == kept  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["better", "x%", 0, 1, 1.5, "100%", True, [1]])
def test_anything_else_is_refused_with_what_to_write(written: object) -> None:
    with pytest.raises(ValidationError, match="write not_worse, or a share"):
        Terms(tolerance=written)  # type: ignore[arg-type]


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="swap them"):
        Terms(effective_from=date(2026, 2, 1), effective_until=date(2026, 1, 1))
    with pytest.raises(ValidationError, match="keep one of them"):
        Check.model_validate({"expect": "expect_column_values_to_not_be_null", "column": "a", "mostly": 0.9, "tolerance": "5%"})
    with pytest.raises(ValidationError, match="judges the delivery; widen its bounds"):
        Check.model_validate({"expect": "expect_table_row_count_to_be_between", "min_value": 1, "tolerance": "not_worse"})


def test_terms_reach_derived_and_declared_rules(tmp_path: Path) -> None:
    catalog = loaded(
        tmp_path,
        ("max: 100}", "max: 100, rules: {range: {tolerance: 5%, version: 3, effective_from: 2026-07-01}}}"),
        ("max_value: 8,", "max_value: 8, tolerance: not_worse, effective_until: 2026-12-31,"),
    )
    rules = {rule.id: rule for rule in rules_of(catalog.resources[PAYMENTS], catalog)}
    ranged, brief = rules["amount.range"], rules["name.brief"]
    assert (ranged.version, ranged.arguments["mostly"], tolerance_of(ranged)) == (3, 0.95, "5%")
    assert [ranged.in_force(date(2026, 6, 30)), ranged.in_force(date(2026, 7, 1))] == [False, True]
    assert (brief.tolerance, "mostly" in brief.arguments) == ("not_worse", False)
    assert [brief.in_force(date(2026, 12, 31)), brief.in_force(date(2027, 1, 1))] == [True, False]
    assert brief.why_not_in_force(date(2027, 1, 1)) == "规则已于2026-12-31后失效"


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        (("max: 100}", "max: 100, rules: {pattern: {version: 2}}}"), "items[amount].rules.pattern", "implies no rule 'pattern'"),
        (("element: household_no, required: true}", "element: household_no, required: true, rules: {required: {effective_from: 2026-07-01}}}"), "items[code].rules.required", "a key item is judged always"),
        (("max: 100}", "max: 100, rules: {conforms: {effective_from: 2026-07-01}}}"), "items[amount].rules.conforms", "would pass as an empty cell"),
        (("max: 100}", "max: 100, rules: {range: {tolerance: maybe}}}"), "items[amount].rules.range.tolerance", "is no tolerance"),
        (("max: 100}", "max: 100, rules: {ranges: {version: 2}}}"), "items[amount].rules", "ranges"),
    ],
)  # fmt: skip
def test_the_check_of_the_catalogue_names_file_key_and_remedy(change: tuple[str, str], key: str, said: str, tmp_path: Path) -> None:
    found = [
        finding
        for finding in check_catalog([entry(tmp_path, change)])
        if finding.level == "error" and "rules" in finding.key + finding.problem
    ]
    assert len(found) == 1
    assert found[0].file.endswith("payments.yaml")
    assert found[0].key.startswith(key)
    assert said in f"{found[0].problem} {found[0].key}"
    assert found[0].remedy


@given(st.integers(1, 50), st.integers(0, 50), st.integers(1, 50), st.integers(0, 50))
def test_not_worse_fails_exactly_when_the_share_grew(b: int, f: int, b0: int, f0: int) -> None:
    f, f0 = min(f, b), min(f0, b0)
    judged = RuleResult(RULE, "failed" if f else "passed", evaluated=b, failed=f)
    (result,) = tolerated([judged], {RULE.id: Baseline("d1", 1, b0, f0)})
    from fractions import Fraction

    assert (result.outcome == "failed") == (Fraction(f, b) > Fraction(f0, b0))
    assert (result.evaluated, result.failed) == (b, f)
    row = results_frame([result], "d2", NOON).row(0, named=True)
    assert (row["baseline_delivery"], row["baseline_evaluated"], row["baseline_passed"], row["tolerance"]) == (
        "d1",
        b0,
        b0 - f0,
        "not_worse",
    )
    assert f"{b - f}/{b}" in row["reason"]


def test_with_nothing_to_compare_with_the_rule_itself_decides() -> None:
    failed = RuleResult(RULE, "failed", evaluated=4, failed=1)
    for baselines in ({}, {RULE.id: Baseline("d1", 2, 10, 9)}):
        (result,) = tolerated([failed], baselines)
        assert (result.outcome, result.baseline) == ("failed", None)
        assert "没有同一版本" in result.reason


def test_a_delivery_without_a_row_for_the_rule_is_no_measure() -> None:
    before = {RULE.id: Baseline("d1", 1, 10, 1)}
    empty = RuleResult(RULE, "passed", evaluated=0)
    assert after(before, [empty], "d2") == before
    assert after(before, [RuleResult(RULE, "not_evaluated")], "d2") == before
    assert after(before, [RuleResult(RULE, "failed", evaluated=8, failed=2)], "d3")[RULE.id].delivery == "d3"


CHANGES = {
    "bound": (("max: 100}", "max: 99}"), "变更 amount.range"),
    "version": (("max_value: 8,", "max_value: 8, version: 2,"), "变更 name.brief"),
    "fate": (("max_value: 8,", "max_value: 8, on_failure: quarantine,"), "变更 name.brief"),
    "missing": (("element: count_integer,", "element: count_integer, missing: [无数],"), "变更 amount.conforms、amount.range"),
    "removed": (("max: 100}", "max: 100, rules: {range: {effective_until: 2026-03-05}}}"), "失效 amount.range"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_meaning_is_noticed(name: str, tmp_path: Path) -> None:
    change, told = CHANGES[name]
    before = loaded(tmp_path / "a")
    now = loaded(tmp_path / "b", change)
    was, new = (rule_set(catalog.resources[PAYMENTS], catalog, DAY) for catalog in (before, now))
    assert was.fingerprint != new.fingerprint
    assert changes_between(was.rules, new).words() == told


@pytest.mark.parametrize(
    "change", [("title: 名称应简短", "title: 名称要短"), ("max_value: 8,", "max_value: 8, tolerance: 10%,"), ("title: 支付", "title: 付款")]
)
def test_what_changes_no_verdict_is_no_change(change: tuple[str, str], tmp_path: Path) -> None:
    before = loaded(tmp_path / "a")
    now = loaded(tmp_path / "b", change)
    assert rule_set(before.resources[PAYMENTS], before, DAY).fingerprint == rule_set(now.resources[PAYMENTS], now, DAY).fingerprint


def test_a_code_added_to_a_list_changes_the_rules_that_use_it(tmp_path: Path) -> None:
    shipped = load_catalog([Path("catalog")])
    resource = next(r for r in shipped.resources.values() if any(shipped.code_list_of(item) for item in r.items))
    item = next(item for item in resource.items if shipped.code_list_of(item))
    codes = shipped.code_list_of(item)
    assert codes is not None
    longer = codes.model_copy(update={"codes": {**codes.codes, "ZZZ": "新增"}})
    other = shipped.model_copy(update={"code_lists": {**shipped.code_lists, codes.id: longer}})
    changed = changes_between(rule_set(resource, shipped, DAY).rules, rule_set(resource, other, DAY))
    assert f"{item.name}.conforms" in changed.changed
    assert all(
        rule.split(".")[0] in {i.name for i in resource.items if shipped.code_list_of(i) == codes}
        for rule in changed.changed
        if rule.endswith(".conforms")
    )
