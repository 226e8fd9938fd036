"""The rules of a resource: those its items imply, the uniqueness of its key, and the declared checks, in this order.

Ids are stable as long as items and checks keep their names; problems and tickets hang on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from districtlake.catalog.models import DELIVERY_COLUMNS, Aspect, Catalog, Check, CodeList, Dimension, Element, Item, Resource, Terms
from districtlake.errors import CatalogError
from districtlake.quality.own_expectations import OWN, OwnArguments
from districtlake.quality.rules import OPERATION_COLUMN, OPERATION_WORDS, REFERENCE_EXPECTATION, STATUS_SUFFIX, Rule

if TYPE_CHECKING:
    from districtlake.standards.kinds import Kind


def rules_of(resource: Resource, catalog: Catalog) -> tuple[Rule, ...]:
    """Every rule of ``resource``; ids are unique within it.

    Raises ``CatalogError`` when an item's data element has a kind that does not exist.
    """
    rules: list[Rule] = []
    for item in resource.items:
        rules.extend(_item_rules(item, resource, catalog))
    rules.extend(_key_rule(resource))
    rules.extend(_operation_rule(resource))
    titles = {item.name: item.title for item in resource.items}
    rules.extend(declared(check, titles, catalog) for check in resource.checks)
    return with_unique_ids(rules)


# rules an item implies ---------------------------------------------------------------------------------------------
def _item_rules(item: Item, resource: Resource, catalog: Catalog) -> Iterator[Rule]:
    element = catalog.element_of(item)
    kind = _kind_of(element, item, resource)
    status = item.name + STATUS_SUFFIX
    if item.required:
        # On the status where there is one: a date that could not be typed is null but not absent.
        column = status if kind.codes else item.name
        yield _of_item(item, "required", f"{item.title}不应为空", "expect_column_values_to_not_be_null", {"column": column},
                       dimension="completeness", severity="critical", on_failure="quarantine")  # fmt: skip
    yield from _status_rules(item, element, kind, catalog)
    yield from _value_rules(item)
    if item.references is not None:
        target = item.references
        referred = catalog.resources.get(target.resource)
        title = f"{item.title}应在“{referred.title if referred else target.resource}”中存在"
        arguments = {"column": item.name, "resource": target.resource, "item": target.item}
        # A miss is a lead to verify: either side may be late.
        yield _of_item(
            item, "exists", title, REFERENCE_EXPECTATION, arguments, dimension="consistency", severity="info", on_failure="report"
        )


def _status_rules(item: Item, element: Element, kind: Kind, catalog: Catalog) -> Iterator[Rule]:
    """Conformity and plausibility are sets of statuses, so that results show error codes and never a cell."""
    errors = [code for code, meaning in kind.codes.items() if meaning.severity == "error"]
    warnings = [code for code, meaning in kind.codes.items() if meaning.severity == "warning"]
    status = item.name + STATUS_SUFFIX
    if errors:
        code_list = catalog.code_list_of(item)
        undecidable = code_list is not None and code_list.partial
        arguments = {"column": status, "value_set": ["ok", *warnings]}
        title = f"{item.title}应符合数据元“{element.name}”的值域（{element.domain}）"
        because = because_partial(code_list) if code_list is not None and undecidable else ""
        # A date or number that could not be typed would pass as an empty cell: its row never does, whatever the item allows.
        untyped = {} if kind.dtype(element) == pl.String else {"severity": "critical", "on_failure": "quarantine"}
        yield _of_item(item, "conforms", title, "expect_column_values_to_be_in_set", arguments,
                       dimension="normativity" if code_list is not None else "accuracy",
                       evaluable=not undecidable, not_evaluated_because=because, **untyped)  # fmt: skip
        if undecidable:  # what needs no list, such as mojibake, is still judged; the kind gives no unknown code here
            yield _of_item(item, "readable", f"{item.title}应可识读", "expect_column_values_to_be_in_set", dict(arguments))
    if warnings:
        reasons = "；".join(kind.codes[code].reason.rstrip("。") for code in warnings)
        yield _of_item(item, "plausible", f"{item.title}应合乎常理，不应有：{reasons}", "expect_column_values_to_be_in_set",
                       {"column": status, "value_set": ["ok", *errors]}, severity="warning", on_failure="report")  # fmt: skip


def _value_rules(item: Item) -> Iterator[Rule]:
    if item.min is not None or item.max is not None:
        arguments = {"column": item.name, "min_value": _whole(item.min), "max_value": _whole(item.max)}
        yield _of_item(
            item, "range", item.title + _bounds(item.min, item.max, item.unit or ""), "expect_column_values_to_be_between", arguments
        )
    if item.max_length is not None:
        arguments = {"column": item.name, "min_value": None, "max_value": item.max_length}
        yield _of_item(item, "length", f"{item.title}不应超过{item.max_length}个字", "expect_column_value_lengths_to_be_between", arguments)
    if item.pattern is not None:
        arguments = {"column": item.name, "regex": item.pattern}
        yield _of_item(item, "pattern", f"{item.title}应符合格式 {item.pattern}", "expect_column_values_to_match_regex", arguments)


def _of_item(item: Item, aspect: Aspect, title: str, expectation: str, arguments: dict[str, Any], **given: Any) -> Rule:
    terms = item.rules.get(aspect, _ALWAYS)
    fields = {"severity": item.severity, "on_failure": item.on_failure, **_terms(terms), **given}
    return Rule(f"{item.name}.{aspect}", title, (item.name,), expectation, _with_share(arguments, terms), **fields)


_ALWAYS = Terms()


def _terms(terms: Terms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in ("version", "tolerance", "effective_from", "effective_until")}


def _with_share(arguments: dict[str, Any], terms: Terms) -> dict[str, Any]:
    """A tolerance that is a share is GX's own ``mostly``, so GX decides on it."""
    share = terms.tolerance
    return {**arguments, "mostly": round(1 - share, 9)} if isinstance(share, float) else arguments


def _kind_of(element: Element, item: Item, resource: Resource) -> Kind:
    from districtlake.standards.kinds import KINDS

    kinds: Mapping[str, Kind] = KINDS
    if element.kind not in kinds:
        message = f"{resource.file or resource.id}, items[{item.name}]: data element '{element.id}' has the unknown kind '{element.kind}'."
        raise CatalogError(message, hint=f"Write one of {', '.join(kinds)} in standards/elements.yaml.")
    return kinds[element.kind]


# the key -----------------------------------------------------------------------------------------------------------
def _key_rule(resource: Resource) -> Iterator[Rule]:
    if not resource.key:
        return
    titles = [resource.item(name).title for name in resource.key]
    if len(titles) == 1:
        title, expectation = f"{titles[0]}在一次报送中不应重复", "expect_column_values_to_be_unique"
        arguments: dict[str, Any] = {"column": resource.key[0]}
    else:
        title, expectation = f"{'、'.join(titles)}的组合在一次报送中不应重复", "expect_compound_columns_to_be_unique"
        # A part that is missing is the business of `required`; it does not make two rows the same.
        arguments = {"column_list": list(resource.key), "ignore_row_if": "any_value_is_missing"}
    yield Rule(
        "key.unique", title, resource.key, expectation, arguments, severity="critical", dimension="accuracy", on_failure="quarantine"
    )


def _operation_rule(resource: Resource) -> Iterator[Rule]:
    """Each row says what it does, in a declared spelling. A correction's rows may say nothing ("put")."""
    declared = resource.source.operation
    if declared is None:
        return
    words = "、".join(f"{'/'.join(spelt)}（{word}）" for spelt, word in (
        (declared.insert, "新增"), (declared.update, "修改"), (declared.delete, "删除")
    ))  # fmt: skip
    yield Rule(
        "operation.known", f"{declared.column}应为{words}之一", (), "expect_column_values_to_be_in_set",
        {"column": OPERATION_COLUMN, "value_set": [*OPERATION_WORDS, "put"]}, severity="critical", dimension="normativity",
        on_failure="quarantine",
    )  # fmt: skip


def referred_resources(resource: Resource) -> frozenset[str]:
    """Ids of the other resources that its rules ask: references of items, and checks that look into another resource."""
    asked = {item.references.resource for item in resource.items if item.references is not None}
    for check in resource.checks:
        own = own_arguments(check)
        asked |= {target for target, _ in own.referred()} if own is not None else set()
    return frozenset(asked - {resource.id})


# declared checks ---------------------------------------------------------------------------------------------------
def declared(check: Check, titles: Mapping[str, str], catalog: Catalog | None = None) -> Rule:
    """The rule of a declared check; ``titles``: column -> its Chinese title. ``catalog``: for the names of other resources and lists."""
    own = own_arguments(check)
    blamed = check.items if check.items is not None else _items_of(check, own)
    dimension: Dimension = check.dimension
    return Rule(
        id=check.rule_id,
        title=check.title or (own.sentence(_names(titles, catalog)) if own else _declared_title(check, titles)),
        items=blamed,
        expectation=check.expect,
        arguments=_with_share(_with_missing_rows_ignored(check), check),
        severity=own.severity if own and "severity" not in check.model_fields_set else check.severity,
        dimension=dimension,
        on_failure=check.on_failure,
        scope=check.judges,
        **_terms(check),
    )


def own_arguments(check: Check) -> OwnArguments | None:
    """The arguments of a check that names one of our own expectations; None for GX's, and where they are wrong (``check`` says how)."""
    kind = OWN.get(check.expect)
    if kind is None:
        return None
    try:
        return kind.model_validate(check.arguments)
    except ValidationError:
        return None


def _names(titles: Mapping[str, str], catalog: Catalog | None) -> Callable[[str], str]:
    """The Chinese name of a column, a resource or a code list; its id where none is known."""

    def name(key: str) -> str:
        column = key.removesuffix(STATUS_SUFFIX)
        if column in titles:
            return titles[column]
        if catalog is not None and key in catalog.resources:
            return catalog.resources[key].title
        return catalog.code_lists[key].name if catalog is not None and key in catalog.code_lists else key

    return name


def because_partial(code_list: CodeList) -> str:
    """Why nothing can be proved wrong by a partial list."""
    return f"代码表“{code_list.name}”不完整且没有已发布的来源，不能据以判定错误"


def _items_of(check: Check, own: OwnArguments | None = None) -> tuple[str, ...]:
    columns = own.blamed() if own is not None else None
    names = (column.removesuffix(STATUS_SUFFIX) for column in columns or check.columns if column not in DELIVERY_COLUMNS)
    return tuple(dict.fromkeys(names))


def _with_missing_rows_ignored(check: Check) -> dict[str, Any]:
    """GX counts a missing value in a pair or a group as a failure unless told otherwise; absence is the business of ``required``."""
    arguments = check.arguments
    if "column_A" in arguments and check.expect.startswith("expect_column_pair_"):
        arguments.setdefault("ignore_row_if", "either_value_is_missing")
    elif "column_list" in arguments and check.expect.startswith(
        ("expect_multicolumn_", "expect_compound_columns_", "expect_select_column_")
    ):
        arguments.setdefault("ignore_row_if", "any_value_is_missing")
    return arguments


def _declared_title(check: Check, titles: Mapping[str, str]) -> str:
    arguments = check.arguments
    named = [titles.get(name, name) for name in _items_of(check)]
    every = "、".join(named)
    bounds = _bounds(arguments.get("min_value"), arguments.get("max_value"), "")
    match check.expect:
        case "expect_column_pair_values_a_to_be_greater_than_b" if len(named) == 2:
            return f"{named[0]}不应小于（早于）{named[1]}" if arguments.get("or_equal") else f"{named[0]}应大于（晚于）{named[1]}"
        case "expect_column_pair_values_to_be_equal" | "expect_multicolumn_values_to_be_equal":
            return f"{every}应相同"
        case "expect_column_values_to_be_unique":
            return f"{every}不应重复"
        case "expect_compound_columns_to_be_unique":
            return f"{every}的组合不应重复"
        case "expect_select_column_values_to_be_unique_within_record":
            return f"同一行的{every}不应相同"
        case "expect_column_values_to_not_be_null":
            return f"{every}不应为空"
        case "expect_column_values_to_be_in_set":
            return f"{every}应是规定的取值之一"
        case "expect_column_values_to_match_regex":
            return f"{every}应符合规定的格式"
        case "expect_column_values_to_be_between" if bounds:
            return f"{every}{bounds}"
        case "expect_column_value_lengths_to_be_between" if bounds:
            return f"{every}的字数{bounds}"
        case "expect_table_row_count_to_be_between" if bounds:
            return f"本次报送的行数{bounds}"
    return f"{every or '本次报送'}应满足规则 {check.expect}"


# small parts -------------------------------------------------------------------------------------------------------
def _bounds(low: float | str | None, high: float | str | None, unit: str) -> str:
    if low is not None and high is not None:
        return f"应在{_shown(low)}{unit}至{_shown(high)}{unit}之间"
    if low is not None:
        return f"不应小于{_shown(low)}{unit}"
    return f"不应大于{_shown(high)}{unit}" if high is not None else ""


def _shown(bound: float | str | None) -> str:
    return f"{bound:.12g}" if isinstance(bound, float) else str(bound)


def _whole(bound: float | None) -> float | int | None:
    """3000.0 as 3000: an integer column is compared with integers, and results read like the catalogue."""
    return int(bound) if bound is not None and bound.is_integer() else bound


def with_unique_ids(rules: list[Rule]) -> tuple[Rule, ...]:
    """A second rule of the same id gets ``_2``; the catalogue check asks for explicit ids where this happens."""
    taken: set[str] = set()
    unique = []
    for rule in rules:
        name, count = rule.id, 1
        while name in taken:
            count += 1
            name = f"{rule.id}_{count}"
        taken.add(name)
        unique.append(rule if name == rule.id else replace(rule, id=name))
    return tuple(unique)
