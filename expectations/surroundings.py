"""What our own expectations ask about besides the frame: looked up before GX runs, by rule, so that a rule without an answer is excused.

One function per expectation in ``LOOKUPS``. It puts what the expectation will read into the values at hand (``references``), or gives
the Chinese reason why the rule is not evaluated. Light: neither GX nor pandas is loaded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import polars as pl

from districtlake.clock import SystemClock, local_date
from districtlake.errors import ValidationFailed
from districtlake.policy.cycles import CYCLE_TITLES, is_lagging
from districtlake.quality.derive import because_partial
from districtlake.quality.rules import Rule
from districtlake.quality.surroundings import Surroundings
from districtlake.quality.validation import Elsewhere
from districtlake.standards.division_history import Editions
from expectations.references import at_hand

Values = dict[Any, Any]
Lookup = Callable[[Rule, Surroundings, Values], str]
"""The reason why the rule is not evaluated; "" when all it needs is in the values."""


@dataclass(frozen=True)
class Freshness:
    """How old a delivery's data were at their receipt (Asia/Shanghai days), and whether that is more than cycle and grace allow."""

    data_date: date
    received_on: date
    update_cycle: str
    lagging: bool


# keys of the values at hand, and what reads them ----------------------------------------------------------------------
def today() -> date:
    return cast(date, at_hand(("today",)))


def data_date() -> date | None:
    return cast("date | None", at_hand(("data_date",)))


def divisions() -> Editions:
    return cast(Editions, at_hand(("divisions",)))


def codes_of(code_list: str) -> list[str]:
    return cast("list[str]", at_hand(("code_list", code_list)))


def freshness(update_cycle: str | None) -> Freshness:
    return cast(Freshness, at_hand(("freshness", update_cycle)))


def earlier_row_counts(last: int) -> tuple[int, ...]:
    """Rows judged in the last deliveries of the same mode, oldest first."""
    return cast("tuple[int, ...]", at_hand(("row_counts",)))[-last:]


def records_of(resource: str, items: tuple[str, ...], as_of: Any) -> pl.DataFrame:
    found = records_where_they_lie(resource, items, as_of)
    return found.brought() if isinstance(found, Elsewhere) else found


def records_where_they_lie(resource: str, items: tuple[str, ...], as_of: Any) -> pl.DataFrame | Elsewhere:
    return cast("pl.DataFrame | Elsewhere", at_hand(("records", resource, items, str(as_of))))


# the lookups ----------------------------------------------------------------------------------------------------------
def _today(rule: Rule, around: Surroundings, values: Values) -> str:
    values["today",] = around.today or local_date(SystemClock().now())
    values["divisions",] = around.divisions
    return ""


def _data_date(rule: Rule, around: Surroundings, values: Values) -> str:
    values["data_date",] = around.data_date
    values["divisions",] = around.divisions
    return ""


def _code_list(rule: Rule, around: Surroundings, values: Values) -> str:
    name = str(rule.arguments.get("code_list", ""))
    found = around.code_lists.get(name)
    if found is None:
        raise ValidationFailed(
            f"rule {rule.id}: there is no code list '{name}'.",
            hint=f"Code lists are: {', '.join(sorted(around.code_lists)) or 'none (no catalogue was handed in)'}.",
        )
    found = found.on(around.data_date or around.today or local_date(SystemClock().now()))
    values["code_list", name] = list(found.codes)
    return because_partial(found) if found.partial else ""


def _freshness(rule: Rule, around: Surroundings, values: Values) -> str:
    declared = rule.arguments.get("update_cycle")
    cycle = declared or around.update_cycle
    if around.received_at is None or around.policy is None or not around.update_cycle:
        return "不是按更新周期报送的交付，不评价时效"
    if around.data_date is None:
        return "交付没有注明数据日期，无法评价时效"
    lagging = is_lagging(around.data_date, around.received_at, cycle, around.policy)
    if lagging is None:
        return f"更新周期为“{CYCLE_TITLES[cycle]}”，没有到期日"
    values["freshness", declared] = Freshness(around.data_date, local_date(around.received_at), cycle, lagging)
    return ""


def _row_counts(rule: Rule, around: Surroundings, values: Values) -> str:
    if around.row_counts is None:
        return "本次交付不是完整报送，行数不与历次比较"
    values["row_counts",] = around.row_counts
    enough = int(rule.arguments.get("at_least", 3))
    found = len(around.row_counts[-int(rule.arguments.get("last", 10)) :])
    return f"此前只有{found}次同类交付，少于{enough}次，无从比较" if found < enough else ""


def _records(rule: Rule, around: Surroundings, values: Values) -> str:
    arguments = rule.arguments
    resource, as_of = str(arguments.get("resource", "")), arguments.get("as_of", "now")
    items = (*arguments.get("key", ()), str(arguments.get("item", "")))
    if around.records is None:
        return "没有可供核对的数据仓"
    day: date | None = None
    if as_of == "data_date":
        day = around.data_date
        if day is None:
            return "交付没有注明数据日期，无法与当日的数据核对"
    elif as_of != "now":
        day = as_of if isinstance(as_of, date) else date.fromisoformat(str(as_of))
    place = ("records", resource, items, str(as_of))
    if place not in values:
        found = around.records(resource, tuple(dict.fromkeys(items)), day)
        if found is None:
            return f"{resource} 尚未归集，无法核对"
        if day is not None and found.is_empty():
            return f"{resource} 在 {day} 尚无数据，无法核对"
        values[place] = found
    return ""


LOOKUPS: dict[str, Lookup] = {
    "expect_column_values_to_be_valid_citizen_id": _today,
    "expect_column_values_to_be_valid_division_code": _data_date,
    "expect_column_pair_division_code_to_be_valid_on_date": _data_date,
    "expect_column_values_to_be_in_code_list": _code_list,
    "expect_multicolumn_values_to_equal_resource": _records,
    "expect_table_data_to_be_fresh": _freshness,
    "expect_table_row_count_to_be_near_earlier_deliveries": _row_counts,
}
