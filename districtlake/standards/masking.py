"""What may be shown of a cell on screens, in previews and in messages. Masking is for showing; it is no de-identification.

Kinds of personal data are masked whatever the sensitivity says, everything else from L3 (较敏感) on.
"""

from __future__ import annotations

import re
from typing import overload

import polars as pl

from districtlake.standards.kind import ElementLike

SENSITIVE = ("L3", "L4")
_STREET = (
    "^("
    "(?:[^省市区县]{2,10}(?:省|自治区))?"
    "(?:[^市区县]{1,10}(?:市|自治州|地区|盟))?"
    "(?:[^市区县]{1,10}(?:区|县|市|旗))?"
    "(?:[^街镇乡号路]{1,10}(?:街道|镇|乡|苏木))?"
    ")"
)
"""Province, prefecture, county and street (town), as far as the address names them in this order."""

_BIRTHDAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_CITIZEN = re.compile(
    f"(?<![0-9])([1-9][0-9]{{5}})(?:(?:18|19|20)[0-9]{{2}}{_BIRTHDAY}(?=[0-9]{{3}}[0-9Xx])|[0-9]{{2}}{_BIRTHDAY}(?=[0-9]{{3}}(?![0-9Xx])))([0-9]{{3}}[0-9Xx]?)(?![0-9])"
)
"""Citizen numbers of 18 and of 15 digits, by their birth date: a date with a time of day in a file's name is none."""
_MOBILE = re.compile("(?<![0-9])(1[3-9][0-9])[0-9]{4}([0-9]{4})(?![0-9])")


def mask_numbers(text: str) -> str:
    """A text of people's own making (a file's name, a header) without citizen and mobile numbers. Names in it cannot be told from other words."""
    return _CITIZEN.sub(lambda found: f"{found[1]}********{found[2]}", _MOBILE.sub(r"\1****\2", text))


@overload
def mask(value: pl.Series, element: ElementLike, sensitivity: str | None = None) -> pl.Series: ...
@overload
def mask(value: str | None, element: ElementLike, sensitivity: str | None = None) -> str | None: ...
def mask(value: pl.Series | str | None, element: ElementLike, sensitivity: str | None = None) -> pl.Series | str | None:
    """``value`` as it may be shown: a Series of any type as String, or one text. Nulls stay.

    Names keep the first character (张*), citizen numbers six and four characters, telephone numbers three and four, addresses the
    part down to the street; other items of L3 or L4 keep the first character. ``sensitivity``: the item's, where it differs from
    the element's.
    """
    if not isinstance(value, pl.Series):
        return mask(pl.Series([value], dtype=pl.String), element, sensitivity).item()
    text = value.cast(pl.String)
    frame = text.alias("text").to_frame()
    return frame.select(_masked(element, sensitivity or element.sensitivity)).to_series().alias(value.name)


def _masked(element: ElementLike, sensitivity: str) -> pl.Expr:
    text = pl.col("text")
    if element.kind == "name":
        return _first_and("*")
    if element.kind == "citizen_id":
        stars = pl.lit("*").repeat_by(text.str.len_chars() - 10).list.join("")
        whole = text.str.contains(r"^[!-~]{15,18}$")  # an address of as many characters is none
        return pl.when(whole).then(pl.concat_str(text.str.head(6), stars, text.str.tail(4))).otherwise(_first_and("***"))
    if element.kind == "phone":
        mobile, fixed = text.str.contains("^[0-9]{11}$"), text.str.contains("^0[0-9]{2,3}-[0-9]{7,8}")
        return (
            pl.when(mobile).then(pl.concat_str(text.str.head(3), pl.lit("****"), text.str.tail(4)))
            .when(fixed).then(text.str.replace(r"^(0[0-9]{2,3}-)[0-9]{3,4}([0-9]{4}).*$", "${1}****${2}"))
            .otherwise(_first_and("***"))
        )  # fmt: skip
    if element.kind == "address":
        street = text.str.extract(_STREET, 1)
        return pl.when(street.str.len_chars() > 0).then(pl.concat_str(street, pl.lit("***"))).otherwise(_first_and("***"))
    return _first_and("***") if sensitivity in SENSITIVE else text


def _first_and(stars: str) -> pl.Expr:
    return pl.concat_str(pl.col("text").str.head(1), pl.lit(stars))
