"""Whether division codes (GB/T 2260, GB/T 10114) were in use in a year. The history is ``districtlake.standards.division_history``'s."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from districtlake.standards.division_code import RESIDENCE_PERMIT_REGIONS, regions_of
from districtlake.standards.division_history import FIRST_YEAR, Editions, in_use

NOT_DATED = FIRST_YEAR - 1
"""Stands for "in any year"."""


def valid_in(codes: pl.Series, years: npt.NDArray[np.int64], lengths: Sequence[int], editions: Editions = ()) -> pl.Series:
    """Boolean, one a code: it has one of ``lengths``, and its county was in use in the year beside it."""
    regions = regions_of(codes, lengths)
    return pl.Series(in_use(regions, years, editions) | np.isin(regions, RESIDENCE_PERMIT_REGIONS))


def year_of(day: date | None) -> int:
    return NOT_DATED if day is None else day.year
