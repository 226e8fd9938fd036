"""How agencies write a value: the same meaning, many spellings. Everything here is harmless and must never be accused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

Cell = str | date | Decimal
"""What a file's cell holds: text; in Excel also a true date or a number. A CSV cell is always text."""
Spell = Callable[[Any, Random], Cell]

_WIDE = {ord(char): chr(ord(char) + 0xFEE0) for char in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"}
_MISSING = ("", "", "", "无", "不详")
_MISSING_NUMBER_OR_TERM = ("", "", "", "无", "/")
_PADDINGS = ("\u3000{}", "{}\u00a0", " {}", "{} ", "{}\u3000\u3000")


def wide(text: str) -> str:
    """Letters and digits in full width, as a Chinese input method leaves them."""
    return text.translate(_WIDE)


def _pad(text: str, rng: Random) -> str:
    return rng.choice(_PADDINGS).format(text) if rng.random() < 0.02 else text


def _widened(text: str, rng: Random, share: float) -> str:
    return _pad(wide(text) if rng.random() < share else text, rng)


def spell_text(value: str, rng: Random) -> Cell:
    return _pad(value, rng)


def spell_optional(value: str | None, rng: Random) -> Cell:
    """Text, or one of the ways to say that there is none."""
    return rng.choice(_MISSING) if value is None else _pad(value, rng)


def spell_identifier(value: str, rng: Random) -> Cell:
    """A citizen number or credit code: sometimes lower case, sometimes full width."""
    return _widened(value.lower() if rng.random() < 0.2 else value, rng, 0.01)


def spell_optional_identifier(value: str | None, rng: Random) -> Cell:
    return rng.choice(_MISSING) if value is None else spell_identifier(value, rng)


def spell_name(value: str, rng: Random) -> Cell:
    if "·" in value:
        return _pad(value.replace("·", rng.choice("···•・．")), rng)
    if len(value) == 2 and rng.random() < 0.03:
        return value[0] + rng.choice("\u3000 ") + value[1]  # aligned to three characters, as in printed lists
    return _pad(value, rng)


def spell_optional_name(value: str | None, rng: Random) -> Cell:
    return rng.choice(_MISSING) if value is None else spell_name(value, rng)


def spell_coordinate(value: Decimal, rng: Random) -> Cell:
    """Degrees, with the zeros at the end or without."""
    text = f"{value}"
    return _widened(text.rstrip("0") if rng.random() < 0.3 else text, rng, 0.01)


def spell_address(value: str, rng: Random) -> Cell:
    chance = rng.random()
    if chance < 0.03:
        return wide(value)
    if chance < 0.035:
        head, sep, tail = value.partition("海曙区")
        return f"{head}{sep}\n{tail}"  # a line break typed inside the cell: the record spans two lines of the CSV
    return _pad(value, rng)


def spell_date(value: date, rng: Random) -> Cell:
    """Five ways: 2021/1/2, 2021-01-02, 20210102, 2021年1月2日, 2021.01.02."""
    year, month, day = value.year, value.month, value.day
    style = rng.randrange(5)
    if style == 0:
        text = f"{year}/{month}/{day}"
    elif style == 1:
        text = f"{year}-{month:02d}-{day:02d}"
    elif style == 2:
        text = f"{year}{month:02d}{day:02d}"
    elif style == 3:
        text = f"{year}年{month}月{day}日"
    else:
        text = f"{year}.{month:02d}.{day:02d}"
    return _widened(text, rng, 0.02)


def spell_optional_date(value: date | None, rng: Random) -> Cell:
    return rng.choice(_MISSING_NUMBER_OR_TERM) if value is None else spell_date(value, rng)


def spell_true_date(value: date, rng: Random) -> Cell:
    """A real Excel date; one in ten was typed as text."""
    return spell_date(value, rng) if rng.random() < 0.1 else value


def spell_amount(value: Decimal, rng: Random) -> Cell:
    """1206.50, 1,206.50, full-width digits."""
    text = f"{value:,}" if rng.random() < 0.3 else f"{value}"
    return _widened(text, rng, 0.02)


def spell_amount_cell(value: Decimal | None, rng: Random) -> Cell:
    """An Excel number, or text with thousands separators, or nothing."""
    if value is None:
        return rng.choice(_MISSING_NUMBER_OR_TERM)
    return value if rng.random() < 0.7 else spell_amount(value, rng)


def spell_count(value: int, rng: Random) -> Cell:
    return _widened(str(value), rng, 0.03)


def coded(spellings: Mapping[str, Sequence[str]]) -> Spell:
    """A coded value: its label four times out of five, else one of its other spellings."""

    def spell(value: str, rng: Random) -> Cell:
        others = spellings.get(value, ())
        if others and rng.random() < 0.2:
            return _widened(rng.choice(others), rng, 0.05)
        return _pad(value, rng)

    return spell
