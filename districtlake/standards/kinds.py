"""The register of kinds: what the catalogue may write under ``kind``."""

from __future__ import annotations

from districtlake.standards.citizen_id import CitizenId
from districtlake.standards.code_list import Code
from districtlake.standards.dates import DateKind
from districtlake.standards.division_code import DivisionCode
from districtlake.standards.identifier import Identifier, Postcode
from districtlake.standards.kind import CellContext, CleanedColumn, Kind, StatusCode
from districtlake.standards.names import PersonName
from districtlake.standards.numbers import Decimal, Integer
from districtlake.standards.phone import Phone
from districtlake.standards.text import Address, OrgName, Text
from districtlake.standards.uscc import OrgCode, Uscc

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Text(),
        PersonName(),
        OrgName(),
        CitizenId(),
        Uscc(),
        OrgCode(),
        DivisionCode(),
        DateKind(),
        Integer(),
        Decimal(),
        Code(),
        Phone(),
        Postcode(),
        Address(),
        Identifier(),
    )
}

__all__ = ["KINDS", "CellContext", "CleanedColumn", "Kind", "StatusCode"]
