"""What our own expectations say of cells and deliveries: standards, code lists, other resources, cycles, counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from districtlake.catalog.models import Element, Item
from districtlake.errors import ValidationFailed
from districtlake.quality.rules import Rule
from districtlake.quality.surroundings import Surroundings
from districtlake.standards.kind import CellContext
from districtlake.standards.kinds import KINDS
from expectations.validate import validate
from tests.gx_alone import assert_gx_agrees
from tests.own_rules import (
    AROUND,
    CITIZEN_ID,
    CODE,
    COLUMNS,
    COUNT,
    DIVISION,
    DIVISION_THEN,
    EQUAL,
    FRESH,
    MAN,
    OLD,
    ORG_CODE,
    SEX_CODES,
    USCC,
    WOMAN,
    population,
    varied,
)  # fmt: skip


def failing(validation: Any, rule: str) -> list[int]:
    return validation.failures.filter(pl.col("rule") == rule)["_index"].to_list()


def judged(rule: Rule, cells: list[Any], around: Surroundings = AROUND) -> list[int]:
    """Positions of the cells of one column that a rule refuses."""
    frame = pl.DataFrame({**{n: pl.Series([None] * len(cells), dtype=t) for n, t in COLUMNS.items()}, rule.arguments["column"]: cells})
    return failing(validate("a.b", frame, [rule], around), rule.id)


def test_citizen_ids_by_the_order_of_tests() -> None:
    ids = [
        WOMAN, "330203193001010017", "33021319700615001X",  # regions younger than their holders
        "330203209906150018", "330203190002290010", "330203202402290015", OLD, "810000199001010018", "911101199001010011",
        "330203199006150017", "ABC123456789012", "3.30203E+17", None,
    ]  # fmt: skip
    kinds = {"legacy": 6, "permit": 7, "foreigner": 8}
    ids[kinds["permit"]] = with_check(str(ids[kinds["permit"]])[:17])
    ids[kinds["foreigner"]] = with_check(str(ids[kinds["foreigner"]])[:17])
    wrong = [3, 4, 9, 11]
    assert judged(CITIZEN_ID, ids) == sorted([*wrong, kinds["legacy"]])
    assert judged(varied(CITIZEN_ID, "x", accept_15_digits=True), ids) == wrong
    assert judged(varied(CITIZEN_ID, "x", accept_15_digits=True, accept_residence_permits=False), ids) == sorted([*wrong, kinds["permit"]])
    assert judged(varied(CITIZEN_ID, "x", accept_15_digits=True, accept_foreigners=False), ids) == sorted([*wrong, kinds["foreigner"], 10])
    assert judged(CITIZEN_ID, [with_check("33020320260303001")]) == []  # born on the day of receipt
    assert judged(CITIZEN_ID, [with_check("33020320260304001")]) == [0]
    unknown = [with_check("33999919900101001")]
    assert (judged(CITIZEN_ID, unknown), judged(varied(CITIZEN_ID, "x", region_known=True), unknown)) == ([], [0])


def with_check(seventeen: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return seventeen + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(seventeen, weights, strict=True)) % 11]


def test_social_credit_and_organisation_codes() -> None:
    usccs = ["91330203MA2AFAAA4Y", "N2330203MF1234567E", "91330203MA2AFAAA4X", "000000000000000000", "330203000000017", None]
    assert judged(USCC, usccs) == [2, 3, 4]
    body = "91330203MA2AFAAA5"  # an organisation code that does not hold
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(alphabet.index(char) * pow(3, place, 31) for place, char in enumerate(body))
    second = [body + alphabet[(31 - total % 31) % 31], usccs[0]]
    assert (judged(USCC, second), judged(varied(USCC, "x", org_code_check=True), second)) == ([], [0])
    assert judged(ORG_CODE, ["002943395", "D2143569X", "002943394", "00294339-5", "", None]) == [2, 3, 4]


def test_division_codes_of_a_day() -> None:
    codes = ["330203", "330204", "330227", "330283", "330212", "330213", "330203001", "999999", "330203199001010011", "0330203", None]
    assert judged(DIVISION, codes) == [7, 8, 9]  # in any year
    for day, wrong in {
        "1975-01-01": [], "2001-12-31": [4, 5], "2002-06-01": [5], "2003-01-01": [2, 5], "2016-07-01": [2], "2017-01-01": [1, 2, 3],
    }.items():  # fmt: skip
        assert judged(varied(DIVISION, "x", valid_on=day), codes) == [*wrong, 7, 8, 9], day
    assert judged(varied(DIVISION, "x", valid_on="data_date"), codes) == [1, 2, 3, 7, 8, 9]
    assert judged(varied(DIVISION, "x", valid_on="data_date"), codes, replace(AROUND, data_date=None)) == [7, 8, 9]
    frame = pl.DataFrame(
        {
            "division": ["330204", "330204", "330204", "330204", None],
            "day": [date(2015, 1, 1), date(2016, 12, 31), date(2017, 1, 1), None, None],
        }
    )
    (result,) = (found := validate("a.b", frame, [DIVISION_THEN], AROUND)).results
    assert (result.evaluated, failing(found, DIVISION_THEN.id)) == (4, [2])


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        (pl.Series([1, 9, None]), [1]),
        (pl.Series([1.0, 1.5, None]), [1]),
        (pl.Series(["1", "9"], dtype=pl.Enum(["1", "9"])), [1]),
        (pl.Series([date(2020, 1, 1)]), [0]),
        (pl.Series([], dtype=pl.String), []),
    ],
)
def test_a_column_of_another_type_is_judged_by_its_spelling(cells: pl.Series, wrong: list[int]) -> None:
    frame = cells.to_frame("code")
    found = validate("a.b", frame, [CODE], AROUND)
    assert failing(found, CODE.id) == wrong
    assert_gx_agrees(found, frame, [CODE], AROUND)


def test_a_code_list_by_its_id_and_a_partial_one_proves_nothing() -> None:
    assert judged(CODE, ["1", "2", "3", "男", None]) == [2, 3]
    partial = SEX_CODES.model_copy(update={"partial": True})
    (result,) = validate("a.b", pl.DataFrame({"code": ["9"]}), [CODE], replace(AROUND, code_lists={"sex": partial})).results
    assert result.outcome == "not_evaluated"
    assert "不完整" in result.reason
    with pytest.raises(ValidationFailed, match="no code list 'sex'"):
        validate("a.b", pl.DataFrame({"code": ["9"]}), [CODE], replace(AROUND, code_lists={}))


def test_values_are_compared_with_another_resource_as_it_stood() -> None:
    frame = pl.DataFrame({"name": ["阿不都热合曼", "张 三", "张三", None, "王五"], "id": [WOMAN, MAN, OLD, WOMAN, "nobody"]})
    then, now = EQUAL, varied(EQUAL, "now", as_of="now")
    found = validate("a.b", frame, [then, now], AROUND)
    assert [(r.evaluated, failing(found, r.rule.id)) for r in found.results] == [(2, []), (2, [1])]
    (exact,) = validate("a.b", frame, [varied(EQUAL, "exact", normalise="exact")], AROUND).results
    assert (exact.evaluated, exact.failed) == (2, 2)
    undated = validate("a.b", frame, [then], replace(AROUND, data_date=None)).results[0]
    never = validate("a.b", frame, [now], replace(AROUND, records=lambda *_: None)).results[0]
    nothing_yet = validate(
        "a.b", frame, [then], replace(AROUND, records=lambda *_: population("", ("citizen_id", "name"), None).clear())
    ).results[0]
    for result in (undated, never, nothing_yet, validate("a.b", frame, [now], lambda *_: None).results[0]):
        assert result.outcome == "not_evaluated"
        assert result.reason


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (pl.Series([10, None]), pl.Series(["10", "1"]), True),
        (pl.Series([Decimal("10.50")]), pl.Series([Decimal("10.5")], dtype=pl.Decimal(18, 3)), True),
        (pl.Series([10.0]), pl.Series([10]), True),
        (pl.Series([100]), pl.Series([Decimal("100.00")]), True),
        (pl.Series([date(2020, 1, 1)]), pl.Series([date(2020, 1, 1)]), True),
        (pl.Series([date(2020, 1, 1)]), pl.Series(["2020-01-01"]), True),
        (pl.Series(["男"], dtype=pl.Enum(["男"])), pl.Series(["男"]), True),
        (pl.Series([10]), pl.Series([1]), False),
    ],
)
def test_equal_values_of_other_types_are_equal(ours: pl.Series, theirs: pl.Series, same: bool) -> None:
    frame = pl.DataFrame({"value": ours, "part": ["a"] * len(ours), "key": range(len(ours))})
    there = pl.DataFrame({"value": theirs, "part": ["a"] * len(theirs), "key": range(len(theirs))})
    arguments = {"column_list": ["value", "part", "key"], "resource": "p.q", "item": "value", "key": ["part", "key"]}
    rules = [Rule("r", "t", (), EQUAL.expectation, arguments)]
    around = replace(AROUND, records=lambda resource, items, day: there.select(items))
    found = validate("a.b", frame, rules, around)
    assert found.results[0].failed == (0 if same else 1)
    assert_gx_agrees(found, frame, rules, around)


def test_freshness_by_cycle_and_grace() -> None:
    frame = pl.DataFrame({"x": [1]})
    for days, cycle, outcome in ((2, "daily", "passed"), (3, "daily", "failed"), (30, "monthly", "passed"), (40, "monthly", "failed")):
        around = replace(AROUND, data_date=date(2026, 3, 3) - timedelta(days), update_cycle=cycle)
        (result,) = validate("a.b", frame, [FRESH], around).results
        assert (result.outcome, result.observed["days"], result.observed["update_cycle"]) == (outcome, days, cycle)
    (declared,) = validate("a.b", frame, [varied(FRESH, "x", update_cycle="yearly")], replace(AROUND, data_date=date(2025, 6, 1))).results
    assert declared.outcome == "passed"
    for unknown in ({"data_date": None}, {"update_cycle": "irregular"}, {"update_cycle": ""}, {"received_at": None}):
        (result,) = validate("a.b", frame, [FRESH], replace(AROUND, **unknown)).results
        assert result.outcome == "not_evaluated"
        assert result.reason


def test_the_number_of_rows_is_held_against_earlier_deliveries() -> None:
    def outcome(rows: int, earlier: tuple[int, ...] | None, **arguments: Any) -> str:
        rule = replace(COUNT, arguments=arguments)
        return validate("a.b", pl.DataFrame({"x": range(rows)}), [rule], replace(AROUND, row_counts=earlier)).results[0].outcome

    steady, lively = (100,) * 5, (90, 100, 110, 100, 95)
    assert [outcome(n, steady, within=0.1) for n in (90, 110, 89, 111)] == ["passed", "passed", "failed", "failed"]
    assert [outcome(n, lively, mads=4) for n in (80, 120, 79, 121)] == ["passed", "passed", "failed", "failed"]
    assert [outcome(n, steady, mads=4) for n in (100, 101)] == ["passed", "failed"]  # nothing ever moved
    assert outcome(105, steady, mads=4, within=0.1) == "passed"
    assert outcome(200, (100, 100, 100, 200, 200, 200), within=0.1, last=3) == "passed"
    assert outcome(100, (100, 100), within=0.1) == outcome(100, None, within=0.1) == "not_evaluated"
    assert outcome(0, (0, 0, 0), within=0.1) == "passed"


def test_what_a_kind_calls_an_error_fails() -> None:
    """The expectation and the cleansing of the same element judge alike: there is one implementation."""
    frame = pl.DataFrame({"id": [WOMAN, "33020319900101001X", "x"]})
    verdict = judged(CITIZEN_ID, frame["id"].to_list())
    kind = KINDS["citizen_id"]
    plain = Element.model_validate(
        {"id": "e", "name": "e", "name_en": "", "definition": "", "data_type": "C", "format": "", "domain": "", "kind": "citizen_id"}
    )
    cleaned = kind.clean(frame["id"], CellContext(plain, Item(name="id", title="号码", element="e"), None, date(2026, 3, 3)))
    errors = [code for code, meaning in kind.codes.items() if meaning.severity == "error"]
    assert verdict == cleaned.status.cast(pl.String).is_in(errors).arg_true().to_list()
