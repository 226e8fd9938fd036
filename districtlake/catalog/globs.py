"""Whether two file patterns can match one and the same name.

Patterns are those of ``fnmatch``: ``*``, ``?``, ``[seq]``, ``[!seq]``, case-insensitive. A pattern without ``/`` is about the
file's name, one with ``/`` about its path below the agency's folder.
"""

from __future__ import annotations

import fnmatch
import functools
import re
import unicodedata

_WILD = re.compile(r"[*?\[\]]")
_Token = tuple[str, frozenset[str]]  # ("star" | "in" | "not in", characters); "?" is ("not in", nothing)


def overlap(first: str, second: str) -> bool:
    """True when some file name matches both patterns."""
    if ("/" in first) != ("/" in second):  # a name is the last step of a path
        first, second = first.rpartition("/")[2], second.rpartition("/")[2]
    first, second = _folded(first), _folded(second)
    if _literal_ends_differ(first, second):
        return False
    left, right = _tokens(first), _tokens(second)

    @functools.cache
    def meet(i: int, j: int) -> bool:
        """Can left[i:] and right[j:] match the same text?"""
        if i == len(left) and j == len(right):
            return True
        if i < len(left) and left[i][0] == "star":
            return meet(i + 1, j) or (j < len(right) and meet(i, j + 1))
        if j < len(right) and right[j][0] == "star":
            return meet(i, j + 1) or (i < len(left) and meet(i + 1, j))
        return i < len(left) and j < len(right) and _share_a_character(left[i], right[j]) and meet(i + 1, j + 1)

    return meet(0, 0)


def _literal_ends_differ(first: str, second: str) -> bool:
    """The common case, cheaply: two patterns that begin or end with different plain text."""
    starts = [_WILD.split(pattern, maxsplit=1)[0] for pattern in (first, second)]
    shortest = min(map(len, starts))
    if starts[0][:shortest] != starts[1][:shortest]:
        return True
    ends = [_WILD.split(pattern)[-1] for pattern in (first, second)]
    shortest = min(map(len, ends))
    return shortest > 0 and ends[0][-shortest:] != ends[1][-shortest:]


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    i = 0
    while i < len(pattern):
        character = pattern[i]
        i += 1
        if character == "*":
            tokens.append(("star", frozenset()))
        elif character == "?":
            tokens.append(("not in", frozenset()))
        elif character == "[" and (end := _closing(pattern, i)) >= 0:
            body, i = pattern[i:end], end + 1
            negated = body.startswith("!")
            tokens.append(("not in" if negated else "in", _members(body[negated:])))
        else:
            tokens.append(("in", frozenset(character)))
    return tokens


def _closing(pattern: str, start: int) -> int:
    """The index of the bracket that closes a set; -1 when none does and the ``[`` is literal. A first ``]`` is a member."""
    start += pattern.startswith("!", start)
    return pattern.find("]", start + 1)


def _members(body: str) -> frozenset[str]:
    members: set[str] = set()
    i = 0
    while i < len(body):
        if i + 2 < len(body) and body[i + 1] == "-":
            members.update(chr(code) for code in range(ord(body[i]), ord(body[i + 2]) + 1))
            i += 3
        else:
            members.add(body[i])
            i += 1
    return frozenset(members)


def _share_a_character(left: _Token, right: _Token) -> bool:
    if left[0] == "in" and right[0] == "in":
        return bool(left[1] & right[1])
    if left[0] == "in":
        return bool(left[1] - right[1])
    if right[0] == "in":
        return bool(right[1] - left[1])
    return True  # two excluded sets never cover all of Unicode


def matches(pattern: str, path: str) -> bool:
    """Whether a delivered file, given by its path below the agency's folder (``/`` between steps), is meant by ``pattern``."""
    subject = path if "/" in pattern else path.rpartition("/")[2]
    return fnmatch.fnmatchcase(_folded(subject), _folded(pattern))


def _folded(text: str) -> str:
    """Composed (a Mac writes names decomposed) and in lower case."""
    return unicodedata.normalize("NFC", text).lower()
