"""Unified social credit identifiers (GB 32100-2015) and organisation codes (GB 11714-1997).

Characters 9 to 17 of an identifier are an organisation code; some newly issued bodies carry one that does not pass
GB 11714, so there it is a warning only. O for 0 and I for 1 are never repaired: ``suggest_uscc`` says what it may have been.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from districtlake.standards.check_digits import (
    USCC_ALPHABET,
    Columns,
    Flags,
    all_same,
    codes_by_width,
    matrix_of,
    number_in,
    org_code_columns,
    registration_number_check,
    uscc_columns,
    uscc_values,
    uscc_values_check,
)
from districtlake.standards.division_code import NATIONAL, known_regions
from districtlake.standards.kind import CellContext, Codes, FirstLook, Kind, StatusCode, Tests, contains, error, mask_of, warning
from districtlake.standards.repairs import ALL_BLANKS, APOSTROPHE, DASHES, INVISIBLE, SIGNS, UPPER, WIDTH, Repair, replacing

AUTHORITIES = "123456789ANY"
"""First character: the registering authority. 1 机构编制, 5 民政, 9 市场监管, A 军队, N 农业农村, Y 其他."""
_AUTHORITY = np.zeros(256, dtype=np.bool_)
_AUTHORITY[[USCC_ALPHABET.index(char) for char in AUTHORITIES]] = True
_SCIENTIFIC = r"^[0-9](\.[0-9]*)?E\+?[0-9]{1,3}$"


class Uscc(Kind):
    """Unified social credit identifiers as text of 18 characters. Options: none."""

    name = "uscc"
    codes: ClassVar[dict[str, StatusCode]] = {
        "scientific_notation": error("被表格软件显示为科学计数法，数字已丢失，请将该列设为文本后从业务系统重新导出。"),
        "length": error("统一社会信用代码应为18位。"),
        "confusable_letter": error("含有字母I或O，统一社会信用代码不使用字母I、O、S、V、Z，疑为数字1或0之误，请核对证照。"),
        "characters": error("含有统一社会信用代码不使用的字符（只用数字和除I、O、S、V、Z以外的大写字母，第3至8位为数字）。"),
        "check_digit": error("统一社会信用代码的校验码不符（GB 32100-2015），至少有一位写错。"),
        "placeholder": error("是占位的假代码（全为同一数字），请填写真实代码。"),
        "unknown_authority": warning("第1位不是已知的登记管理部门代码，请核对。"),
        "unknown_region": warning("第3至8位在历年行政区划代码中都没有查到，请核对。"),
        "org_code_check": warning("第9至17位的组织机构代码校验码不符（GB 11714-1997），请核对。"),
        "legacy_registration_number": warning("是15位旧工商注册号，请按现行统一社会信用代码更新。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, ALL_BLANKS, APOSTROPHE, WIDTH, UPPER)

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, self._eighteen(raw, context) > 0)

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        codes = self._eighteen(text, context)
        rest = np.flatnonzero(codes == self.number("length"))
        if rest.size:
            part = text.gather(rest)
            fifteen = contains(part, r"^[0-9]{15}$")
            fifteen[fifteen] = registration_number_check(matrix_of(part.filter(pl.Series(fifteen)), 15))
            tests: Tests = [
                (contains(part, _SCIENTIFIC), "scientific_notation"),
                (fifteen, "legacy_registration_number"),
                (part.str.len_chars() == 18, "characters"),
                (np.ones(len(part), dtype=np.bool_), "length"),
            ]
            codes[rest] = self.first_of(tests, len(part))
        letters = np.flatnonzero(codes == self.number("characters"))
        if letters.size:  # six Han characters, too, are 18 bytes
            codes[letters[mask_of(text.gather(letters).str.len_chars() != 18)]] = self.number("length")
        return text, codes

    def _eighteen(self, text: pl.Series, context: CellContext) -> Codes:
        """Codes of the cells of 18 bytes; present cells of any other size get "length"."""
        return codes_by_width(text, 18, lambda columns: self._judged(columns, context), self.number("length"))

    def _judged(self, columns: Columns, context: CellContext) -> Codes:
        values = uscc_values(columns)
        numeric = values[2:8].max(axis=0) <= 9
        well_formed = (values.max(axis=0) < len(USCC_ALPHABET)) & numeric
        region = np.where(numeric, number_in(columns, 2, 8), 0)
        return self.first_of(
            [
                (_confused(columns, np.flatnonzero(~well_formed)), "confusable_letter"),
                (~well_formed, "characters"),
                (~uscc_values_check(values), "check_digit"),
                (all_same(columns), "placeholder"),
                (~_AUTHORITY[values[0]], "unknown_authority"),
                (~(known_regions(context.divisions)[region] | (region == NATIONAL)), "unknown_region"),
                (~org_code_columns(columns[8:17]), "org_code_check"),
            ],
            columns.shape[1],
        )


class OrgCode(Kind):
    """Organisation codes as text of nine characters, without the hyphen before the check character. Options: none."""

    name = "org_code"
    codes: ClassVar[dict[str, StatusCode]] = {
        "scientific_notation": error("被表格软件显示为科学计数法，数字已丢失，请将该列设为文本后从业务系统重新导出。"),
        "length": error("组织机构代码应为9位。"),
        "characters": error("组织机构代码前8位应为数字或大写字母，第9位应为数字或大写字母X。"),
        "check_digit": error("组织机构代码的校验码不符（GB 11714-1997），至少有一位写错。"),
        "placeholder": error("是占位的假代码（全为同一数字），请填写真实代码。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, ALL_BLANKS, APOSTROPHE, WIDTH, SIGNS, DASHES, UPPER)

    def conversions(self, context: CellContext) -> tuple[Repair, ...]:
        return (Repair("org_code.hyphen", "去除组织机构代码校验码前的连字符", replacing(r"^([0-9A-Z]{8})-([0-9X])$", "${1}${2}")),)

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, self._judged(raw) > 0)

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        return text, self._judged(text)

    def _judged(self, text: pl.Series) -> Codes:
        alphabet = text.str.contains(r"^[0-9A-Z]{8}[0-9X]$").fill_null(False)
        columns = matrix_of(text.filter(alphabet), 9).T
        unchecked, uniform = np.zeros(len(text), dtype=np.bool_), np.zeros(len(text), dtype=np.bool_)
        unchecked[alphabet.to_numpy()] = ~org_code_columns(columns)
        uniform[alphabet.to_numpy()] = all_same(columns)
        return self.first_of(
            [
                (contains(text, _SCIENTIFIC), "scientific_notation"),
                (text.str.len_chars() != 9, "length"),
                (text.is_not_null() & ~alphabet, "characters"),
                (unchecked, "check_digit"),
                (uniform, "placeholder"),
            ],
            len(text),
        )


def suggest_uscc(text: str) -> str | None:
    """What an identifier with O or I may have been: O read as 0 and I as 1, if that passes both check characters.

    ``text``: normalised. None when it holds neither letter or the reading does not pass. A suggestion for the agency to
    confirm against the licence, never a repair.
    """
    reading = text.replace("O", "0").replace("I", "1")
    if len(text) != 18 or reading == text or not set(reading) <= set(USCC_ALPHABET):
        return None
    matrix = np.frombuffer(reading.encode(), dtype=np.uint8).reshape(1, 18)
    return reading if bool(uscc_columns(matrix.T)[0] and org_code_columns(matrix.T[8:17])[0]) else None


def _confused(columns: Columns, rows: npt.NDArray[np.intp]) -> Flags:
    """Which of ``rows`` would be well-formed if O were 0 and I were 1."""
    flags = np.zeros(columns.shape[1], dtype=np.bool_)
    if rows.size:
        letters = columns[:, rows]
        read = np.where(letters == ord("O"), ord("0"), np.where(letters == ord("I"), ord("1"), letters)).astype(np.uint8)
        values = uscc_values(read)
        well_formed = (values.max(axis=0) < len(USCC_ALPHABET)) & (values[2:8].max(axis=0) <= 9)
        flags[rows] = well_formed & (read != letters).any(axis=0)
    return flags
