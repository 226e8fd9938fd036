"""A pattern that is fused means in Rust what it means in Python; what cannot be kept is left to pandas."""

import re

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expectations.literals import Unfused
from expectations.regexes import rust_pattern

TEXTS = [
    "",
    "a",
    "ab",
    "a\n",
    "12",
    "１２",
    "①",
    "é",
    "_",
    "A-1",
    "a]b",
    "[",
    "{1}",
    "x{",
    "\n",
    "宁波",
    "a b",
    "3302",
    "}",
    "€",
    "a+",
    "\\",
]

KEPT = [
    r"^\d+$", r"^a$", r"a\Z", r"^\w$", r"\W", r"[\w-]+", r"[^\W]", r"[]a]",
    r"[^]a]", r"[[]", r"x{", r"^.{2,}$", r"^.{,1}$", r"}", r"(?:ab|12)$", r"(?P<n>a)",
    r"(?i)^A$", r"\.", r"a\+", r"\bab\b", r"^$", r"[\d.]", r"宁波$", r"^[^\s]+$",
    r"\\$", r"a-", r"\x61", r"^1[3-9]\d{9}$|^12$", r"[$]", r"\$",
]  # fmt: skip
LEFT = [
    r"^(?!1)", r"(?<=a)b", r"(a)\1", r"(?P<n>a)(?P=n)", r"a++", r"(?>a)", r"(?m)^a$", r"[a&&b]",
    r"[a--b]", r"{1}", r"(", r"\N{BULLET}", r"(?x)a",
]  # fmt: skip


def found(pattern: str, texts: list[str]) -> list[bool]:
    return pl.Series(texts, dtype=pl.String).str.contains(rust_pattern(pattern)).to_list()


@pytest.mark.filterwarnings("ignore:Possible")  # Python announces nested sets for some later version
@pytest.mark.parametrize("pattern", KEPT)
def test_fused_patterns_find_what_python_finds(pattern: str) -> None:
    assert found(pattern, TEXTS) == [re.search(pattern, text) is not None for text in TEXTS]


@pytest.mark.parametrize("pattern", LEFT)
def test_what_rust_cannot_keep_is_left_to_pandas(pattern: str) -> None:
    with pytest.raises(Unfused):
        rust_pattern(pattern)


PIECES = [
    "a",
    "1",
    "宁",
    r"\d",
    r"\w",
    r"\W",
    r"\s",
    ".",
    "^",
    "$",
    "|",
    "[a1]",
    r"[^\w]",
    "(?:a)",
    "+",
    "*",
    "?",
    "{2}",
    "{1,2}",
    r"\Z",
    "{",
    "}",
    "]",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), st.lists(st.text("a1宁 \n_①-", max_size=4), min_size=1, max_size=8))
@example("a$", ["a\n"])
def test_any_composed_pattern_agrees_with_python_or_is_left(pattern: str, texts: list[str]) -> None:
    try:
        verdicts = found(pattern, texts)
    except Unfused:
        return
    assert verdicts == [re.search(pattern, text) is not None for text in texts]
