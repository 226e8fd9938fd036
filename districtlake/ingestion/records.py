"""Records of delimited text, one by one, by RFC 4180 and with care for what it does not foresee.

A quoted field may span lines. Where its quote is never closed, the rows below would vanish into one cell: then the opening
quote is taken for a character, the record is its one line, and the record says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MAX_QUOTED_LINES = 10_000


@dataclass(slots=True)
class Record:
    """One record: the line it starts on (1-based), its fields, its text with line ends, and what was wrong with its quotes."""

    line: int
    fields: list[str]
    text: str
    lines: int = 1
    reason: str | None = None


def records(source: Iterable[str], delimiter: str, width: int | None, max_chars: int, lines_before: int = 0) -> Iterator[Record]:
    """Split physical lines (line ends included) into records.

    Args:
        width: fields a record should have, if known: a quoted field over several lines that spoils the number, where the first
            line alone has it right, is a quote left open.
        max_chars: longest record.
        lines_before: number of lines above the first of ``source``.
    """
    lines = iter(source)
    waiting: deque[str] = deque()
    number = lines_before

    def take() -> str | None:
        return waiting.popleft() if waiting else next(lines, None)

    while (text := take()) is not None:
        number += 1
        body = text.rstrip("\r\n")
        if '"' not in body:
            yield Record(number, body.split(delimiter), text)
            continue
        fields, opened, loose = _split(body, delimiter)
        if opened is None:
            yield Record(number, fields, text, reason="text_after_quote" if loose else None)
            continue
        taken = [text]
        whole = _spanning(fields, text[opened:], taken, take, delimiter, max_chars)
        if whole is not None and width is not None and len(whole) != width and len(_split(body, delimiter, True)[0]) == width:
            whole = None
        if whole is None:
            waiting.extendleft(reversed(taken[1:]))
            yield Record(number, _split(body, delimiter, True)[0], text, reason="unclosed_quote")
            continue
        yield Record(number, whole, "".join(taken), lines=len(taken))
        number += len(taken) - 1


def _spanning(
    fields: list[str], begun: str, taken: list[str], take: Callable[[], str | None], delimiter: str, max_chars: int
) -> list[str] | None:
    """The fields of a record whose quoted field runs over the line's end; None when that quote is never rightly closed."""
    content, size = [begun], len(taken[0])
    while len(taken) <= MAX_QUOTED_LINES and size <= max_chars:
        text = take()
        if text is None:
            return None
        taken.append(text)
        size += len(text)
        body = text.rstrip("\r\n")
        close = _closing(body, 0)
        if close < 0:
            content.append(text)
            continue
        rest = body[close + 1 :]
        if rest and not rest.startswith(delimiter):
            return None  # a quote that opens a field further down, not one that closes this
        content.append(body[:close])
        fields = [*fields, "".join(content).replace('""', '"')]
        if not rest:
            return fields
        more, opened, _ = _split(rest[len(delimiter) :], delimiter)
        fields.extend(more)
        if opened is None:
            return fields
        content = [text[close + 1 + len(delimiter) + opened :]]
    return None


def _closing(body: str, start: int) -> int:
    """Where the quoted field that holds ``start`` is closed; -1 if not in this line. Two quotes in a row are one character."""
    at = body.find('"', start)
    while at >= 0 and body.startswith('""', at):
        at = body.find('"', at + 2)
    return at


def _split(body: str, delimiter: str, literal: bool = False) -> tuple[list[str], int | None, bool]:
    """The fields of one line; where the content of a field left open begins (then that field is not among them; with ``literal``
    it is, quote and all); and whether text follows a closing quote (it is kept, as every spreadsheet program does)."""
    fields: list[str] = []
    at, loose = 0, False
    while True:
        if body.startswith('"', at):
            close = _closing(body, at + 1)
            if close >= 0:
                end = body.find(delimiter, close + 1)
                tail = body[close + 1 :] if end < 0 else body[close + 1 : end]
                loose = loose or bool(tail)
                fields.append(body[at + 1 : close].replace('""', '"') + tail)
            elif not literal:
                return fields, at + 1, loose
            else:
                end = body.find(delimiter, at)
                fields.append(body[at:] if end < 0 else body[at:end])
        else:
            end = body.find(delimiter, at)
            fields.append(body[at:] if end < 0 else body[at:end])
        if end < 0:
            return fields, None, loose
        at = end + len(delimiter)
