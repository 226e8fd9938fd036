"""Two spellings of one thing made alike for comparing them, never for storing.

A match key forgets more than cleansing may: all blanks, width and case, the kind of middle dot. It never exchanges a character for
another, however alike (昇 is not 升): what then differs is for a person to look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from districtlake.standards.repairs import ALL_BLANKS, INVISIBLE, MIDDLE_DOT, SIGNS, UPPER, WIDTH, Repair, apply_repairs, replacing

_DOTS = Repair("match.dot", "比对时不计间隔号", replacing("·"))

WAYS: Mapping[str, tuple[Repair, ...]] = {
    "exact": (),
    "text": (INVISIBLE, ALL_BLANKS, WIDTH, SIGNS, UPPER),
    "person_name": (INVISIBLE, ALL_BLANKS, WIDTH, UPPER, MIDDLE_DOT, _DOTS),
}
"""How values are made alike: ``exact`` not at all; ``text`` without blanks, width and case (names of bodies, addresses);
``person_name`` besides without the middle dot, which many systems cannot hold."""


def match_key(text: pl.Series, way: str) -> pl.Series:
    """The key of each text by one of ``WAYS``; nulls stay null. Raises ``KeyError`` for another way."""
    return apply_repairs(text, WAYS[way])[0]
