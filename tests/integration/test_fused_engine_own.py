"""Our own expectations: in the fused engine, in GX's own pandas engine, and in what they say to people."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from districtlake.quality.rules import REFERENCE_EXPECTATION, Rule
from expectations.compile import suite_of
from expectations.own import MODULES
from expectations.references import references_at_hand, referred_values
from expectations.sources import source_of
from expectations.validate import excuse, run_suite, validate
from tests.gx_alone import assert_gx_agrees
from tests.own_rules import AROUND, COLUMNS, MAN, OLD, RULES, WOMAN

BIRTH = Rule("birth", "t", (), "expect_column_pair_birth_date_to_match_citizen_id", {"column_A": "birth", "column_B": "citizen_id"})
SEX = Rule("sex", "t", (), "expect_column_pair_sex_to_match_citizen_id", {"column_A": "sex", "column_B": "citizen_id"})
AGE = Rule(
    "age", "t", (), "expect_column_pair_date_to_be_at_age_by_citizen_id", {"column_A": "birth", "column_B": "citizen_id", "min_years": 20}
)
EXISTS = Rule("exists", "t", (), REFERENCE_EXPECTATION, {"column": "citizen_id", "resource": "police.population", "item": "citizen_id"})


def people(*rows: tuple[Any, Any, Any]) -> pl.DataFrame:
    schema = {"citizen_id": pl.String, "birth": pl.Date, "sex": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


CASES = people(
    (WOMAN, date(1949, 12, 31), "2"),
    (WOMAN, date(1949, 12, 30), "1"),  # both wrong
    (MAN, date(1949, 12, 31), "1"),
    (OLD, date(1950, 1, 1), "1"),  # 15 digits: not asked
    ("11010519490231002X", date(1949, 2, 28), "9"),  # a day that does not exist, a sex not stated: not asked
    (None, date(1949, 12, 31), "2"),
    (WOMAN, None, None),
    ("11010519491231002x", date(1950, 1, 1), "1"),  # not of the normalised form: not asked
    ("1101051949123100２X", date(1950, 1, 1), "1"),
    (WOMAN + "\n", date(1950, 1, 1), "1"),
)


def test_the_age_on_a_date_is_counted_from_the_day_of_birth_in_the_id() -> None:
    frame = people(
        (WOMAN, date(1969, 12, 31), None),  # twenty on this day
        (WOMAN, date(1969, 12, 30), None),
        ("110105200002290018", date(2020, 2, 29), None),
        ("110105200002290018", date(2020, 2, 28), None),
        (None, date(1950, 1, 1), None),
        (OLD, date(1950, 1, 1), None),
    )
    validation = validate("a.b", frame, [AGE], nobody)
    assert [(r.outcome, r.evaluated, r.failed) for r in validation.results] == [("failed", 4, 2)]
    assert validation.failures["_index"].to_list() == [1, 3]


def nobody(resource: str, item: str) -> None:
    return None


def test_birth_date_and_sex_are_held_against_the_id() -> None:
    validation = validate("a.b", CASES, [BIRTH, SEX], nobody)
    assert [(r.outcome, r.evaluated, r.failed) for r in validation.results] == [("failed", 3, 1), ("failed", 3, 1)]
    assert validation.failures.rows() == [(1, "birth"), (1, "sex")]


def test_sex_codes_may_be_a_number_or_an_enum() -> None:
    for dtype in (pl.Int8, pl.Enum(["0", "1", "2", "9"])):
        (result,) = validate("a.b", CASES.with_columns(pl.col("sex").cast(dtype)), [SEX], nobody).results
        assert (result.evaluated, result.failed) == (3, 1)


def test_they_take_mostly_and_row_condition_as_any_expectation() -> None:
    selected = Rule("s", "t", (), SEX.expectation, {**SEX.arguments, "row_condition": 'sex == "1"', "mostly": 0.5})
    (result,) = validate("a.b", CASES, [selected], nobody).results
    assert (result.outcome, result.evaluated, result.failed) == ("passed", 2, 1)


def test_a_reference_is_looked_up_once_and_misses_are_named() -> None:
    asked: list[tuple[str, str]] = []

    def lookup(resource: str, item: str) -> pl.Series:
        asked.append((resource, item))
        return pl.Series([WOMAN, None])

    again = Rule("again", "t", (), EXISTS.expectation, {**EXISTS.arguments, "mostly": 0.1})
    validation = validate("a.b", CASES[:6], [EXISTS, again], lookup)
    assert asked == [("police.population", "citizen_id")]
    assert [(r.outcome, r.evaluated, r.failed) for r in validation.results] == [("failed", 5, 3), ("passed", 5, 3)]
    assert validation.failures.filter(pl.col("rule") == "exists").get_column("_index").to_list() == [2, 3, 4]


@pytest.mark.parametrize(
    ("column", "known", "failed"),
    [
        (pl.Series([1, 2, None]), pl.Series(["1"]), 1),
        (pl.Series(["1", "2"]), pl.Series([1, 3]), 1),
        (pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])), pl.Series(["a"]), 1),
        (pl.Series(["a"]), pl.Series(["a", "z"], dtype=pl.Enum(["a", "z"])), 0),
        (pl.Series(["a"]), pl.Series([], dtype=pl.String), 1),
        (pl.Series([date(2020, 1, 1)]), pl.Series([date(2020, 1, 1)]), 0),
    ],
)
def test_types_on_the_two_sides_may_differ(column: pl.Series, known: pl.Series, failed: int) -> None:
    rule = Rule("r", "t", (), REFERENCE_EXPECTATION, {"column": "c", "resource": "a.b", "item": "c"})
    assert validate("a.b", column.to_frame("c"), [rule], lambda *_: known).results[0].failed == failed


def test_a_resource_never_delivered_is_not_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expectations.session.run", lambda *a: pytest.fail("GX was asked"))
    (result,) = validate("a.b", CASES, [EXISTS], nobody).results
    assert (result.outcome, result.failed) == ("not_evaluated", 0)
    assert "police.population" in result.reason


def test_values_are_at_hand_only_while_validating() -> None:
    with references_at_hand({("a.b", "c"): pl.Series([1])}):
        assert referred_values("a.b", "c").to_list() == [1]
        with pytest.raises(LookupError, match=r"a\.b\.d"):
            referred_values("a.b", "d")
    with pytest.raises(LookupError):
        referred_values("a.b", "c")


def test_reference_values_never_reach_gx() -> None:
    (expectation,) = suite_of("a.b", [EXISTS]).expectations
    assert set(expectation.configuration.kwargs) == {"column", "resource", "item"}


# ---- the pandas implementation: GX's own engine gives the same counts

ids = st.sampled_from([WOMAN, MAN, OLD, None, "", "11010519490231002X", "x" * 18, "11010520000229001X"])
rows = st.tuples(
    ids, st.sampled_from([None, date(1949, 12, 31), date(2000, 2, 29), date(2020, 2, 28)]), st.sampled_from([None, "0", "1", "2", "9"])
)


@settings(max_examples=20, deadline=None)
@given(st.lists(rows, max_size=8))
def test_gx_alone_agrees(drawn: list[Any]) -> None:
    frame = people(*drawn)
    known = pl.Series([WOMAN, ""])
    rules = [BIRTH, SEX, AGE, EXISTS]
    assert_gx_agrees(validate("a.b", frame, rules, lambda *_: known), frame, rules, lambda *_: known)


drawn_rows = st.fixed_dictionaries(
    {
        "id": st.sampled_from(
            [WOMAN, OLD, None, "", "330203209906150018", "33999919900101001X", "91110119900101001X", "六个汉字正好", "ABC123456789012"]
        ),
        "uscc": st.sampled_from([None, "91330203MA2AFAAA4Y", "91330203MA2AFAAA4X", "330203000000017", "", "一二三四五六"]),
        "org_code": st.sampled_from([None, "002943395", "002943394", "", "组织码"]),
        "division": st.sampled_from([None, "330204", "330227", "330203001", "33", "999999", "", "三三〇"]),
        "day": st.sampled_from([None, date(1950, 1, 1), date(2001, 5, 5), date(2016, 5, 5), date(2020, 2, 29)]),
        "code": st.sampled_from([None, "1", "9", ""]),
        "name": st.sampled_from([None, "张三", "阿不都 热合曼", "李四", ""]),
    }
)


@settings(max_examples=8, deadline=None)
@given(st.lists(drawn_rows, max_size=8))
def test_gx_alone_agrees_on_standards_and_surroundings(drawn: list[Any]) -> None:
    frame = pl.DataFrame(drawn, schema=COLUMNS)
    assert_gx_agrees(validate("a.b", frame, RULES, AROUND), frame, RULES, AROUND)


def test_each_is_answered_by_the_fused_engine() -> None:
    frame = pl.DataFrame(
        {"id": [WOMAN], "uscc": ["x"], "org_code": ["x"], "division": ["330203"], "day": [date(2020, 1, 1)], "code": ["1"], "name": ["x"]}
    )
    excused, values = excuse("a.b", RULES, AROUND)
    assert excused == {}
    assert run_suite("a.b", source_of(frame), RULES, values).unfused_seconds(RULES) == {}


# ---- what they say


@pytest.mark.parametrize("module", MODULES)
def test_each_renders_a_sentence_in_both_languages(module: str) -> None:
    rule = {r.expectation: r for r in (BIRTH, SEX, AGE, EXISTS, *RULES)}[module]
    (expectation,) = suite_of("a.b", [rule]).expectations
    from great_expectations.expectations.registry import get_renderer_impl
    from great_expectations.render.renderer.inline_renderer import InlineRenderer

    _, legacy = get_renderer_impl(module, "renderer.prescriptive")
    (block,) = legacy(configuration=expectation.configuration)
    template = block.to_json_dict()["string_template"]
    assert "须" in template["template"]
    assert "must" in template["template"]
    said = {str(rule.arguments[key]) for key in type(expectation).sentence_arguments if key in rule.arguments}
    assert set(template["params"].values()) >= said
    plain = expectation.configuration
    plain.description = None
    atomic = next(part for part in InlineRenderer(render_object=plain).get_rendered_content() if part.name == "atomic.prescriptive.summary")
    assert "须" in atomic.value.template
    assert atomic.exception is None
