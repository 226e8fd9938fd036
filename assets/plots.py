"""Plots for the UI, as SVG inside Markdown, written as text: a night draws one per resource, and a drawing library takes 0.1 s for each.

Text stays text, so the reader's browser supplies the Chinese font.
"""

import base64
from collections.abc import Mapping
from html import escape

import polars as pl

from districtlake.catalog.models import DIMENSION_TITLES

# Okabe and Ito's palette: told apart by colour-blind readers too
COLOURS = {
    "normativity": "#0072B2", "completeness": "#E69F00", "accuracy": "#D55E00",
    "consistency": "#009E73", "timeliness": "#56B4E9", "accessibility": "#CC79A7",
}  # fmt: skip

WIDTH, HEIGHT = 720, 300
LEFT, TOP, RIGHT, BOTTOM = 64, 44, 120, 40  # margins, in pixels


def failing_rows_by_dimension(results: pl.DataFrame, labels: dict[str, str], *, title: str) -> str:
    """Stacked bars of failing rows by dimension, one bar per delivery.

    Args:
        results: rows of the results table (``_delivery``, ``dimension``, ``failed``).
        labels: delivery id -> its label, in the order of the bars.

    Returns:
        Markdown with the picture in it.
    """
    counted = results.group_by("_delivery", "dimension").agg(pl.col("failed").sum())
    found = {(row[0], row[1]): int(row[2] or 0) for row in counted.iter_rows()}
    encoded = base64.b64encode(stacked_bars(found, labels, title=title, unit="不符合（行×规则）").encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"


def stacked_bars(found: Mapping[tuple[str, str], int], labels: Mapping[str, str], *, title: str, unit: str) -> str:
    """The picture: bar by bar from (bar, dimension) -> height; each bar's total above it, a legend of the dimensions that occur."""
    totals = {bar: sum(found.get((bar, dimension), 0) for dimension in COLOURS) for bar in labels}
    top, step = scale(max([*totals.values(), 1]))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    slot = width / max(len(labels), 1)
    floor = TOP + height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11" fill="#24292f">',
        f'<title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="12" y="20" font-size="13">{escape(title)}</text>',
        f'<text x="16" y="{TOP + height / 2:.0f}" transform="rotate(-90 16 {TOP + height / 2:.0f})" text-anchor="middle">{escape(unit)}</text>',
    ]
    for tick in range(0, top + 1, step):
        y = floor - tick / top * height
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{"#57606a" if tick == 0 else "#d8dee4"}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick}</text>')
    for number, (bar, label) in enumerate(labels.items()):
        left, y = LEFT + (number + 0.19) * slot, float(floor)
        middle = LEFT + (number + 0.5) * slot
        for dimension, colour in COLOURS.items():
            part = found.get((bar, dimension), 0) / top * height
            if part:
                y -= part
                parts.append(f'<rect x="{left:.1f}" y="{y:.1f}" width="{slot * 0.62:.1f}" height="{part:.1f}" fill="{colour}"/>')
        parts.append(f'<text x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">{totals[bar]}</text>')
        parts.append(f'<text x="{middle:.1f}" y="{floor + 16}" text-anchor="middle">{escape(label)}</text>')
    shown = [dimension for dimension in COLOURS if any(found.get((bar, dimension)) for bar in labels)]
    for number, dimension in enumerate(shown):
        y = TOP + 8 + number * 20
        parts.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{y}" width="12" height="12" fill="{COLOURS[dimension]}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 32}" y="{y + 10}">{escape(DIMENSION_TITLES[dimension])}</text>')
    return "".join([*parts, "</svg>"])


def scale(highest: int) -> tuple[int, int]:
    """The axis for counts up to ``highest`` ≥ 1: its end, with room for a bar's total above it, and the step (1, 2 or 5 times ten to n)."""
    magnitude = 1
    while True:
        for step in (magnitude, 2 * magnitude, 5 * magnitude):
            if highest * 1.05 <= 5 * step:
                return -(-int(highest * 1.05 + 1) // step) * step, step
        magnitude *= 10
