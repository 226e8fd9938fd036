"""Identifiers without a check digit: licence, file and register numbers; postcodes."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
import polars as pl

from districtlake.standards.kind import (
    CellContext,
    Codes,
    ElementLike,
    FirstLook,
    Kind,
    Mask,
    StatusCode,
    Tests,
    contains,
    error,
    mask_of,
    not_matching,
)
from districtlake.standards.repairs import (
    ALL_BLANKS,
    DIRTY,
    INVISIBLE,
    LEADING_APOSTROPHE,
    MOJIBAKE,
    UPPER,
    WIDTH,
    Repair,
    mapping,
)

_IDENTIFIER_SIGNS = Repair("code.sign_width", "全角符号改为半角", mapping("－／＿．＃", "-/_.#"))
"""Not brackets: 〔2021〕 and （2021） are how file numbers are written."""


class Identifier(Kind):
    """Numbers and names of documents: half width, upper case, no blanks. Option ``pattern`` must be found in the value."""

    name = "identifier"
    codes: ClassVar[dict[str, StatusCode]] = {
        "scientific_notation": error("被表格软件显示为科学计数法，数字已丢失，请将该列设为文本后从业务系统重新导出。"),
        "mojibake": error("含有乱码（如“锟斤拷”“ï¿½”“�”），原文已丢失，请从业务系统重新导出。"),
        "pattern": error("不符合规定的编号格式。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, ALL_BLANKS, LEADING_APOSTROPHE, WIDTH, _IDENTIFIER_SIGNS, UPPER)
    options = {"pattern": "regular expression the value must contain; anchor it with ^ and $"}  # noqa: RUF012
    _SUSPICIOUS: ClassVar[str] = rf"{DIRTY}|[a-z \x{{200C}}\x{{200D}}－／＿．＃]|^['’‘`´＇]|^[0-9](\.[0-9]*)?E\+[0-9]{{1,3}}$"

    def faults_of(self, element: ElementLike) -> list[str]:
        faults = super().faults_of(element)
        try:
            re.compile(str(element.options.get("pattern", "")))
        except re.error as problem:
            faults.append(f"option 'pattern' is no regular expression: {problem}")
        return faults

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        suspects = contains(raw, self._SUSPICIOUS)
        return FirstLook(raw, suspects | self._breaks_pattern(raw, context))

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        tests: Tests = [
            (contains(text, r"^[0-9](\.[0-9]*)?E\+[0-9]{1,3}$"), "scientific_notation"),
            (contains(text, MOJIBAKE), "mojibake"),
            (self._breaks_pattern(text, context), "pattern"),
        ]
        return text, self.first_of(tests, len(text))

    def _breaks_pattern(self, text: pl.Series, context: CellContext) -> Mask:
        pattern = context.element.options.get("pattern")
        if not pattern:
            return np.zeros(len(text), dtype=np.bool_)
        try:
            return not_matching(text, pattern)
        except pl.exceptions.ComputeError:  # what only Python's engine knows, such as lookahead
            spellings = text.drop_nulls().unique()
            bad = [spelling for spelling in spellings if re.search(pattern, spelling) is None]
            return mask_of(text.is_in(bad))


class Postcode(Kind):
    """Six digits of China Post, as text. Options: none."""

    name = "postcode"
    codes: ClassVar[dict[str, StatusCode]] = {
        "characters": error("邮政编码只能由数字组成。"),
        "length": error("邮政编码应为6位（以0开头的邮政编码可能丢失了首位0）。"),
        "placeholder": error("000000是占位的假邮政编码，请填写真实编码。"),
        "unknown_area": error("邮政编码以9开头，不是中国邮政的投递区。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, ALL_BLANKS, LEADING_APOSTROPHE, WIDTH)

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, not_matching(raw, r"^[0-8][0-9]{5}$") | mask_of(raw == _NO_POSTCODE))

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        tests: Tests = [
            (not_matching(text, "^[0-9]+$"), "characters"),
            (text.str.len_bytes() != 6, "length"),
            (text == _NO_POSTCODE, "placeholder"),
            (contains(text, "^9") & ~mask_of(text == _POSTCODE_OUTSIDE), "unknown_area"),
        ]
        return text, self.first_of(tests, len(text))


_NO_POSTCODE = "000000"
_POSTCODE_OUTSIDE = "999077"  # what senders write for Hong Kong, which has no postcodes
