"""Kinds of free text: text, organisation names, addresses. Only characters are repaired, wording never."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from districtlake.standards.kind import CellContext, Codes, FirstLook, Kind, StatusCode, contains, error, warning
from districtlake.standards.repairs import ADDRESS_BLANK, ADDRESS_SIGN, DIRTY, HAN_BLANK, MOJIBAKE, PRIVATE_USE, TEXT, Repair

MOJIBAKE_ERROR = error("含有乱码（如“锟斤拷”“ï¿½”“�”），原文已丢失，请从业务系统重新导出。")
PRIVATE_USE_ERROR = error("含有自造字（Unicode专用区字符），他人无法识读，请改用国家标准汉字编码。")


class Text(Kind):
    """Free text."""

    name = "text"
    codes: ClassVar[dict[str, StatusCode]] = {
        "mojibake": MOJIBAKE_ERROR,
        "private_use": warning("含有自造字（Unicode专用区字符），他人可能无法识读。"),
    }
    suspicious: ClassVar[str] = DIRTY
    """What the first look searches for; everything that ``repairs`` alter or ``tests`` find must match."""
    tests: ClassVar[tuple[tuple[str, str], ...]] = ((MOJIBAKE, "mojibake"), (PRIVATE_USE, "private_use"))
    """Pattern and the code of the text in which it occurs; the first that occurs decides."""

    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        return FirstLook(raw, contains(raw, self.suspicious))

    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        return text, self.first_of([(contains(text, pattern), code) for pattern, code in self.tests], len(text))


class OrgName(Text):
    """Names of organisations. Brackets, and traditional or rare characters, stay as the register has them."""

    name = "org_name"
    codes: ClassVar[dict[str, StatusCode]] = {"mojibake": MOJIBAKE_ERROR, "private_use": PRIVATE_USE_ERROR}
    repairs: ClassVar[tuple[Repair, ...]] = (*TEXT, HAN_BLANK)
    suspicious: ClassVar[str] = rf"{DIRTY}|\p{{Han}}.? +\p{{Han}}"


class Address(Text):
    """Addresses. A retired district's name is not replaced by its successor: boundaries moved, too."""

    name = "address"
    codes: ClassVar[dict[str, StatusCode]] = {"mojibake": MOJIBAKE_ERROR, "private_use": PRIVATE_USE_ERROR}
    repairs: ClassVar[tuple[Repair, ...]] = (*TEXT, HAN_BLANK, ADDRESS_BLANK, ADDRESS_SIGN)
    suspicious: ClassVar[str] = rf"{DIRTY}|\p{{Han}}.? +[\p{{Han}}0-9A-Za-z#]|[0-9A-Za-z#] +\p{{Han}}|[0-9A-Za-z]－[0-9A-Za-z]"
