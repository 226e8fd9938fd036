"""Division codes by GB/T 2260 of any year, with the additions of GB/T 10114 (9 digits) and the statistics code (12 digits).

Codes come and go (330227 until 2002, 330204 until 2016); a number given under one stays valid. So a code counts as known when it
existed in any year, and an unknown one is only a warning: the table may be late. Whether one was in use on a day is
``division_history``'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from districtlake.standards.division_history import Editions, years_known
from districtlake.standards.kind import (
    CellContext,
    Codes,
    ElementLike,
    FirstLook,
    Kind,
    StatusCode,
    Tests,
    contains,
    error,
    mask_of,
    warning,
)
from districtlake.standards.repairs import ALL_BLANKS, INVISIBLE, LEADING_APOSTROPHE, SIGNS, WIDTH, Repair

PROVINCES = (
    *range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83,
)  # fmt: skip
"""First two digits by GB/T 2260; 83 stands for Taiwan in residence permits."""
RESIDENCE_PERMIT_REGIONS = (810000, 820000, 830000)
NATIONAL = 100000
"""Stands for the whole country in unified social credit identifiers; no division."""


@lru_cache(maxsize=8)
def known_regions(editions: Editions = ()) -> npt.NDArray[np.bool_]:
    """One flag per number below 1,000,000: whether it was a six-digit division code in any year, by the package's table and ``editions``."""
    known: npt.NDArray[np.bool_] = years_known(editions) != 0
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

    def faults_of(self, element: ElementLike) -> list[str]:
        faults = super().faults_of(element)
        lengths = element.options.get("lengths", [6])
        if not isinstance(lengths, (list, tuple)) or not lengths or not set(lengths) <= {2, 4, 6, 9, 12}:
            faults.append(f"option 'lengths' is {lengths!r}; write a list of some of 2, 4, 6, 9, 12")
        return faults

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, self._judged(raw, context) > 0)

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        codes = self._judged(text, context)
        rest = np.flatnonzero(codes == self.number("characters"))
        if rest.size:
            part = text.gather(rest)
            zero_first = contains(part, "^0[0-9]*$")
            tests: Tests = [
                (contains(part, r"^[0-9](\.[0-9]*)?[Ee]\+?[0-9]{1,3}$"), "scientific_notation"),
                (zero_first & mask_of(part.str.len_bytes().is_in(list(_lengths(context)))), "province"),
                (contains(part, "^[0-9]+$"), "length"),
                (np.ones(len(part), dtype=np.bool_), "characters"),
            ]
            codes[rest] = self.first_of(tests, len(part))
        return text, codes

    def _judged(self, text: pl.Series, context: CellContext) -> Codes:
        present = text.is_not_null().to_numpy()
        sizes, numeric, region = _read(text)
        allowed = np.zeros(256, dtype=np.bool_)
        allowed[list(_lengths(context))] = True
        return self.first_of(
            [
                (present & ~numeric, "characters"),
                (present & ~allowed[np.minimum(sizes, 255)], "length"),
                (present & ~known_provinces()[region // 10_000], "province"),
                (present & ~known_regions(context.divisions)[region], "unknown_region"),
            ],
            len(text),
        )


_POWERS = 10 ** np.arange(19, dtype=np.int64)


def _read(text: pl.Series) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Of each cell: its bytes, whether it is a number without sign or zero in front, and the six digits of its division (else 0)."""
    sizes = text.str.len_bytes().fill_null(0).to_numpy()
    numbers = text.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    # as many digits as bytes, so neither sign nor zero in front; no code starts with 0
    numeric = (numbers >= _POWERS[np.clip(sizes, 1, 18) - 1]) & (sizes > 0)
    # a longer code begins with the division's six digits, a shorter one is completed with zeros: 33 -> 330000
    region = np.where(sizes > 6, numbers // _POWERS[np.clip(sizes - 6, 0, 18)], numbers * _POWERS[np.clip(6 - sizes, 0, 18)])
    return sizes, numeric, np.where(numeric & (region < 1_000_000), region, 0)


def regions_of(text: pl.Series, lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    """The six-digit division of each code of one of the ``lengths`` (33 -> 330000, 330203001 -> 330203); 0 for anything else."""
    sizes, _, region = _read(text)
    return np.where(np.isin(sizes, list(lengths)), region, 0)


def fault_of_code(code: str) -> str:
    """Why a text is no code of a list of divisions (GB/T 2260), in English; "" when it is one."""
    if not (len(code) == 6 and code.isascii() and code.isdigit()):
        return "a division code has six digits; towns and villages (9 and 12 digits) are no part of this list"
    return "" if known_provinces()[int(code[:2])] else "the first two digits are no province"


def _lengths(context: CellContext) -> Sequence[int]:
    lengths: Sequence[int] = context.element.options.get("lengths", (6, 9, 12))
    return lengths
