"""The rules of a resource: what an item implies, the key, the declared checks."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import polars as pl
import pytest

from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import Agency, Catalog, Check, CodeList, Element, Resource
from districtlake.errors import CatalogError
from districtlake.quality.derive import rules_of
from districtlake.quality.rules import REFERENCE_EXPECTATION, Rule
from districtlake.settings import PROJECT_ROOT


def _text(element: Element) -> pl.DataType:
    return pl.String()


ERROR = SimpleNamespace(severity="error", reason="写错了。")
WARNING = SimpleNamespace(severity="warning", reason="少见。")


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four kinds with known codes, so that these tests speak of derivation only."""
    module = ModuleType("districtlake.standards.kinds")
    module.KINDS = {  # type: ignore[attr-defined]
        "citizen_id": SimpleNamespace(dtype=_text, codes={"bad_digit": ERROR, "odd_region": WARNING, "short": ERROR}),
        "code": SimpleNamespace(dtype=_text, codes={"unknown_code": ERROR}),
        "integer": SimpleNamespace(dtype=lambda element: pl.Int64(), codes={"unreadable": ERROR}),
        "text": SimpleNamespace(dtype=_text, codes={}),
    }
    monkeypatch.setitem(sys.modules, "districtlake.standards.kinds", module)


def element(id_: str, kind: str, **more: Any) -> Element:
    given = {"name": f"元{id_}", "name_en": id_, "definition": "d", "data_type": "C", "format": "c", "domain": "某标准", **more}
    return Element(id=id_, kind=kind, **given)


def resource(items: list[dict[str, Any]], key: list[str] | None = None, checks: list[dict[str, Any]] | None = None) -> Resource:
    return Resource.model_validate(
        {
            "agency": "bureau",
            "name": "thing",
            "code": "301001001/1",
            "title": "事物",
            "business": "b",
            "system": "s",
            "items": items,
            "storage_format": "spreadsheet",
            "sharing": {"class": "unconditional"},
            "opening": {"class": "unconditional"},
            "provision": ["api"],
            "update_cycle": "daily",
            "sharing_term": "permanent",
            "key": key or [],
            "source": {"files": "a*.csv", "mode": "append"},
            "checks": checks or [],
        }
    )


def catalog(*resources: Resource, partial: bool = False) -> Catalog:
    return Catalog(
        agencies={"bureau": Agency(id="bureau", name="局", kind="administrative_organ")},
        elements={
            "person": element("person", "citizen_id"),
            "status": element("status", "code", codes="statuses"),
            "number": element("number", "integer", data_type="N"),
            "words": element("words", "text"),
            "strange": element("strange", "telepathy"),
        },
        code_lists={"statuses": CodeList(id="statuses", name="状态", source="s", partial=partial, codes={"1": "好"})},
        resources={r.id: r for r in resources},
    )


def rules(items: list[dict[str, Any]], partial: bool = False, **more: Any) -> dict[str, Rule]:
    one = resource(items, **more)
    return {rule.id: rule for rule in rules_of(one, catalog(one, partial=partial))}


PERSON = {"name": "who", "title": "号码", "element": "person"}
NUMBER = {"name": "many", "title": "数量", "element": "number"}
WORDS = {"name": "said", "title": "话", "element": "words"}
STATUS = {"name": "state", "title": "状态", "element": "status"}


@pytest.mark.usefixtures("kinds")
class TestItems:
    def test_required_looks_at_the_status_where_there_is_one(self) -> None:
        found = rules([PERSON | {"required": True, "on_failure": "report", "severity": "info"}, WORDS | {"required": True}])
        assert found["who.required"].arguments == {"column": "who__status"}
        assert found["said.required"].arguments == {"column": "said"}
        for rule in (found["who.required"], found["said.required"]):
            assert (rule.severity, rule.on_failure, rule.dimension) == ("critical", "quarantine", "completeness")
            assert rule.expectation == "expect_column_values_to_not_be_null"

    def test_optional_text_has_no_rule(self) -> None:
        assert rules([WORDS]) == {}

    def test_errors_conform_and_warnings_are_plausible(self) -> None:
        found = rules([PERSON | {"severity": "info", "on_failure": "hold"}])
        assert list(found) == ["who.conforms", "who.plausible"]
        conforms, plausible = found.values()
        assert conforms.arguments == {"column": "who__status", "value_set": ["ok", "odd_region"]}
        assert (conforms.severity, conforms.on_failure, conforms.dimension) == ("info", "hold", "accuracy")
        assert plausible.arguments == {"column": "who__status", "value_set": ["ok", "bad_digit", "short"]}
        assert (plausible.severity, plausible.on_failure) == ("warning", "report")
        assert plausible.title == "号码应合乎常理，不应有：少见"
        assert "号码" in conforms.title
        assert "某标准" in conforms.title

    def test_codes_are_normativity(self) -> None:
        rule = rules([STATUS])["state.conforms"]
        assert (rule.dimension, rule.evaluable, rule.not_evaluated_because) == ("normativity", True, "")

    def test_partial_code_list_cannot_be_decided(self) -> None:
        rule = rules([STATUS], partial=True)["state.conforms"]
        assert rule.evaluable is False
        assert "状态" in rule.not_evaluated_because

    def test_what_needs_no_list_is_still_judged(self) -> None:
        assert "state.readable" not in rules([STATUS])
        rule = rules([STATUS], partial=True)["state.readable"]
        assert (rule.evaluable, rule.on_failure, rule.dimension) == (True, "quarantine", "accuracy")
        assert rule.arguments == {"column": "state__status", "value_set": ["ok"]}

    @pytest.mark.parametrize(
        ("bounds", "arguments", "title"),
        [
            ({"min": 3000, "max": 30000, "unit": "元"}, (3000, 30000), "数量应在3000元至30000元之间"),
            ({"min": 0.01}, (0.01, None), "数量不应小于0.01"),
            ({"max": 20}, (None, 20), "数量不应大于20"),
            ({"min": 0, "max": 0}, (0, 0), "数量应在0至0之间"),
            ({"max": 100000000}, (None, 100000000), "数量不应大于100000000"),
        ],
    )
    def test_range(self, bounds: dict[str, Any], arguments: tuple[float | None, float | None], title: str) -> None:
        rule = rules([NUMBER | bounds])["many.range"]
        assert rule.expectation == "expect_column_values_to_be_between"
        assert rule.arguments == {"column": "many", "min_value": arguments[0], "max_value": arguments[1]}
        assert [type(rule.arguments[k]) for k in ("min_value", "max_value")] == [type(bound) for bound in arguments]
        assert rule.title == title

    def test_length_and_pattern(self) -> None:
        found = rules([WORDS | {"max_length": 5, "pattern": "^a"}])
        assert found["said.length"].arguments == {"column": "said", "min_value": None, "max_value": 5}
        assert found["said.length"].expectation == "expect_column_value_lengths_to_be_between"
        assert found["said.pattern"].arguments == {"column": "said", "regex": "^a"}

    def test_reference_is_a_lead(self) -> None:
        target = resource([PERSON | {"required": True}], key=["who"])
        holder = resource([WORDS | {"references": {"resource": "bureau.thing", "item": "who"}}])
        rule = rules_of(holder, catalog(target))[0]
        assert (rule.id, rule.expectation) == ("said.exists", REFERENCE_EXPECTATION)
        assert rule.arguments == {"column": "said", "resource": "bureau.thing", "item": "who"}
        assert (rule.severity, rule.on_failure, rule.dimension) == ("info", "report", "consistency")
        assert rule.title == "话应在“事物”中存在"

    def test_reference_to_an_unknown_resource_still_makes_the_rule(self) -> None:
        holder = resource([WORDS | {"references": {"resource": "bureau.gone", "item": "who"}}])
        assert "bureau.gone" in rules_of(holder, catalog())[0].title

    def test_unknown_kind_is_a_catalogue_error(self) -> None:
        with pytest.raises(CatalogError, match="unknown kind 'telepathy'") as caught:
            rules([{"name": "x", "title": "x", "element": "strange"}])
        assert "citizen_id" in caught.value.hint


@pytest.mark.usefixtures("kinds")
class TestKey:
    def test_single(self) -> None:
        rule = rules([PERSON], key=["who"])["key.unique"]
        assert (rule.expectation, rule.arguments) == ("expect_column_values_to_be_unique", {"column": "who"})
        assert (rule.severity, rule.dimension, rule.on_failure, rule.items) == ("critical", "accuracy", "quarantine", ("who",))

    def test_compound_ignores_rows_with_a_missing_part(self) -> None:
        rule = rules([PERSON, WORDS], key=["who", "said"])["key.unique"]
        assert rule.expectation == "expect_compound_columns_to_be_unique"
        assert rule.arguments == {"column_list": ["who", "said"], "ignore_row_if": "any_value_is_missing"}
        assert rule.title == "号码、话的组合在一次报送中不应重复"

    def test_none(self) -> None:
        assert "key.unique" not in rules([PERSON])


@pytest.mark.usefixtures("kinds")
class TestDeclared:
    PAIR: ClassVar = {"expect": "expect_column_pair_values_a_to_be_greater_than_b", "column_A": "many", "column_B": "more"}
    ITEMS: ClassVar = [NUMBER, NUMBER | {"name": "more", "title": "更多"}]

    def only(self, **check: Any) -> Rule:
        one = resource(self.ITEMS, checks=[check])
        return rules_of(one, catalog(one))[-1]

    def test_defaults(self) -> None:
        rule = self.only(**self.PAIR)
        assert rule.id == "column_pair_values_a_to_be_greater_than_b.many"
        assert rule.items == ("many", "more")
        assert rule.title == "数量应大于（晚于）更多"
        assert (rule.severity, rule.on_failure, rule.dimension, rule.scope, rule.version) == ("warning", "report", "accuracy", "row", 1)
        assert rule.arguments == {"column_A": "many", "column_B": "more", "ignore_row_if": "either_value_is_missing"}

    def test_given_fields_win(self) -> None:
        rule = self.only(
            **self.PAIR, id="a.b", title="t", items=["more"], on_failure="hold", severity="info", dimension="consistency",
            version=3, ignore_row_if="neither", mostly=0.9, or_equal=True,
        )  # fmt: skip
        assert (rule.id, rule.title, rule.items, rule.on_failure, rule.severity) == ("a.b", "t", ("more",), "hold", "info")
        assert (rule.dimension, rule.version) == ("consistency", 3)
        assert rule.arguments == {"column_A": "many", "column_B": "more", "ignore_row_if": "neither", "mostly": 0.9, "or_equal": True}

    def test_status_columns_blame_their_item(self) -> None:
        assert self.only(expect="expect_column_values_to_not_be_in_set", column="many__status", value_set=["x"]).items == ("many",)

    def test_the_same_id_twice_is_numbered(self) -> None:
        one = resource(self.ITEMS, checks=[self.PAIR, self.PAIR, self.PAIR | {"id": "many.conforms"}])
        assert [rule.id for rule in rules_of(one, catalog(one))][2:] == [
            "column_pair_values_a_to_be_greater_than_b.many",
            "column_pair_values_a_to_be_greater_than_b.many_2",
            "many.conforms_2",
        ]

    @pytest.mark.parametrize(
        ("check", "scope", "title"),
        [
            ({"expect": "expect_column_values_to_be_unique", "column": "many"}, "row", "数量不应重复"),
            ({"expect": "expect_column_value_z_scores_to_be_less_than", "column": "many"}, "row", "数量应满足规则"),
            ({"expect": "expect_multicolumn_sum_to_equal", "column_list": ["many", "more"]}, "row", "数量、更多应满足规则"),
            ({"expect": "expect_compound_columns_to_be_unique", "column_list": ["many", "more"]}, "row", "数量、更多的组合不应重复"),
            ({"expect": "expect_select_column_values_to_be_unique_within_record", "column_list": ["many", "more"]}, "row", "同一行"),
            ({"expect": "expect_column_values_to_be_of_type", "column": "many", "type_": "int"}, "table", "数量应满足规则"),
            ({"expect": "expect_column_mean_to_be_between", "column": "many", "min_value": 1}, "table", "数量应满足规则"),
            ({"expect": "expect_column_unique_value_count_to_be_between", "column": "many"}, "table", "数量"),
            ({"expect": "expect_table_row_count_to_be_between", "min_value": 1}, "table", "本次报送的行数不应小于1"),
            ({"expect": "unexpected_rows_expectation", "unexpected_rows_query": "q"}, "table", "本次报送应满足规则"),
            ({"expect": "expect_our_own_thing", "scope": "row"}, "row", "本次报送应满足规则"),
        ],
    )
    def test_scope_and_title(self, check: dict[str, Any], scope: str, title: str) -> None:
        rule = self.only(**check)
        assert rule.scope == scope
        assert rule.title.startswith(title)


def test_scope_agrees_with_great_expectations() -> None:
    """Every expectation GX registers: map expectations judge rows, the others the delivery."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # GX imports sre_constants
        import great_expectations.expectations.core  # noqa: F401, registers them
        from great_expectations.expectations.expectation import ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation
        from great_expectations.expectations.registry import get_expectation_impl, list_registered_expectation_implementations

    wrong = []
    for name in list_registered_expectation_implementations():
        implementation = get_expectation_impl(name)
        if not implementation.__module__.startswith("great_expectations."):
            continue
        maps = issubclass(implementation, ColumnMapExpectation | ColumnPairMapExpectation | MulticolumnMapExpectation)
        by_type = name in ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")
        if (Check(expect=name).judges == "row") != (maps and not by_type):
            wrong.append(name)
    assert wrong == []


def test_shipped_resources_have_rules_with_unique_ids_and_plain_titles() -> None:
    catalogue = load_catalog([PROJECT_ROOT / "catalog"])
    for one in catalogue.resources.values():
        found = rules_of(one, catalogue)
        ids = [rule.id for rule in found]
        assert len(set(ids)) == len(ids)
        assert all(rule.title and set(rule.items) <= set(one.item_names) for rule in found)
        assert ("key.unique" in ids) == bool(one.key)
    population = {rule.id: rule for rule in rules_of(catalogue.resources["public_security_bureau.population"], catalogue)}
    assert {"citizen_id.required", "citizen_id.conforms", "key.unique", "birth_date.matches_id", "sex.matches_id"} <= set(population)
    assert population["birth_date.matches_id"].items == ("birth_date", "citizen_id")
    entities = {rule.id: rule for rule in rules_of(catalogue.resources["market_regulation.business_entities"], catalogue)}
    assert entities["registered_capital.range"].title == "注册资本不应小于0万元"
    assert not entities["entity_type.conforms"].evaluable
    assert entities["status.conforms"].evaluable
