"""Integers and decimals: what is repaired, and that no digit is ever lost."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from districtlake.standards.kinds import KINDS
from tests.cells import element, one


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("+5", 5),
        ("007", 7),
        ("1,234", 1234),
        ("-1,234,567", -1234567),
        ("１２", 12),
        ("１，２３４", 1234),
        ("－12", -12),
        ("−12", -12),
        ("12.0", 12),
        ("12.", 12),
        ("12人", 12),
        ("12 人", 12),
        ("1.23457E+05", 123457),
        ("\u00a012\u3000", 12),
        ("'12", 12),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_integers(written: str, value: int) -> None:
    cell = one("integer", written, unit="人")
    assert (cell.value, cell.status) == (value, "ok")


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("12.5", "not_an_integer"),
        ("9223372036854775808", "out_of_range"),
        ("3.30203E+17", "scientific_notation"),
        ("1E5", "scientific_notation"),
        ("1.2E+3", "scientific_notation"),
        ("1,23", "separators"),
        ("12,34,567", "separators"),
        ("12个", "unit"),
        ("12万", "unit"),
        ("¥12", "unit"),
        ("30多", "unit"),
        ("若干", "not_a_number"),
        ("(12)", "not_a_number"),
        ("1 234", "not_a_number"),
        ("1-2", "not_a_number"),
        ("--", "not_a_number"),
        ("#N/A", "not_a_number"),
        ("NaN", "not_a_number"),
        ("inf", "not_a_number"),
        ("三十", "not_a_number"),
    ],
)
def test_integers_that_are_none(written: str, status: str) -> None:
    cell = one("integer", written, unit="人")
    assert (cell.value, cell.status) == (None, status)


@pytest.mark.parametrize(
    ("written", "value", "text"),
    [
        ("12", "12.00", "12"),
        ("1206.5", "1206.50", "1206.5"),
        ("1,206.50", "1206.50", "1206.50"),
        ("１，２０６．５０", "1206.50", "1206.50"),
        ("1206.5000", "1206.50", "1206.50"),
        (".5", "0.50", "0.5"),
        ("-.5", "-0.50", "-0.5"),
        ("5.", "5.00", "5"),
        ("50万元", "50.00", "50"),
        ("1,000.5 万元", "1000.50", "1000.5"),
        ("5E-1", "0.50", "0.5"),
        ("1.2065E3", "1206.50", "1206.5"),
        ("1234567890123456.78", "1234567890123456.78", "1234567890123456.78"),
        ("0000000000000000000012.5", "12.50", "0000000000000000000012.5"),
        ("0.00", "0.00", "0.00"),
    ],
)
def test_decimals(written: str, value: str, text: str) -> None:
    cell = one("decimal", written, unit="万元")
    assert (cell.value, cell.text, cell.status) == (Decimal(value), text, "ok")
    assert (cell.rule is None) == (written == text)


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("1206.505", "too_many_decimals"),
        ("0.30000000000000004", "too_many_decimals"),
        ("5E-3", "too_many_decimals"),
        ("12345678901234567", "out_of_range"),
        ("1E+5", "scientific_notation"),
        ("3.3E+17", "scientific_notation"),
        ("50元", "unit"),
        ("50%", "unit"),
        ("1.2.3", "not_a_number"),
        ("1,2065.5", "separators"),
        ("见章程", "not_a_number"),
    ],
)
def test_decimals_that_are_none(written: str, status: str) -> None:
    cell = one("decimal", written, unit="万元")
    assert (cell.value, cell.status) == (None, status)


def test_shape_by_option() -> None:
    assert KINDS["decimal"].dtype(element("decimal")) == pl.Decimal(18, 2)
    assert KINDS["decimal"].dtype(element("decimal", precision=18, scale=6)) == pl.Decimal(18, 6)
    assert one("decimal", "1.234567", scale=6).value == Decimal("1.234567")
    assert one("decimal", "1.5", scale=0).status == "too_many_decimals"
    assert one("decimal", "1.0", scale=0).value == Decimal(1)
    assert one("decimal", "0.25", precision=2, scale=2).value == Decimal("0.25")
    assert one("decimal", "1.25", precision=2, scale=2).status == "out_of_range"
    assert one("decimal", "12345678901234567890123456789012345678", precision=38, scale=0).status == "ok"


def test_the_items_unit_overrides_the_elements() -> None:
    assert one("decimal", "50元", unit="万元", item_unit="元").value == Decimal("50.00")
    assert one("decimal", "50万元", unit="万元", item_unit="元").status == "unit"
    assert one("decimal", "50m2", unit="m2").status == "ok"
    assert one("decimal", "50%", unit="%").status == "ok"


def test_declared_missing_numbers() -> None:
    assert one("integer", "999", missing=("999",)).status is None
    assert one("integer", "９９９", missing=("999",)).value is None
    assert one("integer", "0", item_missing=("0",)).rule == "missing.spelling"
    assert one("integer", "999").value == 999
