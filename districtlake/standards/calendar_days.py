"""The Gregorian calendar on numpy columns: whether a day exists, and which day it is counted from 1970-01-01."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, *[0] * 87], dtype=np.uint8)


def is_real_day(year: Numbers, month: Numbers, day: Numbers) -> npt.NDArray[np.bool_]:
    """Whether the day exists; any non-negative numbers may be given."""
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    longest = _MONTH_DAYS[np.clip(month, 0, 99)] + (leap & (month == 2))
    return (day >= 1) & (day <= longest)


def days_since_epoch(year: Numbers, month: Numbers, day: Numbers) -> Numbers:
    """Days from 1970-01-01, proleptic. Years are counted from March, so that the leap day comes last."""
    year = year - (month <= 2)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (365 * year + year // 4 - year // 100 + year // 400 + of_year - 719_468).astype(np.int32)
