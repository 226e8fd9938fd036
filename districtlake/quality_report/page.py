"""The report as one HTML file: nothing from elsewhere, for screen, phone and paper, light and dark. Every number leads to what is behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.clock import SHANGHAI
from districtlake.delivery.states import TITLES as STATES
from districtlake.quality_report.charts import trends
from districtlake.quality_report.period import percent

SHOWN_DELIVERIES = 12
"""Newest deliveries of a resource in the page; the workbook and the command have them all."""
LOW, MIDDLE = 0.95, 0.99
"""Below the first a share is marked as low, below the second as middling. For the eye only; no measure says so."""
FAILURES = {"report": "放行并报告", "quarantine": "隔离该行", "hold": "暂停交付"}
SEVERITIES = {"critical": "严重", "warning": "警告", "info": "提示"}


def render(figures: Mapping[str, Any], portal_url: str = "") -> str:
    """One document.

    Args:
        figures: ``figures.quality_figures``.
        portal_url: where the portal is, for links to it; empty: none.
    """
    rules: dict[str, list[Any]] = {}
    for rule in figures["rules"]:
        rules.setdefault(rule["resource"], []).append(rule)
    deliveries: dict[str, list[Any]] = {}
    for delivery in figures["deliveries"]:
        deliveries.setdefault(delivery["resource"], []).append(delivery)
    return str(
        _template().render(
            f=figures, title=title_of(figures), charts=trends(dict(figures)), rules_of=rules, deliveries_of=deliveries, titles=DIMENSION_TITLES,
            portal=portal_url.rstrip("/"), states=STATES, failures=FAILURES, severities=SEVERITIES, most=SHOWN_DELIVERIES,
        )
    )  # fmt: skip


def title_of(figures: Mapping[str, Any]) -> str:
    scope = figures["scope"]
    about = scope["resource_title"] or scope["agency_name"]
    return f"公共数据质量报告{f'（{about}）' if about else ''} {scope['first']} 至 {scope['last']}"


def tone(value: float | None) -> str:
    """The class of a cell by its share."""
    return "none" if value is None else "low" if value < LOW else "middle" if value < MIDDLE else "high"


def moved(value: float | None, before: float | None) -> str:
    """The difference to the period before, in percentage points; empty where either was not evaluated."""
    if value is None or before is None:
        return ""
    points = round((value - before) * 100, 2)
    return f"{'＋' if points > 0 else '－' if points < 0 else '±'}{abs(points):.2f}"


def anchor(text: str) -> str:
    """An id for the page from a delivery's, resource's or rule's; other characters than plain ones are spelled as their number."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f".{ord(found[0]):x}", text)


def instant(value: datetime | None) -> str:
    return "" if value is None else value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


@lru_cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    environment.filters |= {"percent": percent, "tone": tone, "anchor": anchor, "instant": instant, "number": lambda value: f"{value:,}"}
    environment.globals |= {"moved": moved, "date": date}
    return environment.get_template("report.html")
