"""The Gregorian calendar on numpy columns: whether a day exists, and which day it is counted from 1970-01-01. By tables: a
division costs more than a look."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]

_LAST_YEAR = 9999
_years = np.arange(_LAST_YEAR + 1)
_LEAP = ((_years % 4 == 0) & (_years % 100 != 0) | (_years % 400 == 0)).astype(np.int32)
_NEW_YEAR = (np.cumsum(np.concatenate(([0], 365 + _LEAP[:-1]))) + date(1, 1, 1).toordinal() - 366 - date(1970, 1, 1).toordinal()).astype(
    np.int32
)
"""Day number of each year's first of January, year 0 included."""


def _by_month() -> tuple[Numbers, Numbers]:
    """Length and first day of each month, at 128 × leap + month; 0 for months that do not exist."""
    lengths, starts = np.zeros((2, 128), dtype=np.int32), np.zeros((2, 128), dtype=np.int32)
    for leap in (0, 1):
        lengths[leap, 1:13] = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        starts[leap, 2:13] = np.cumsum(lengths[leap, 1:12])
    return lengths.ravel(), starts.ravel()


_MONTH_DAYS, _MONTH_START = _by_month()


def days_of(year: Numbers, month: Numbers, day: Numbers) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """Whether each day exists, and its number from 1970-01-01 (garbage where it does not). Any non-negative numbers may be given."""
    capped = np.minimum(year, _LAST_YEAR)
    place = _LEAP[capped] * 128 + np.minimum(month, 127)
    return (day >= 1) & (day <= _MONTH_DAYS[place]) & (year <= _LAST_YEAR), _NEW_YEAR[capped] + _MONTH_START[place] + day - 1
