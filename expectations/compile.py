"""Rules as a real GX suite: GX's expectation classes, GX's severity, the rule's id in ``meta``.

What is wrong with a rule's text is found here, before any cell is read, and said with the remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from districtlake.errors import ValidationFailed
from districtlake.quality.rules import Rule

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

_OURS = {"batch_id", "catch_exceptions", "id", "meta", "rendered_content", "result_format", "severity", "windows"}
_COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")
_EXISTENCE = "expect_column_to_exist"  # an absent column is its verdict, not our error


def suite_of(resource_id: str, rules: Iterable[Rule]) -> ExpectationSuite:
    """The GX suite of a resource's evaluable rules, in their order. Raises ``ValidationFailed`` naming the rule."""
    from expectations.session import load

    load()
    from great_expectations.core import ExpectationSuite

    evaluable = [rule for rule in rules if rule.evaluable]
    ids = [rule.id for rule in evaluable]
    if twice := sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1}):
        raise ValidationFailed(
            f"{resource_id}: rules named twice: {', '.join(twice)}.", hint="Give each check an id of its own under 'checks'."
        )
    return ExpectationSuite(name=resource_id, expectations=[expectation_of(resource_id, rule) for rule in evaluable])


def expectation_of(resource_id: str, rule: Rule) -> Expectation:
    """The GX expectation of a rule. Raises ``ValidationFailed`` for an unknown name or arguments that GX refuses."""
    from expectations.session import load

    load()
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    where = _where(resource_id, rule)
    try:
        kind = get_expectation_impl(rule.expectation)
    except ExpectationNotFoundError:
        raise ValidationFailed(f"{where}: there is no expectation '{rule.expectation}'.", hint=_closest(rule.expectation)) from None
    if not _answerable(kind):
        raise ValidationFailed(
            f"{where}: {rule.expectation} needs a database and SQL; a delivery is a table in memory or on disk.",
            hint="LIKE patterns are written as expect_column_values_to_match_regex; see docs/expectations-coverage.md.",
        )
    if reserved := sorted(_OURS & set(rule.arguments)):
        raise ValidationFailed(
            f"{where}: {', '.join(reserved)} cannot be set in a check's arguments.",
            hint="Severity is a field of the check itself; the result format is always counts only, so that no cell leaves the data.",
        )
    arguments = {key: _plain(value) for key, value in rule.arguments.items()}
    for key in ("min_value", "max_value"):
        if key in arguments:
            arguments[key] = _moment(arguments[key])
    fields = kind.__fields__
    if "column_A" in fields and "ignore_row_if" in fields and "ignore_row_if" not in arguments:
        arguments["ignore_row_if"] = "either_value_is_missing"  # else GX counts a missing value as a failure
    _set_row_condition(where, kind, arguments)
    arguments.setdefault("description", rule.title.replace("$", "$$"))  # what Data Docs show; GX takes $ for a parameter
    try:
        return kind(**arguments, severity=FailureSeverity(rule.severity), meta={"rule": rule.id, "version": rule.version})
    except ValidationError as error:
        wrong = "; ".join(dict.fromkeys(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors()))
        accepted = ", ".join(sorted(set(fields) - _OURS - {"description", "notes", "condition_parser"}))
        raise ValidationFailed(f"{where}: {rule.expectation} refuses its arguments: {wrong}.", hint=f"It takes: {accepted}.") from None
    except (TypeError, ValueError) as error:
        raise ValidationFailed(f"{where}: {rule.expectation} refuses its arguments: {error}.", hint="Correct the check.") from None


def check_columns(resource_id: str, rules: Iterable[Rule], columns: Sequence[str]) -> None:
    """Raises ``ValidationFailed`` when a rule names a column that the frame does not have."""
    known = set(columns)
    for rule in rules:
        if rule.expectation == _EXISTENCE:
            continue
        if absent := [column for column in columns_of(rule) if column not in known]:
            near = difflib.get_close_matches(absent[0], list(columns), n=3)
            raise ValidationFailed(
                f"{_where(resource_id, rule)}: the data has no column {', '.join(absent)}.",
                hint=f"Did you mean {' or '.join(near)}?" if near else f"Columns are: {', '.join(columns)}.",
            )


def columns_of(rule: Rule) -> tuple[str, ...]:
    """The columns that a rule's arguments name."""
    named: list[str] = []
    for key in _COLUMN_KEYS:
        value = rule.arguments.get(key)
        named += [value] if isinstance(value, str) else [str(part) for part in value or ()]
    return tuple(named)


def _where(resource_id: str, rule: Rule) -> str:
    return f"{resource_id}, rule {rule.id}"


def _closest(name: str) -> str:
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    near = difflib.get_close_matches(name, list_registered_expectation_implementations(), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else "Use GX's own names, like expect_column_values_to_be_unique."


def _plain(value: Any) -> Any:
    """Values as GX's stores can write and read them back."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        ordered = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return [_plain(part) for part in ordered]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


def _moment(value: Any) -> Any:
    """GX compares times with times: a day written as 2024-01-31 becomes its midnight."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def _set_row_condition(where: str, kind: type[Expectation], arguments: dict[str, Any]) -> None:
    """``row_condition`` as GX's condition object, so that neither its deprecated strings nor their warnings remain."""
    parser = arguments.pop("condition_parser", None)
    condition = arguments.get("row_condition")
    if condition is None:
        return
    from great_expectations.expectations.row_conditions import PassThroughCondition, deserialize_row_condition

    metric = getattr(kind, "map_metric", None)
    if metric is not None and not _selects_rows(metric):
        raise ValidationFailed(
            f"{where}: {kind.expectation_type} ignores row_condition in this version of Great Expectations.",
            hint="State the condition through another expectation, or derive a column that is null where the rule does not apply.",
        )
    if parser not in (None, "pandas"):
        raise ValidationFailed(f"{where}: condition_parser '{parser}' is not supported.", hint="Write it in pandas' query language.")
    try:
        arguments["row_condition"] = (
            PassThroughCondition(pass_through_filter=condition) if isinstance(condition, str) else deserialize_row_condition(condition)
        )
    except (TypeError, ValueError) as error:
        raise ValidationFailed(f"{where}: row_condition cannot be read: {error}.", hint='Write it like: status == "1"') from None


def _answerable(kind: type[Expectation]) -> bool:
    """Whether GX's pandas engine, which the fused one extends, knows the metrics that an expectation names."""
    from great_expectations.expectations.registry import _registered_metrics

    metric = getattr(kind, "map_metric", None)
    named = [f"{metric}.condition"] if metric else list(getattr(kind, "metric_dependencies", ()))
    return all("PandasExecutionEngine" in _registered_metrics[name]["providers"] for name in named if name in _registered_metrics)


def _selects_rows(metric: str) -> bool:
    from great_expectations.expectations.registry import _registered_metrics

    return "row_condition" in _registered_metrics[f"{metric}.condition"]["metric_domain_keys"]
