"""Charts of the dictionary: inline SVG drawn by hand. Colours come from the page's style sheet, so they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

SERIES = {"inserted": "新增", "changed": "变更", "deleted": "消失", "quarantined": "隔离"}
_WIDTH, _HEIGHT, _BASE, _TOP = 720, 190, 150, 16


def changes_chart(deliveries: Sequence[dict[str, Any]], title: str) -> str:
    """Stacked bars, one per delivery: rows inserted, changed, gone, quarantined. The table beside it says the same in words."""
    if not deliveries:
        return ""
    totals = [sum(int(one[name]) for name in SERIES) for one in deliveries]
    most = max([*totals, 1])
    step = _WIDTH / len(deliveries)
    width = min(step * 0.6, 48)
    parts = [f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>']
    parts.append(f'<line class="axis" x1="0" y1="{_BASE}" x2="{_WIDTH}" y2="{_BASE}"/>')
    for position, (one, total) in enumerate(zip(deliveries, totals, strict=True)):
        x, y = position * step + (step - width) / 2, float(_BASE)
        for name, word in SERIES.items():
            height = int(one[name]) / most * (_BASE - _TOP - 10)
            if height:
                y -= height
                told = escape(f"{one['label']} {word} {one[name]}")
                parts.append(
                    f'<rect class="bar-{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"><title>{told}</title></rect>'
                )
        middle = x + width / 2
        parts.append(f'<text x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">{total:,}</text>')
        parts.append(f'<text x="{middle:.1f}" y="{_BASE + 16}" text-anchor="middle">{escape(str(one["label"]))}</text>')
    for position, (name, word) in enumerate(SERIES.items()):
        x = position * 80
        parts.append(
            f'<rect class="bar-{name}" x="{x}" y="{_HEIGHT - 12}" width="10" height="10"/><text x="{x + 15}" y="{_HEIGHT - 3}">{word}</text>'
        )
    return "".join(parts) + "</svg>"
