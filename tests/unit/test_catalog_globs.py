"""File patterns: exact overlap, and matching of delivered names."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from districtlake.catalog.globs import matches, overlap


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("户籍人口*.csv", "户籍人口*更正*.csv", True),
        ("户籍人口*.csv", "死亡注销*.csv", False),
        ("2016*普通高校名单.xlsx", "*全国高等学校名单.xls", False),
        ("*.csv", "A*.CSV", True),
        ("a?c", "ab*", True),
        ("a?c", "ab", False),
        ("[abc]*", "[c-e]*", True),
        ("[ab]*", "[!ab]*", False),
        ("[!a]", "[!b]", True),
        ("[]]x", "]x", True),
        ("[a", "[a", True),
        ("in/*.csv", "*.csv", True),
        ("in/a.csv", "b.csv", False),
        ("*a*b*", "*b*a*", True),
        ("", "*", True),
        ("", "?", False),
    ],
)
def test_overlap(first: str, second: str, expected: bool) -> None:
    assert overlap(first, second) is expected
    assert overlap(second, first) is expected


TOKENS = st.sampled_from(["*", "?", "a", "b", "[ab]", "[!a]", "[a-b]"])
PATTERNS = st.lists(TOKENS, max_size=5).map("".join)
SHORT_PATTERNS = st.lists(TOKENS, max_size=3).map("".join)


@given(PATTERNS, PATTERNS, st.text(alphabet="abc", max_size=6))
def test_a_name_both_match_proves_overlap(first: str, second: str, name: str) -> None:
    if matches(first, name) and matches(second, name):
        assert overlap(first, second)


@given(SHORT_PATTERNS, SHORT_PATTERNS)
def test_overlap_is_proved_by_some_name(first: str, second: str) -> None:
    """Two patterns of three tokens meet, if they meet at all, in a name of at most six letters."""
    names = ("".join(letters) for length in range(7) for letters in itertools.product("abc", repeat=length))
    assert overlap(first, second) is any(matches(first, name) and matches(second, name) for name in names)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("户籍人口*.csv", "户籍人口_20260101.CSV", True),
        ("户籍人口*.csv", "2026/户籍人口1.csv", True),
        ("2026/*.csv", "2026/户籍人口1.csv", True),
        ("2025/*.csv", "2026/户籍人口1.csv", False),
        ("市场主体*.xlsx", "市场主体.xls", False),
        ("caf\u00e9*.csv", unicodedata.normalize("NFD", "café1.csv"), True),
    ],
)
def test_matches(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected
