"""Coded values: a code, its label or a declared synonym becomes the code. Nothing is guessed."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import polars as pl

from districtlake.standards.kind import CellContext, CodeListLike, Codes, FirstLook, Kind, StatusCode, Tests, contains, error, mask_of
from districtlake.standards.repairs import DIRTY, MOJIBAKE, Repair, apply_repairs


class Code(Kind):
    """A code of the element's code list, as text. A list that is absent or partial cannot prove a value wrong. Options: none."""

    name = "code"
    codes: ClassVar[dict[str, StatusCode]] = {
        "mojibake": error("含有乱码（如“锟斤拷”“ï¿½”“�”），原文已丢失，请从业务系统重新导出。"),
        "ambiguous_label": error("这个名称在代码表中对应不止一个代码，请改报代码。"),
        "unknown_code": error("不在代码表中：既不是代码，也不是代码名称或已登记的同义写法。"),
    }
    distinct = True

    def conversions(self, context: CellContext) -> tuple[Repair, ...]:
        if context.code_list is None:
            return ()
        spellings = self._spellings(context.code_list, self.repairs_of(context.element))

        def to_code(text: pl.Series) -> pl.Series:
            found = text.replace_strict(spellings, default=None, return_dtype=pl.String)
            return pl.select(pl.coalesce(found, text)).to_series()

        return (Repair("code.label", "名称或同义写法改为代码", to_code),) if spellings else ()

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        if context.code_list is None:
            return FirstLook(raw, contains(raw, DIRTY))
        return FirstLook(raw, ~mask_of(raw.is_in(list(context.code_list.codes))) & raw.is_not_null().to_numpy())

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        tests: Tests = [(contains(text, MOJIBAKE), "mojibake")]
        if context.code_list is not None and not context.code_list.partial:
            unknown = ~mask_of(text.is_in(list(context.code_list.codes)))
            shared = [label for label, count in Counter(context.code_list.codes.values()).items() if count > 1]
            tests += [(unknown & mask_of(text.is_in(shared)), "ambiguous_label"), (unknown, "unknown_code")]
        return text, self.first_of(tests, len(text))

    def _spellings(self, code_list: CodeListLike, repairs: tuple[Repair, ...]) -> dict[str, str]:
        """Every accepted spelling and its code. A label that two codes share stands for neither."""
        codes, sharing = list(code_list.codes), Counter(code_list.codes.values())
        pairs = [(label, code) for code, label in code_list.codes.items() if sharing[label] == 1]
        pairs += list(code_list.synonyms.items())
        repaired = apply_repairs(pl.Series([spelling for spelling, _ in pairs], dtype=pl.String), repairs)[0].to_list()
        spellings = {spelling: code for spelling, (_, code) in zip(repaired, pairs, strict=True)}
        own = dict(zip(apply_repairs(pl.Series(codes, dtype=pl.String), repairs)[0].to_list(), codes, strict=True))
        return {spelling: code for spelling, code in {**spellings, **own}.items() if spelling and spelling != code}
