"""Citizen numbers, credit identifiers, organisation and division codes: the vectors of the domain notes, and the order of tests."""

from __future__ import annotations

from datetime import date

import pytest
from stdnum.cn import ric

from districtlake.standards.division_code import known_regions
from districtlake.standards.uscc import suggest_uscc
from tests.cells import cleaned, one

# Synthetic numbers with right check digits. stdnum rejects the first, third to fifth: it wants the region valid in the birth year.
VALID_IDS = [
    "330203195006150018",
    "330203193001010017",
    "330203199006150016",
    "330212199006150012",
    "33021319700615001X",
    "330203202402290015",
    "11010519491231002X",
]
VALID_USCCS = [
    "91330203MA2AFAAA4Y",
    "52330203MJ89234581",
    "12330203419530000A",
    "N2330203MF1234567E",
    "91110000600037341L",
    "91350100M000100Y43",
    "11330283002979996P",
]


def _with_check(body: str) -> str:
    return body + ric.calc_check_digit(body + "0")


# -- citizen numbers
@pytest.mark.parametrize("number", VALID_IDS)
def test_valid_ids_pass_unaltered(number: str) -> None:
    cell = one("citizen_id", number)
    assert (cell.value, cell.text, cell.status, cell.rule) == (number, number, "ok", None)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("330203209906150018", "birth_in_future"),  # stdnum passes it
        ("330203190002290010", "birth_date"),  # 1900 was no leap year
        ("330203195006150019", "check_digit"),
        ("33020319500615001", "length"),
        ("3302031950061500188", "length"),
        ("33020319500615001O", "characters"),
        ("3302O3195006150018", "characters"),
        ("X30203195006150018", "characters"),
        ("3.30203E+17", "scientific_notation"),
        ("3.30203e17", "scientific_notation"),
        ("王小明王小明", "length"),  # eighteen bytes, six characters
        ("甬30203195006150018", "characters"),
        (_with_check("33020318991231001"), "birth_before_1900"),
        (_with_check("99020319500615001"), "ok"),  # 9…: a foreigner's permanent residence number
        (_with_check("00020319500615001"), "province"),
        (_with_check("33029919500615001"), "unknown_region"),
        (_with_check("81000019900615001"), "ok"),
        (_with_check("82000019900615001"), "ok"),
        (_with_check("83000019900615001"), "ok"),
        ("110105491231002", "legacy_15"),
        ("110105491331002", "birth_date"),
        ("990105491231002", "province"),
        ("CHN110105123456", "foreigner_legacy"),
    ],
)
def test_id_statuses(number: str, status: str) -> None:
    assert one("citizen_id", number).status == status


def test_birth_today_passes_and_tomorrow_fails() -> None:
    number = _with_check("33020320260306001")
    assert one("citizen_id", number, today=date(2026, 3, 6)).status == "ok"
    assert one("citizen_id", number, today=date(2026, 3, 5)).status == "birth_in_future"


def test_order_of_tests() -> None:
    """The birth date is judged before the check digit, that before the region."""
    assert one("citizen_id", "330203190002290011").status == "birth_date"
    assert one("citizen_id", _with_check("00029919500615001")[:-1] + "Y").status == "characters"
    wrong = _with_check("00029919500615001")
    assert one("citizen_id", wrong[:-1] + ("0" if wrong[-1] != "0" else "1")).status == "check_digit"


@pytest.mark.parametrize(
    "written",
    [
        "33021319700615001x",
        " 33021319700615001X\u3000",
        "３３０２１３１９７００６１５００１Ｘ",
        "'33021319700615001X",
        "330213 19700615 001X\ufeff",
    ],
)
def test_id_spellings_are_repaired(written: str) -> None:
    cell = one("citizen_id", written)
    assert (cell.value, cell.status) == ("33021319700615001X", "ok")
    assert cell.rule is not None


def test_fifteen_digits_are_never_upgraded() -> None:
    cell = one("citizen_id", "110105491231002")
    assert (cell.value, cell.rule) == ("110105491231002", None)


def test_centenarians_of_fifteen_digits() -> None:
    """Sequences 996 to 999 were given to people born in 18YY."""
    assert one("citizen_id", "110105000228997").status == "legacy_15"


def test_null_and_missing_have_no_status() -> None:
    assert [cell.status for cell in cleaned("citizen_id", [None, "", " \u3000", "无", "－"], missing=("无", "-"))] == [None] * 5


# -- credit identifiers
@pytest.mark.parametrize("number", VALID_USCCS)
def test_valid_usccs_pass_unaltered(number: str) -> None:
    cell = one("uscc", number)
    assert (cell.value, cell.status, cell.rule) == (number, "ok", None)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("91330203MA2AFAAA4Z", "characters"),
        ("91330203MA2AFAAA4X", "check_digit"),
        ("9133O203MA2AFAAA4Y", "confusable_letter"),
        ("9I330203MA2AFAAA4Y", "confusable_letter"),
        ("9133O203MA2AFAAA4S", "characters"),
        ("9133A203MA2AFAAA4Y", "characters"),
        ("91330203MA2AFAAA4", "length"),
        ("000000000000000000", "placeholder"),  # stdnum passes it: every sum is zero
        ("9.133E+17", "scientific_notation"),
        ("110108000000016", "legacy_registration_number"),
        ("110108000000017", "length"),
        ("宁波市海曙区", "length"),
        ("91100000100003962T", "ok"),  # 100000: registered at the national authority
    ],
)
def test_uscc_statuses(number: str, status: str) -> None:
    assert one("uscc", number).status == status


def _uscc(body: str) -> str:
    from stdnum.cn import uscc

    return body + uscc.calc_check_digit(body)


def test_uscc_warnings() -> None:
    assert one("uscc", _uscc("91330299002943395")).status == "unknown_region"
    assert one("uscc", _uscc("91330203002943396")).status == "org_code_check"
    assert one("uscc", _uscc("B1330203002943395")).status == "unknown_authority"


def test_uscc_letters_are_upper_cased_but_never_exchanged() -> None:
    assert one("uscc", "91330203ma2afaaa4y").value == "91330203MA2AFAAA4Y"
    assert one("uscc", "9133O203MA2AFAAA4Y").text == "9133O203MA2AFAAA4Y"


def test_uscc_suggestion_needs_both_checks() -> None:
    assert suggest_uscc("9133O203MA2AFAAA4Y") == "91330203MA2AFAAA4Y"
    assert suggest_uscc("9I33O203MA2AFAAA4Y") == "91330203MA2AFAAA4Y"
    assert suggest_uscc("9133O203MA2AFAAA4X") is None
    assert suggest_uscc("91330203MA2AFAAA4Y") is None
    assert suggest_uscc("9133O203") is None


# -- organisation codes
@pytest.mark.parametrize(
    ("code", "value", "status"),
    [
        ("002943395", "002943395", "ok"),
        ("00294339-5", "002943395", "ok"),
        ("D2143569x", "D2143569X", "ok"),
        ("002943396", "002943396", "check_digit"),
        ("00000000-0", "000000000", "placeholder"),
        ("0029433", "0029433", "length"),
        ("00294339A", "00294339A", "characters"),
        ("海曙区", "海曙区", "length"),
    ],
)
def test_org_codes(code: str, value: str, status: str) -> None:
    cell = one("org_code", code)
    assert (cell.value, cell.status) == (value, status)


# -- divisions
HAISHU_AND_ITS_PAST = ["330203", "330204", "330227", "330212", "330283", "330213", "330202", "330222", "330224"]


@pytest.mark.parametrize("region", [*HAISHU_AND_ITS_PAST, "110105", "810000"])
def test_divisions_of_any_year_are_known(region: str) -> None:
    assert one("division_code", region).status == "ok"
    assert known_regions()[int(region)]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("330203001", "ok"),
        ("330203001002", "ok"),
        ("330299", "unknown_region"),
        ("990000", "province"),
        ("33020", "length"),
        ("3302030010", "length"),
        ("+33020", "characters"),
        ("33020A", "characters"),
        ("033020", "province"),
        ("3.302E+05", "scientific_notation"),
        ("330203001002003004005", "length"),
    ],
)
def test_division_statuses(code: str, status: str) -> None:
    assert one("division_code", code).status == status


def test_division_lengths_by_option() -> None:
    assert one("division_code", "3302", lengths=[4]).status == "ok"
    assert one("division_code", "33", lengths=[2, 6]).status == "ok"
    assert one("division_code", "330203", lengths=[9]).status == "length"
