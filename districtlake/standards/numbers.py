"""Integers and decimals as text. No digit is ever lost: what does not fit the declared type exactly is an error, not rounded."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import polars as pl

from districtlake.standards.kind import CellContext, Codes, ElementLike, FirstLook, Kind, Mask, StatusCode, Tests, contains, error, mask_of
from districtlake.standards.repairs import (
    BLANK,
    INVISIBLE,
    LEADING_APOSTROPHE,
    LINE_BREAK,
    MINUS,
    SIGNS,
    TRIM,
    WIDTH,
    Repair,
    replacing,
)

DEFAULT_PRECISION, DEFAULT_SCALE = 18, 2
MAX_PRECISION = 38

_SCIENTIFIC = r"^[+-]?[0-9]+(\.[0-9]*)?[Ee][+-]?[0-9]{1,3}$"
_PLAIN = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_GROUPED = r"^([+-]?[0-9]{1,3}(?:,[0-9]{3})+)(\.[0-9]*)?$"


def _without_thousands(text: pl.Series) -> pl.Series:
    grouped = text.str.contains(_GROUPED)
    if not grouped.any():
        return text
    return pl.select(pl.when(grouped).then(text.str.replace_all(",", "", literal=True)).otherwise(text)).to_series()


def _exact_scientific(text: pl.Series) -> pl.Series:
    """1.23457E+05 as 123457, 5E-1 as 0.5. A number is exact only if every digit before its point was written: in 3.30203E+17
    twelve digits are lost, and nobody can tell 1E+05 from a rounded 100,003."""
    fits = text.str.contains(_SCIENTIFIC).fill_null(False)
    if not fits.any():
        return text
    exact: dict[str, str] = {}
    for spelling in text.filter(fits).unique():
        mantissa, exponent = spelling.upper().split("E")
        sign = "-" if mantissa.startswith("-") else ""
        whole, _, fraction = mantissa.lstrip("+-").partition(".")
        digits, point = whole + fraction, len(whole) + int(exponent)
        if point > len(digits) or point < -MAX_PRECISION:
            continue
        digits, point = "0" * max(1 - point, 0) + digits, max(point, 1)
        exact[spelling] = sign + digits[:point] + (f".{digits[point:]}" if digits[point:] else "")
    return text.replace(exact)


def _completed_point(text: pl.Series) -> pl.Series:
    return text.str.replace(r"^([+-]?)\.([0-9]+)$", "${1}0.${2}").str.replace(r"^([+-]?[0-9]+)\.$", "${1}")


class Number(Kind):
    """What integers and decimals share. A unit after the number is dropped only if it is the declared one."""

    _SHARED: ClassVar[dict[str, StatusCode]] = {
        "not_a_number": error("不是可以识别的数值，请只报阿拉伯数字。"),
        "scientific_notation": error("被表格软件显示为科学计数法，部分数字已丢失，请将该列设为数值格式后重新导出。"),
        "separators": error("千位分隔符的位置不对，无法确定数值。"),
        "unit": error("数值后带有与目录声明不同的计量单位或文字，请换算为目录声明的计量单位后只报数值。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, LINE_BREAK, BLANK, LEADING_APOSTROPHE, TRIM, WIDTH, SIGNS, MINUS)

    def conversions(self, context: CellContext) -> tuple[Repair, ...]:
        unit = self._unit_pattern(context)
        without_unit = (Repair("number.unit", "去除与目录声明相同的计量单位", replacing(unit, "${1}")),) if unit else ()
        return (
            *without_unit,
            Repair("number.thousands", "去除千位分隔符", _without_thousands),
            Repair("number.scientific", "数字完整的科学计数法改为普通写法", _exact_scientific),
            Repair("number.point", "补全小数点前的零，去除末尾的小数点", _completed_point),
            *self._exact_decimals(context),
        )

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        value, fits = self._typed(raw, context)
        return FirstLook(value, ~fits & raw.is_not_null().to_numpy())

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        value, fits = self._typed(text, context)
        tests: Tests = [
            (contains(text, _SCIENTIFIC), "scientific_notation"),
            (contains(text, r"^[+-]?[0-9.]*,[0-9,.]*$"), "separators"),
            *self._misfits(text, context),
            (contains(text, r"^[+-]?[0-9][0-9,.]* ?[^0-9,.+\- ][^0-9]*$|^[¥￥$] ?[0-9]"), "unit"),
            (mask_of(text.is_not_null()), "not_a_number"),
        ]
        codes = self.first_of(tests, len(text))
        codes[fits] = 0
        return value, codes

    @abstractmethod
    def _typed(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Mask]:
        """Typed values, and which cells have one that equals the text exactly."""

    @abstractmethod
    def _misfits(self, text: pl.Series, context: CellContext) -> Tests:
        """Numbers that the type cannot hold."""

    @abstractmethod
    def _exact_decimals(self, context: CellContext) -> tuple[Repair, ...]:
        """Dropping zeros after the point that the type has no place for."""

    def _unit_pattern(self, context: CellContext) -> str:
        unit = context.unit.strip()
        if not unit:
            return ""
        escaped = "".join(char if char.isalnum() else rf"\x{{{ord(char):x}}}" for char in unit)
        return rf"^([+-]?[0-9][0-9,.]*(?:[Ee][+-]?[0-9]+)?) ?{escaped}$"


class Integer(Number):
    """Whole numbers of 64 bits. Options: none."""

    name = "integer"
    codes: ClassVar[dict[str, StatusCode]] = {
        **Number._SHARED,
        "not_an_integer": error("应为整数，不应有小数。"),
        "out_of_range": error("数值过大，超出可以存储的范围。"),
    }

    def dtype(self, element: ElementLike) -> pl.DataType:
        return pl.Int64()

    def _typed(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Mask]:
        value = text.cast(pl.Int64, strict=False)
        return value, value.is_not_null().to_numpy()

    def _misfits(self, text: pl.Series, context: CellContext) -> Tests:
        return [(contains(text, r"^[+-]?[0-9]+\.[0-9]+$"), "not_an_integer"), (contains(text, r"^[+-]?[0-9]+$"), "out_of_range")]

    def _exact_decimals(self, context: CellContext) -> tuple[Repair, ...]:
        return (Repair("number.zero_decimals", "去除整数后的“.0”", replacing(r"^([+-]?[0-9]+)\.0+$", "${1}")),)


class Decimal(Number):
    """Decimal numbers. Options: ``precision`` (digits in all, default 18, at most 38) and ``scale`` (after the point, default 2)."""

    name = "decimal"
    codes: ClassVar[dict[str, StatusCode]] = {
        **Number._SHARED,
        "too_many_decimals": error("小数位数超过规定，系统不会替您四舍五入，请按规定的小数位数报送。"),
        "out_of_range": error("整数部分的位数超过规定。"),
    }
    options = {  # noqa: RUF012
        "precision": f"digits in all, 1 to {MAX_PRECISION} (default {DEFAULT_PRECISION})",
        "scale": f"digits after the point, 0 to precision (default {DEFAULT_SCALE})",
    }

    def dtype(self, element: ElementLike) -> pl.DataType:
        return pl.Decimal(*_shape(element))

    def faults_of(self, element: ElementLike) -> list[str]:
        faults = super().faults_of(element)
        precision, scale = _shape(element)
        if not isinstance(precision, int) or not 1 <= precision <= MAX_PRECISION:
            faults.append(f"option 'precision' is {precision!r}; write a whole number from 1 to {MAX_PRECISION}")
        elif not isinstance(scale, int) or not 0 <= scale <= precision:
            faults.append(f"option 'scale' is {scale!r}; write a whole number from 0 to {precision}")
        return faults

    def _typed(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Mask]:
        precision, scale = _shape(context.element)
        whole = rf"(?:0*[1-9][0-9]{{0,{precision - scale - 1}}}|0+)" if precision > scale else "0+"
        decimals = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
        fits = contains(text, f"^[+-]?{whole}{decimals}$")
        value = text.cast(pl.Decimal(precision, scale), strict=False)  # rounds what does not fit: those cells lose their value
        misfits = np.flatnonzero(~fits & value.is_not_null().to_numpy())
        if misfits.size:
            value = pl.select(pl.when(pl.Series(fits)).then(value)).to_series()
        return value, fits

    def _misfits(self, text: pl.Series, context: CellContext) -> Tests:
        _, scale = _shape(context.element)
        return [(contains(text, rf"^[+-]?[0-9]+\.[0-9]{{{scale + 1},}}$"), "too_many_decimals"), (contains(text, _PLAIN), "out_of_range")]

    def _exact_decimals(self, context: CellContext) -> tuple[Repair, ...]:
        _, scale = _shape(context.element)
        kept = rf"(\.[0-9]{{{scale}}})0+$" if scale else r"()\.0+$"
        return (Repair("number.zero_decimals", "去除末尾多余的零", replacing(rf"^([+-]?[0-9]+){kept}", "${1}${2}")),)


def _shape(element: ElementLike) -> tuple[int, int]:
    return element.options.get("precision", DEFAULT_PRECISION), element.options.get("scale", DEFAULT_SCALE)
