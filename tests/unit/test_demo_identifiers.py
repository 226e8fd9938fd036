"""Check characters against published examples and python-stdnum, where that agrees with the standards."""

from __future__ import annotations

import csv
import json
import os
from datetime import date
from pathlib import Path
from random import Random

import pytest
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from districtlake.demo import vocabulary
from districtlake.demo.identifiers import (
    CREDIT_ALPHABET,
    Registry,
    citizen_check,
    citizen_id,
    credit_check,
    credit_code,
    licence_number,
    organisation_code,
)

SHARED = Path(os.environ.get("DISTRICTLAKE_SHARED_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")


@pytest.mark.parametrize("number", ["11010519491231002X", "330203195006150018", "330203193001010017", "33021319700615001X"])
def test_citizen_check_reproduces_published_examples(number: str) -> None:
    assert citizen_check(number[:17]) == number[17]


@pytest.mark.parametrize(
    "code", ["91110000600037341L", "91350100M000100Y43", "11330283002979996P", "91330203MA2AFAAA4Y", "N2330203MF1234567E"]
)
def test_credit_check_reproduces_published_examples(code: str) -> None:
    assert credit_check(code[:17]) == code[17]


@pytest.mark.parametrize("code", ["002943395", "600037341", "D2143569X", "MA2AFAAA4"])
def test_organisation_code_reproduces_published_examples(code: str) -> None:
    assert organisation_code(code[:8]) == code


def test_made_numbers_agree_with_stdnum() -> None:
    registry, rng = Registry(), Random(7)
    for day in range(200):
        number = registry.citizen(rng, "330203", date(1990 + day % 30, 1 + day % 12, 1 + day % 28), male=bool(day % 2))
        assert ric.is_valid(number)
        assert int(number[16]) % 2 == day % 2
        code = registry.credit(rng, "91", "330203", ("MA", "", "1")[day % 3])
        assert uscc.is_valid(code)
        assert organisation_code(code[8:16]) == code[8:17]
        assert mod_11_10.is_valid(registry.licence(1 + day % 3)[2:])


def test_check_digit_agrees_where_stdnum_refuses_the_region_of_old_numbers() -> None:
    number = citizen_id("330204", "19710309", 128)
    assert not ric.is_valid(number)  # its table begins in 1983: why the district needs its own check
    assert ric.calc_check_digit(number) == number[17]


def test_credit_code_may_begin_with_a_letter() -> None:
    code = credit_code("N2", "330203", "MF123456")
    assert code == "N2330203MF1234567E"
    assert set(code) <= set(CREDIT_ALPHABET)


def test_registry_never_gives_an_identifier_twice_and_says_when_none_is_left() -> None:
    registry, rng = Registry(), Random(1)
    seen = {registry.citizen(rng, "330203", date(1990, 1, 1), male=True) for _ in range(400)}
    assert len(seen) == 400
    assert not registry.claim(next(iter(seen)))
    for sequence in range(1, 999, 2):
        registry.claim(citizen_id("330203", "19900101", sequence))
    with pytest.raises(RuntimeError, match="lower the size"):
        registry.citizen(rng, "330203", date(1990, 1, 1), male=True)


def test_licence_number_has_two_letters_and_fourteen_digits() -> None:
    number = licence_number(1, "330203", 42)
    assert len(number) == 16
    assert number.startswith("JY1330203000042")


def _reference(*parts: str) -> Path:
    path = SHARED.joinpath("reference", *parts)
    if not path.exists():
        pytest.skip("no reference data: set DISTRICTLAKE_SHARED_DATA")
    return path


@pytest.mark.real
def test_industries_and_ethnicities_are_in_the_published_lists() -> None:
    with _reference("codes", "gb4754-2017.csv").open(encoding="utf-8-sig", newline="") as file:
        classes = list(csv.DictReader(file))
    assert set(vocabulary.FOOD_INDUSTRIES + vocabulary.OTHER_INDUSTRIES) <= {row["code"] for row in classes if row["level"] == "4"}
    assert not set(vocabulary.UNKNOWN_INDUSTRIES) & {text for row in classes for text in (row["code"], row["code"][1:], row["name"])}
    with _reference("codes", "gb3304.csv").open(encoding="utf-8-sig", newline="") as file:
        ethnicities = {(row["code"], row["name"]) for row in csv.DictReader(file)}
    assert {(code, name) for code, name, _ in vocabulary.ETHNICITIES} <= ethnicities
    assert not set(vocabulary.UNKNOWN_ETHNICITIES) & {text for pair in ethnicities for text in pair}


@pytest.mark.real
def test_divisions_exist_now_or_once_did() -> None:
    known: set[str] = set()
    for name in ("history.json", "list.json"):
        known |= set(json.loads(_reference("divisions-history", name).read_text(encoding="utf-8")))
    used = {region for region, _ in vocabulary.LOCAL_REGIONS} | set(vocabulary.OTHER_REGIONS) | set(vocabulary.RESIDENCE_PERMITS)
    assert used <= known
