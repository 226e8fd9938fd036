"""Coded values, telephone numbers, postcodes and document numbers."""

from __future__ import annotations

import pytest

from districtlake.catalog.models import CodeList
from tests.cells import cleaned, one

SEX = CodeList(
    id="sex",
    name="性别",
    source="GB/T 2261.1-2003",
    codes={"0": "未知的性别", "1": "男性", "2": "女性"},
    synonyms={"男": "1", "M": "1", "女": "2", "未知": "0"},
)
PARTIAL = CodeList(id="kind", name="类型", partial=True, codes={"1": "企业"}, synonyms={"公司": "1"})
NESTED = CodeList(id="industry", name="行业", source="GB/T 4754", codes={"K": "房地产业", "K70": "房地产业", "A01": "农业"})


@pytest.mark.parametrize(
    ("written", "code", "status"),
    [
        ("1", "1", "ok"),
        ("男", "1", "ok"),
        ("男性", "1", "ok"),
        ("Ｍ", "1", "ok"),
        ("１", "1", "ok"),
        (" 女\u3000", "2", "ok"),
        ("甲", "甲", "unknown_code"),
        ("7", "7", "unknown_code"),
        ("01", "01", "unknown_code"),
        ("男或女", "男或女", "unknown_code"),
        ("锟斤拷", "锟斤拷", "mojibake"),
    ],
)
def test_codes(written: str, code: str, status: str) -> None:
    cell = one("code", written, codes=SEX)
    assert (cell.value, cell.text, cell.status) == (code, code, status)


def test_a_partial_or_absent_list_proves_nothing_wrong() -> None:
    assert [cell.status for cell in cleaned("code", ["1", "公司", "别的"], codes=PARTIAL)] == ["ok"] * 3
    assert [cell.value for cell in cleaned("code", ["1", "公司", "别的"], codes=PARTIAL)] == ["1", "1", "别的"]
    assert one("code", " 任意　").value == "任意"


def test_a_label_of_two_codes_stands_for_neither() -> None:
    assert one("code", "房地产业", codes=NESTED).status == "ambiguous_label"
    assert one("code", "农业", codes=NESTED).value == "A01"


def test_a_code_declared_missing_is_missing_under_every_name() -> None:
    assert [cell.value for cell in cleaned("code", ["0", "未知", "1"], codes=SEX, missing=("0",))] == [None, None, "1"]


def test_a_declared_missing_spelling_does_not_take_its_code_with_it() -> None:
    assert [cell.value for cell in cleaned("code", ["0", "未知"], codes=SEX, missing=("未知",))] == ["0", None]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13812345678", "13812345678"),
        ("138-1234-5678", "13812345678"),
        ("138 1234 5678", "13812345678"),
        ("１３８１２３４５６７８", "13812345678"),
        ("+86 138-1234-5678", "13812345678"),
        ("008613812345678", "13812345678"),
        ("8613812345678", "13812345678"),
        ("0574-87123456", "0574-87123456"),
        ("(0574)87123456", "0574-87123456"),
        ("（0574）87123456", "0574-87123456"),
        ("0574 87123456", "0574-87123456"),
        ("0574—87123456", "0574-87123456"),
        ("057487123456", "0574-87123456"),
        ("0574-87123456转8001", "0574-87123456-8001"),
        ("0574-87123456-8001", "0574-87123456-8001"),
        ("010-62345678", "010-62345678"),
        ("+86-574-87123456", "0574-87123456"),
        ("+86 10 62345678", "010-62345678"),
        ("400-123-4567", "4001234567"),
        ("4001234567", "4001234567"),
        ("12345", "12345"),
        ("110", "110"),
        ("95588", "95588"),
        ("10086", "10086"),
    ],
)
def test_phones(written: str, number: str) -> None:
    cell = one("phone", written)
    assert (cell.value, cell.status) == (number, "ok")


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("87123456", "no_area_code"),
        ("+85212345678", "foreign"),
        ("13812345678/13912345678", "several_numbers"),
        ("13812345678、0574-87123456", "several_numbers"),
        ("13812345678 87654321", "several_numbers"),
        ("1381234567", "not_a_number"),
        ("12812345678", "not_a_number"),
        ("138123456789", "not_a_number"),
        ("138****5678", "characters"),
        ("张三13812345678", "characters"),
        ("1.38123E+10", "scientific_notation"),
    ],
)
def test_phone_statuses(written: str, status: str) -> None:
    assert one("phone", written).status == status


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("315000", "ok"),
        ("３１５０１２", "ok"),
        ("010010", "ok"),
        ("999077", "ok"),
        ("10010", "length"),
        ("000000", "placeholder"),
        ("31500O", "characters"),
        ("950000", "unknown_area"),
    ],
)
def test_postcodes(written: str, status: str) -> None:
    assert one("postcode", written).status == status


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("jy1 3302 0300", "JY133020300"),
        ("ＪＹ１－２", "JY1-2"),
        ("甬海卫〔2021〕1号", "甬海卫〔2021〕1号"),
        ("（2021）浙0203民初1号", "（2021）浙0203民初1号"),
        ("'0001", "0001"),
    ],
)
def test_document_numbers(written: str, number: str) -> None:
    cell = one("identifier", written)
    assert (cell.value, cell.status) == (number, "ok")


def test_document_number_pattern() -> None:
    assert one("identifier", "4111010001", pattern="^[0-9]{10}$").status == "ok"
    assert one("identifier", "411101000", pattern="^[0-9]{10}$").status == "pattern"
    # what only Python's engine knows
    assert one("identifier", "AB12", pattern=r"^(?=.*[0-9])[A-Z0-9]+$").status == "ok"
    assert one("identifier", "ABCD", pattern=r"^(?=.*[0-9])[A-Z0-9]+$").status == "pattern"


def test_document_number_lost_to_scientific_notation() -> None:
    assert one("identifier", "3.30203E+17").status == "scientific_notation"
    assert one("identifier", "2E10").status == "ok"
