"""Bounds of numbers and the form of codes: rounded outwards, and only where nearly all values agree."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from districtlake.drafting.columns import DraftItem
_UNITS = {
    "㎡": "平方米", "m2": "平方米", "m²": "平方米", "平米": "平方米", "平方米": "平方米", "万元": "万元", "元": "元", "人": "人", "度": "度", "个": "个",
    "户": "户", "辆": "辆", "台": "台", "套": "套", "亩": "亩", "公顷": "公顷", "吨": "吨", "千克": "千克", "公斤": "千克", "kg": "千克", "米": "米", "m": "米",
    "公里": "千米", "千米": "千米", "km": "千米", "℃": "℃", "%": "%", "％": "%", "天": "天", "次": "次", "所": "所", "家": "家", "亿元": "亿元",
    "μg/m³": "μg/m³", "μg/m3": "μg/m³", "mg/m³": "mg/m³", "mg/m3": "mg/m³",
}  # fmt: skip


def of_total(part: int, total: int) -> str:
    """支持 9,876/9,880，例外 4."""
    return f"支持 {part:,}/{total:,}" + (f"，例外 {total - part:,}" if total > part else "")


def suggest_range(found: DraftItem, values: pl.Series) -> None:
    """Bounds rounded outwards to 1, 2 or 5 at two digits, leaving out what lies far beyond the bulk."""
    if len(values) < 10:
        return
    high, low = float(values.quantile(0.999) or 0), float(values.quantile(0.001) or 0)
    middle = float(values.quantile(0.99) or 0)
    if middle > 0 and high > 10 * middle:
        high = middle
    least, most = (0.0 if low >= 0 else -_outward(-low)), _outward(high)
    inside = int(((values >= least) & (values <= most)).sum())
    if least < most:
        found.bounds["min"], found.bounds["max"] = _whole(least), _whole(most)
        found.evidence.append(f"范围（向外取整）：{of_total(inside, len(values))}")


def _outward(value: float) -> float:
    if value <= 0:
        return 0.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 5, 10, 20) if step * size >= value * 1.2)


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 6)


def suggest_pattern(found: DraftItem, texts: pl.Series) -> None:
    """A pattern where nearly all codes share one shape: same length, same classes of characters, a common beginning kept."""
    if len(texts) < 10 or found.distinct < 5:
        return
    shape = texts.str.replace_all("[0-9]", "9").str.replace_all("[a-z]", "a").str.replace_all("[A-Z]", "A")
    counts = shape.value_counts(name="n").sort("n", descending=True)
    common = str(counts[shape.name][0])
    if counts["n"][0] < 0.95 * len(texts) or len(common) > 40 or re.search(r"[\u4e00-\u9fff]", common):
        return
    like = texts.filter(shape == common).unique()
    prefix = _prefix(like)
    pattern = "^" + re.escape(prefix) + "".join(_run(run) for run in re.findall(r"9+|a+|A+|[^9aA]+", common[len(prefix) :])) + "$"
    inside = int(texts.str.contains(pattern).sum())
    found.bounds["pattern"] = pattern
    found.evidence.append(f"格式：{of_total(inside, len(texts))}")


def _prefix(texts: pl.Series) -> str:
    """The beginning all share, kept where many differ after it and it stays well short of the whole: an agency's or a region's mark."""
    if len(texts) < 20:
        return ""
    low, high = str(texts.min()), str(texts.max())
    at = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[: min(at, len(low) // 2)]


def _run(run: str) -> str:
    if run[0] in "9aA":
        return {"9": "[0-9]", "a": "[a-z]", "A": "[A-Z]"}[run[0]] + (f"{{{len(run)}}}" if len(run) > 1 else "")
    return re.escape(run)


def midnights(cells: pl.Series) -> bool:
    """Whether moments say no time of day: as days they lose nothing."""
    return bool(cells.drop_nulls().str.contains(r"[T ]0?0:00(?::00(?:\.0+)?)?\s*$").all())


def unit_of(title: str) -> str:
    """The unit a title names in brackets or at its end; "" when none."""
    inside = re.findall(r"[（(\[【]([^（）()\[\]【】]+)[)）\]】]", title)
    for text in (*inside, *re.findall(r"[_/]([^_/]+)$", title)):
        text = text.removeprefix("单位：").removeprefix("单位:").strip()
        if text in _UNITS:
            return _UNITS[text]
    return ""
