"""The trend of a dimension as a small SVG: one picture for the report and the portal. Colours come from the reader's style sheet by class.

Drawn as text, without a script: it prints, needs nothing from elsewhere, and passes a policy that forbids scripts and styles in a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

from markupsafe import Markup

from districtlake.quality_report.period import percent

WIDTH, HEIGHT = 320, 132
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 24
FLOORS = (0.999, 0.99, 0.95, 0.9, 0.8, 0.5, 0.0)
"""Where the axis may begin: the highest that lies below every share, so that 99.2 % and 99.8 % are told apart. It always says so."""


def trend(points: Sequence[tuple[date, int, int]], title: str) -> Markup:
    """A line of the shares A/B by day.

    Args:
        points: (day, A, B), by day; a day with B = 0 was not evaluated and leaves a gap.
    """
    shares = [a / b for _, a, b in points if b]
    lowest = min(shares, default=0.0)
    floor = 0.9 if lowest == 1 else next((one for one in FLOORS if one < lowest), 0.0)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    first, last = (points[0][0], points[-1][0]) if points else (None, None)
    span = max((last - first).days, 1) if first and last else 1

    def at(day: date, value: float) -> tuple[float, float]:
        x = LEFT + wide / 2 if first == last else LEFT + wide * ((day - first).days / span) if first else LEFT
        return round(x, 1), round(TOP + high * (1 - (value - floor) / (1 - floor)), 1)

    words = _described(points, title)
    parts = [f'<svg class="trend" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">']
    for value in (1.0, (1 + floor) / 2, floor):
        y = TOP + high * (1 - (value - floor) / (1 - floor))
        parts.append(f'<path class="trend-grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="trend-text" x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{_percent(value, 2 if floor > 0.99 else 1)}</text>'
        )
    run: list[str] = []
    lines, dots = list[str](), list[str]()
    for day, satisfying, evaluated in points:
        if not evaluated:
            lines, run = ([*lines, "M" + "L".join(run)] if len(run) > 1 else lines), []
            continue
        x, y = at(day, satisfying / evaluated)
        run.append(f"{x} {y}")
        dots.append(
            f'<circle class="trend-dot" cx="{x}" cy="{y}" r="{3.2 if len(points) <= 40 else 1.8}"><title>{day} {_percent(satisfying / evaluated, 2)} '
            f"（{satisfying:,} / {evaluated:,}）</title></circle>"
        )
    if len(run) > 1:
        lines.append("M" + "L".join(run))
    parts += [f'<path class="trend-line" d="{line}"/>' for line in lines]
    parts += dots
    if first and last:
        parts.append(f'<text class="trend-text" x="{LEFT}" y="{HEIGHT - 6}">{first:%m-%d}</text>' if first != last else "")
        anchor, x = ("end", WIDTH - RIGHT) if first != last else ("middle", LEFT + wide // 2)
        parts.append(f'<text class="trend-text" x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{last:%m-%d}</text>')
    return Markup("".join([*parts, "</svg>"]))  # every text in it is ours or escaped


def trends(figures: dict[str, Any]) -> dict[str, Markup]:
    """Dimension -> its chart, from the days of ``figures.quality_figures``."""
    found = {}
    for row in figures["dimensions"]:
        cells = [(day["day"], day["dimensions"][row["dimension"]]) for day in figures["days"]]
        found[row["dimension"]] = trend([(day, cell["satisfying"], cell["evaluated"]) for day, cell in cells], row["title"])
    return found


def _percent(value: float, digits: int = 1) -> str:
    return percent(value, digits).replace(".00%", "%").replace(".0%", "%")


def _described(points: Sequence[tuple[date, int, int]], title: str) -> str:
    known = [(day, a / b) for day, a, b in points if b]
    if not known:
        return f"{title}：未评价"
    return f"{title}：{known[0][0]} {_percent(known[0][1])}，{known[-1][0]} {_percent(known[-1][1])}，最低 {_percent(min(value for _, value in known))}"
