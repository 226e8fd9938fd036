"""Records of delimited text, one by one, by RFC 4180 and with care for what it does not foresee.

A quoted field may span lines. Where its quote is never closed, the rows below would vanish into one cell: then the opening
quote is taken for a character, the record is its one line, and the record says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from districtlake.ingestion.dialect import Dialect

MAX_QUOTED_LINES = 10_000


@dataclass(slots=True)
class Record:
    """One record: the line it starts on (1-based), its fields, its text with line ends, and what was wrong with its quotes
    (``unclosed_quote``, ``text_after_quote``, ``stray_quote``); ``comment`` for a line that is none."""

    line: int
    fields: list[str]
    text: str
    lines: int = 1
    reason: str | None = None


class Lines:
    """Physical lines, line ends included, of which some can be put back."""

    def __init__(self, source: Iterable[str], lines_before: int = 0):
        self._lines, self._waiting, self.number = iter(source), deque[str](), lines_before

    def take(self) -> str | None:
        text = self._waiting.popleft() if self._waiting else next(self._lines, None)
        if text is not None:
            self.number += 1
        return text

    def put_back(self, texts: list[str]) -> None:
        self._waiting.extendleft(reversed(texts))
        self.number -= len(texts)


def records(
    source: Iterable[str] | Lines, dialect: Dialect, width: int | None, max_chars: int, lines_before: int = 0, until: int | None = None
) -> Iterator[Record]:
    """Split physical lines (line ends included) into records.

    Args:
        width: fields a record should have, if known: a quoted field over several lines that spoils the number, where the first
            line alone has it right, is a quote left open; and quotes nobody doubled are characters where that makes it right.
        max_chars: longest record.
        lines_before: number of lines above the first of ``source``.
        until: stop before the first record that begins below this line.
    """
    lines = source if isinstance(source, Lines) else Lines(source, lines_before)
    quote, escape, comment = dialect.quote, dialect.escape, dialect.comment
    simple = dialect.delimiter if dialect.delimiter and not dialect.runs and not dialect.padded else None
    while (until is None or lines.number < until) and (text := lines.take()) is not None:
        number = lines.number
        body = text.rstrip("\r\n")
        if comment and body.startswith(comment):
            yield Record(number, [body], text, reason="comment")
            continue
        if simple and (quote is None or quote not in body) and (escape is None or escape not in body):
            yield Record(number, body.split(simple), text)
            continue
        fields, opened, loose = _split(body, dialect)
        if opened is None:
            reason = "text_after_quote" if loose else None
            if (
                loose
                and width is not None
                and quote
                and (len(fields) != width or _empty_then_text(body, dialect) or _swallowed(fields, dialect))
            ):
                mended = _split(body, dialect, closing=True)
                if mended[1] is None and len(mended[0]) == width:
                    fields, reason = mended[0], "stray_quote"
            yield Record(number, fields, text, reason=reason)
            continue
        taken = [text]
        whole = _spanning(fields, text[opened:], taken, lines.take, dialect, max_chars)
        if whole is not None and width is not None and len(whole) != width and len(_split(body, dialect, True)[0]) == width:
            whole = None
        if whole is None:
            lines.put_back(taken[1:])
            fields, reason = _split(body, dialect, True)[0], "unclosed_quote"
            if width is not None and len(fields) != width:
                mended = _split(body, dialect, closing=True)
                if mended[1] is None and len(mended[0]) == width:
                    fields, reason = mended[0], "stray_quote"
            yield Record(number, fields, text, reason=reason)
            continue
        yield Record(number, whole, "".join(taken), lines=len(taken))


def leaves_open(text: str, dialect: Dialect) -> bool:
    """Whether a field that the line opens is not closed in it: what the line means depends on those below."""
    return _split(text.rstrip("\r\n"), dialect)[1] is not None


def _empty_then_text(body: str, dialect: Dialect) -> bool:
    """Whether a cell begins with two quotes and goes on (``""MG-8769"``): the second is a character, not the end."""
    twice = f"{dialect.quote}{dialect.quote}"
    return body.startswith(twice) or (bool(dialect.delimiter) and dialect.delimiter + twice in body)


def _swallowed(fields: list[str], dialect: Dialect) -> bool:
    """Whether a cell holds a quote and a delimiter in a row: it swallowed the next one (``48"","Made``)."""
    return bool(dialect.delimiter) and any(f"{dialect.quote}{dialect.delimiter}" in field for field in fields)


def _spanning(
    fields: list[str], begun: str, taken: list[str], take: Callable[[], str | None], dialect: Dialect, max_chars: int
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
        close = _closing(body, 0, dialect)
        if close < 0:
            content.append(text)
            continue
        rest = body[close + 1 :]
        if dialect.runs or dialect.padded:
            rest = rest if rest.strip(" ") else ""
        if rest and not (dialect.delimiter and rest.startswith(dialect.delimiter)):
            return None  # a quote that opens a field further down, not one that closes this
        content.append(body[:close])
        fields = [*fields, _unquoted("".join(content), dialect)]
        if not rest:
            return fields
        begin = _next(rest, len(dialect.delimiter), dialect)
        more, opened, _ = _split(rest[begin:], dialect)
        fields.extend(more)
        if opened is None:
            return fields
        content = [text[close + 1 + begin + opened :]]
    return None


def _closing(body: str, start: int, dialect: Dialect) -> int:
    """Where the quoted field that holds ``start`` is closed; -1 if not in this line. Two quotes in a row are one character, and so
    is one after the escape."""
    quote, escape = str(dialect.quote), dialect.escape
    at = body.find(quote, start)
    while at >= 0:
        if escape and _escaped(body, at, start, escape):
            at = body.find(quote, at + 1)
        elif body.startswith(quote, at + 1):
            at = body.find(quote, at + 2)
        else:
            return at
    return -1


def _escaped(body: str, at: int, start: int, escape: str) -> bool:
    count = 0
    while at - count - 1 >= start and body[at - count - 1] == escape:
        count += 1
    return count % 2 == 1


def _unquoted(content: str, dialect: Dialect) -> str:
    quote = str(dialect.quote)
    if dialect.escape and dialect.escape in content:
        return _unescaped(content, dialect)
    return content.replace(quote + quote, quote)


def _unescaped(content: str, dialect: Dialect, doubled: bool = True) -> str:
    """The escape taken away before what it protects, and nowhere else."""
    escape, quote = str(dialect.escape), dialect.quote
    out: list[str] = []
    at = 0
    while at < len(content):
        if content[at] == escape and at + 1 < len(content):
            protected = dialect.delimiter and content.startswith(dialect.delimiter, at + 1)
            if protected or content[at + 1] in (escape, quote):
                taken = len(dialect.delimiter) if protected else 1
                out.append(content[at + 1 : at + 1 + taken])
                at += 1 + taken
                continue
        if doubled and quote and content.startswith(quote + quote, at):
            at += 1
        out.append(content[at])
        at += 1
    return "".join(out)


def _next(body: str, at: int, dialect: Dialect) -> int:
    """Where the next field begins after a delimiter that ends at ``at``."""
    if dialect.runs:
        while body.startswith(dialect.delimiter, at):
            at += len(dialect.delimiter)
    elif dialect.padded:
        while body.startswith(" ", at):
            at += 1
    return at


def _end(body: str, at: int, dialect: Dialect) -> int:
    """Where the unquoted field that begins at ``at`` ends; -1: with the line."""
    if not dialect.delimiter:
        return -1
    end = body.find(dialect.delimiter, at)
    while dialect.escape and end >= 0 and _escaped(body, end, at, dialect.escape):
        end = body.find(dialect.delimiter, end + len(dialect.delimiter))
    return end


def _split(body: str, dialect: Dialect, literal: bool = False, closing: bool = False) -> tuple[list[str], int | None, bool]:
    """The fields of one line; where the content of a field left open begins (then that field is not among them; with ``literal``
    it is, quote and all); and whether text follows a closing quote (it is kept, as every spreadsheet program does). With ``closing``
    only a quote before a delimiter or the end closes a field: those inside are characters nobody doubled."""
    quote, escape = dialect.quote, dialect.escape
    fields: list[str] = []
    loose = False
    at = _next(body, 0, dialect) if dialect.runs or dialect.padded else 0
    if dialect.runs:
        body = body.rstrip(dialect.delimiter)
    while True:
        if quote and body.startswith(quote, at):
            close = _last_quote(body, at + 1, dialect) if closing else _closing(body, at + 1, dialect)
            if close >= 0:
                end = _end(body, close + 1, dialect)
                tail = body[close + 1 :] if end < 0 else body[close + 1 : end]
                if dialect.padded and not tail.strip(" "):
                    tail = ""
                loose = loose or bool(tail)
                fields.append(_unquoted(body[at + 1 : close], dialect) + tail)
            elif not literal:
                return fields, at + 1, loose
            else:
                end = _end(body, at, dialect)
                fields.append(body[at:] if end < 0 else body[at:end])
        else:
            end = _end(body, at, dialect)
            field = body[at:] if end < 0 else body[at:end]
            fields.append(_unescaped(field, dialect, doubled=False) if escape and escape in field else field)
        if end < 0:
            return fields, None, loose
        at = _next(body, end + len(dialect.delimiter), dialect)


def _last_quote(body: str, start: int, dialect: Dialect) -> int:
    """The first quote from ``start`` on that a delimiter or the end of the line follows."""
    at = body.find(str(dialect.quote), start)
    while at >= 0:
        after = body[at + 1 :]
        if not after or (dialect.delimiter and after.startswith(dialect.delimiter)):
            return at
        at = body.find(str(dialect.quote), at + 1)
    return -1
