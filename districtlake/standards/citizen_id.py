"""Citizen identification numbers: GB 11643-1999, with the numbers of residence permits and of foreigners' permanent permits.

The order of tests is length, characters, birth date, check digit, province, region. The region need only have existed in some
year: numbers were assigned from 1984 on by place of residence, so a birth year says nothing about which codes were in use.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import numpy as np
import polars as pl

from districtlake.standards.calendar_days import Numbers, days_of
from districtlake.standards.check_digits import Columns, citizen_id_columns, codes_by_width, in_blocks, matrix_of, number_in
from districtlake.standards.division_code import known_provinces, known_regions
from districtlake.standards.kind import CellContext, Codes, FirstLook, Kind, StatusCode, Tests, contains, error, mask_of, warning
from districtlake.standards.repairs import ALL_BLANKS, APOSTROPHE, INVISIBLE, UPPER, WIDTH, Repair

FIRST_BIRTH_YEAR = 1900
_FOREIGNER = ord("9")


class CitizenId(Kind):
    """Citizen identification numbers as text of 18 characters. Options: none."""

    name = "citizen_id"
    codes: ClassVar[dict[str, StatusCode]] = {
        "scientific_notation": error("被表格软件显示为科学计数法（如3.30203E+17），数字已丢失，请将该列设为文本后重新导出。"),
        "length": error("公民身份号码应为18位。"),
        "characters": error("公民身份号码前17位应为数字，第18位应为数字或大写字母X。"),
        "birth_date": error("公民身份号码第7至14位不是真实存在的日期。"),
        "birth_in_future": error("公民身份号码中的出生日期晚于今天。"),
        "birth_before_1900": error("公民身份号码中的出生日期早于1900年。"),
        "check_digit": error("公民身份号码的校验码不符（GB 11643-1999），至少有一位写错。"),
        "province": error("公民身份号码前两位不是省级行政区划代码。"),
        "unknown_region": warning("公民身份号码前六位在历年行政区划代码中都没有查到，请核对。"),
        "legacy_15": warning("是15位旧号码，没有校验码，请按现行18位号码更新。"),
        "foreigner_legacy": warning("是旧版外国人永久居留身份证号码（3位字母加12位数字），请核对证件类型。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (INVISIBLE, ALL_BLANKS, APOSTROPHE, WIDTH, UPPER)

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, self._eighteen(raw, context) > 0)

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        codes = self._eighteen(text, context)
        rest = np.flatnonzero(codes == self.number("length"))
        if rest.size:
            codes[rest] = self._other_lengths(text.gather(rest), context)
        letters = np.flatnonzero(codes == self.number("characters"))
        if letters.size:  # six Han characters, too, are 18 bytes
            codes[letters[mask_of(text.gather(letters).str.len_chars() != 18)]] = self.number("length")
        return text, codes

    def _eighteen(self, text: pl.Series, context: CellContext) -> Codes:
        """Codes of the cells of 18 bytes; present cells of any other size get "length"."""
        return codes_by_width(text, 18, lambda columns: self._judged(columns, context), self.number("length"))

    def _judged(self, columns: Columns, context: CellContext) -> Codes:
        digits = columns - np.uint8(48)  # a non-digit wraps to 10 or more
        all_digits = digits[:17].max(axis=0) <= 9
        well_formed = all_digits & ((digits[17] <= 9) | (columns[17] == ord("X")))
        birth = number_in(columns, 6, 10), number_in(columns, 10, 12), number_in(columns, 12, 14)
        region = np.where(all_digits, number_in(columns, 0, 6), 0)
        foreigner = columns[0] == _FOREIGNER
        return self.first_of(
            [
                (~well_formed, "characters"),
                *self._birth_tests(*birth, context.today),
                (~citizen_id_columns(columns), "check_digit"),
                (~(known_provinces()[region // 10_000] | foreigner), "province"),
                (~(known_regions(context.divisions)[region] | foreigner), "unknown_region"),
            ],
            columns.shape[1],
        )

    def _birth_tests(self, year: Numbers, month: Numbers, day: Numbers, today: date) -> Tests:
        birth = year * 10_000 + month * 100 + day
        return [
            (~days_of(year, month, day)[0], "birth_date"),
            (birth > today.year * 10_000 + today.month * 100 + today.day, "birth_in_future"),
            (year < FIRST_BIRTH_YEAR, "birth_before_1900"),
        ]

    def _other_lengths(self, text: pl.Series, context: CellContext) -> Codes:
        codes = np.full(len(text), self.number("length"), dtype=np.uint8)
        codes[mask_of(text.str.len_chars() == 18)] = self.number("characters")
        codes[contains(text, r"^[0-9](\.[0-9]*)?E\+?[0-9]{1,3}$")] = self.number("scientific_notation")
        codes[contains(text, r"^[A-Z]{3}[0-9]{12}$")] = self.number("foreigner_legacy")
        legacy = contains(text, r"^[0-9]{15}$")
        numbers = matrix_of(text.filter(pl.Series(legacy)), 15)
        codes[legacy] = in_blocks(numbers, lambda columns: self._fifteen(columns, context.today), np.uint8)
        return codes

    def _fifteen(self, columns: Columns, today: date) -> Codes:
        """Region, YYMMDD of the twentieth century, sequence; no check digit. Sequences 996-999 were given to centenarians (18YY)."""
        century = np.where(number_in(columns, 12, 15) >= 996, 1800, 1900).astype(np.int32)
        birth = number_in(columns, 6, 8) + century, number_in(columns, 8, 10), number_in(columns, 10, 12)
        tests = self._birth_tests(*birth, today)[:2]  # those of 18YY were born before 1900
        province = known_provinces()[number_in(columns, 0, 2)]
        every = np.ones(columns.shape[1], dtype=np.bool_)
        return self.first_of([*tests, (~province, "province"), (every, "legacy_15")], columns.shape[1])
