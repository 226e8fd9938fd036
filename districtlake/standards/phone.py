"""Telephone numbers of the Chinese mainland: mobile, fixed with area code and extension, 400/800, service short numbers."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from districtlake.standards.kind import (
    CellContext,
    Codes,
    FirstLook,
    Kind,
    StatusCode,
    Tests,
    contains,
    error,
    mask_of,
    not_matching,
    warning,
)
from districtlake.standards.repairs import BLANK, DASHES, INVISIBLE, LEADING_APOSTROPHE, LINE_BREAK, SIGNS, TRIM, WIDTH, Repair, replacing

MOBILE = "1[3-9][0-9]{9}"
AREA = "(?:010|02[0-9]|0[3-9][0-9]{2})"
FIXED = "[2-8][0-9]{6,7}"
SERVICE = "[48]00[0-9]{7}"
SHORT = "(?:1[0-2][0-9]|1[0-2][0-9]{3}|118[0-9]{3}|9[56][0-9]{3,4})"

_NORMAL = rf"^(?:{MOBILE}|{AREA}-{FIXED}(?:-[0-9]{{1,6}})?|{SERVICE}|{SHORT})$"
_LOCAL = rf"^{FIXED}(?:-[0-9]{{1,6}})?$"
_FOREIGN = r"^\+(?:[1-79][0-9]|8[0-57-9])[0-9]{5,13}$"
_EXTENSION = r"(?:-|转|分机|[Ee][Xx][Tt]\.?|#)+([0-9]{1,6})$"


def _without_separators(text: pl.Series) -> pl.Series:
    """138-1234-5678 as 13812345678 and 400-123-4567 as 4001234567, but only where the whole is then such a number."""
    joined = text.str.replace_all(r"[-() ]", "")
    return pl.select(pl.when(joined.str.contains(rf"^(?:{MOBILE}|{SERVICE})$")).then(joined).otherwise(text)).to_series()


class Phone(Kind):
    """Telephone numbers: mobile as 11 digits, fixed as area-number[-extension]. Options: none."""

    name = "phone"
    codes: ClassVar[dict[str, StatusCode]] = {
        "scientific_notation": error("被表格软件显示为科学计数法，数字已丢失，请将该列设为文本后重新导出。"),
        "several_numbers": error("一个单元格填了不止一个电话号码，请只填一个。"),
        "characters": error("电话号码含有数字以外的字符。"),
        "not_a_number": error("不是有效的电话号码（手机11位，固定电话为区号加7或8位）。"),
        "no_area_code": warning("固定电话没有区号。"),
        "foreign": warning("是境外电话号码，请核对。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, LINE_BREAK, BLANK, LEADING_APOSTROPHE, TRIM, WIDTH, SIGNS, DASHES)

    def conversions(self, context: CellContext) -> tuple[Repair, ...]:
        return _CONVERSIONS

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, not_matching(raw, _NORMAL))

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        tests: Tests = [
            (contains(text, r"^[0-9](\.[0-9]*)?[Ee]\+?[0-9]{1,3}$"), "scientific_notation"),
            (contains(text, _LOCAL), "no_area_code"),
            (contains(text, _FOREIGN), "foreign"),
            (contains(text, r"[0-9]{7,}[^0-9]+(?:[0-9]{3,4}-)?[0-9]{7,}"), "several_numbers"),
            (contains(text, r"[^0-9+()# -]"), "characters"),
            (mask_of(text.is_not_null()), "not_a_number"),
        ]
        codes = self.first_of(tests, len(text))
        codes[contains(text, _NORMAL)] = 0
        return text, codes


def _without_country_code(text: pl.Series) -> pl.Series:
    """+86 and 0086 before any number, a bare 86 only before a mobile number; fixed numbers get their 0 back."""
    fixed = text.str.replace(rf"{_COUNTRY}\(?0?(10|2[0-9]|[3-9][0-9]{{2}})\)?[- ]?({FIXED}(?:[^0-9].*)?)$", "0${1}-${2}")
    joined = fixed.str.replace_all(r"[-() ]", "").str.replace(rf"^(?:\+86|0086|86)({MOBILE})$", "${1}")
    return pl.select(pl.when(joined.str.contains(rf"^{MOBILE}$")).then(joined).otherwise(fixed)).to_series()


_COUNTRY = r"^\(?(?:\+|00)86\)?[- ]?"
_CONVERSIONS = (
    Repair("phone.separators", "去除手机、400和800号码中的分隔符", _without_separators),
    Repair("phone.country_code", "去除中国大陆国际区号86", _without_country_code),
    Repair("phone.extension", "分机号统一写在“-”之后", replacing(rf"^([0-9() -]*{FIXED}) ?{_EXTENSION}", "${1}-${2}")),
    Repair("phone.area_code", "区号与号码之间统一为“-”", replacing(rf"^\(?({AREA})\)?[- ]*({FIXED}(?:-[0-9]{{1,6}})?)$", "${1}-${2}")),
    Repair("phone.foreign", "去除境外号码中的分隔符", lambda text: pl.select(
        pl.when(text.str.replace_all(r"[-() ]", "").str.contains(_FOREIGN)).then(text.str.replace_all(r"[-() ]", "")).otherwise(text)
    ).to_series()),
)  # fmt: skip
