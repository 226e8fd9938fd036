"""Python's regular expressions for Rust's engine, meaning kept; what cannot be kept raises ``Unfused``.

GX asks ``re.search``. Rust's engine differs where this module rewrites: ``$`` matches before a final newline in Python, ``\\Z`` is
``\\z``, ``\\w`` is letters, numbers and underscore. Look-around, back references, possessive quantifiers, flags that change
what is rewritten here, and set operations inside classes are left to pandas.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

import polars as pl

from expectations.literals import Unfused

_SAME = set("dDsSbBnrtfvAxu")  # escapes that mean the same on both sides
_WORD = r"\p{L}\p{N}_"
_FLAGGED = re.compile(r"\(\?([a-zA-Z]*)(-[a-zA-Z]+)?[:)]")


@lru_cache(maxsize=1024)
def rust_pattern(pattern: str) -> str:
    """The equal pattern for Polars. Raises ``Unfused``; also for a pattern that is no regular expression at all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that a later Python may read otherwise
            re.compile(pattern)
    except re.error as error:
        raise Unfused("not a regular expression") from error
    out: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            out.append(_escape(pattern[position + 1], inside=False))
            position += 2
        elif char == "[":
            text, position = _class(pattern, position)
            out.append(text)
        elif char == "$":
            out.append(r"(?:\n?\z)")
            position += 1
        elif char == "(" and pattern.startswith("(?", position):
            _check_group(pattern, position)
            out.append("(?")
            position += 2
        elif char in "*+?}" and pattern.startswith("+", position + 1):
            raise Unfused("possessive quantifier")
        elif char == "{" and not re.match(r"\{\d+(,\d*)?\}", pattern[position:]):
            if re.match(r"\{,\d+\}", pattern[position:]):
                out.append("{0")
            else:
                out.append(r"\{")
            position += 1
        elif char == "}" and "{" not in pattern[:position]:
            out.append(r"\}")
            position += 1
        else:
            out.append(char)
            position += 1
    rewritten = "".join(out)
    try:
        pl.select(pl.lit("").str.contains(rewritten))
    except pl.exceptions.PolarsError as error:
        raise Unfused("beyond Rust's regular expressions") from error
    return rewritten


def _escape(char: str, *, inside: bool) -> str:
    if char == "w":
        return _WORD if inside else f"[{_WORD}]"
    if char == "W":
        return f"[^{_WORD}]"
    if char == "Z" and not inside:
        return r"\z"
    if char in _SAME and not (inside and char in "bBA"):
        return "\\" + char
    if char.isascii() and not char.isalnum() and char not in "<>":
        return "\\" + char
    if char in "<>" or not char.isascii():
        return char
    raise Unfused(f"escape \\{char}")


def _class(pattern: str, start: int) -> tuple[str, int]:
    """One ``[...]`` from ``start``: its text for Rust, and where it ends."""
    position = start + 1
    out = ["["]
    if pattern.startswith("^", position):
        out.append("^")
        position += 1
    if pattern.startswith("]", position):
        out.append(r"\]")
        position += 1
    while pattern[position] != "]":
        char = pattern[position]
        if char == "\\":
            out.append(_escape(pattern[position + 1], inside=True))
            position += 2
            continue
        if char == "[":
            out.append(r"\[")
        elif pattern[position : position + 2] in ("&&", "--", "~~", "||"):
            raise Unfused("set operation in a class")
        else:
            out.append(char)
        position += 1
    return "".join(out) + "]", position + 1


def _check_group(pattern: str, start: int) -> None:
    if pattern.startswith(("(?:", "(?P<"), start):
        return
    flags = _FLAGGED.match(pattern, start)
    if flags is None or flags[2] or set(flags[1]) - set("is"):
        raise Unfused("look-around, reference, or flag")
