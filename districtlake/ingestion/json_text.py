"""JSON values one at a time from a text of any length, each scalar as it was written.

The standard library's scanner reads each value; around it this module walks the document, so that a file of gigabytes needs no
more memory than its longest record. Numbers keep their digits (1.50, 007E5, thirty digits), objects keep the order of their
members and members named twice, and what JSON does not know but programs write (NaN, Infinity) stays the word it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any

from districtlake.errors import IngestionError
from districtlake.ingestion.limits import Limits
from districtlake.wording.sentences import Sentence

CHUNK = 1 << 18
_BLANK = re.compile(r"[ \t\n\r\ufeff\x1e]*")  # a record separator (RFC 7464) or a stray byte order mark says nothing
_NEAR_THE_END = 32  # a value cut by the end of the buffer is reported this close to it


class Literal(str):
    """A number, or the word NaN or Infinity: written without quotation marks."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object: its members in order, those named twice included."""

    __slots__ = ()

    def first(self, name: str) -> Any:
        """The first member of that name; None when there is none."""
        return next((value for key, value in self if key == name), None)


_DECODER = json.JSONDecoder(
    object_pairs_hook=Members, parse_float=Literal, parse_int=Literal, parse_constant=Literal,
    strict=False,  # a line break or tab inside a text is read as what it is
)  # fmt: skip
compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: json.dumps makes one for each call
CONSTANTS = frozenset(("NaN", "Infinity", "-Infinity"))


def text_of(value: Any, depth: int) -> str | None:
    """A value as the text of a cell: null is none, a text itself, a number its digits, anything nested JSON.

    Raises ``RecursionError`` when it is nested more than ``depth`` deep.
    """
    if value is None or isinstance(value, str):
        return value
    return _written(value, depth)


def _written(value: Any, depth: int) -> str:
    if depth < 0:
        raise RecursionError
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, str):
        return compact(value)
    if isinstance(value, Members):
        return "{" + ",".join(f"{compact(key)}:{_written(inner, depth - 1)}" for key, inner in value) + "}"
    return "[" + ",".join(_written(inner, depth - 1) for inner in value) + "]"


def storable(text: str) -> str:
    r"""Half a surrogate pair or a NUL, which no text can hold, as its escape (\ud83d, \u0000)."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")


class Cursor:
    """A place in a JSON text that is read chunk by chunk."""

    def __init__(self, file: IO[str], name: str, limits: Limits):
        self.name, self.limits = name, limits
        self._file = file
        self._buffer = ""
        self._at = 0
        self._lines, self._before = 1, 0
        self._ended = False

    @property
    def line(self) -> int:
        """The line of the place, 1-based."""
        return self._lines + self._buffer.count("\n", 0, self._at)

    @property
    def offset(self) -> int:
        """How many characters lie before the place."""
        return self._before + self._at

    def peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            found = _BLANK.match(self._buffer, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more(CHUNK):
                return ""

    def take(self, wanted: str) -> bool:
        """Steps over the next character if it is ``wanted``."""
        if self.peek() != wanted:
            return False
        self._at += 1
        return True

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise self.broken(Sentence.of("part.json_sign", sign=wanted))

    def value(self) -> Any:
        """The next value, whole."""
        if not self.peek():
            raise self.broken(Sentence.of("part.json_value"))
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                cut = error.pos >= len(self._buffer) - _NEAR_THE_END or error.msg.startswith("Unterminated")
                if not cut or not self._grow():
                    self._at = min(error.pos, len(self._buffer))
                    raise self.broken(Sentence.of("part.json_spelling")) from error
            except RecursionError as error:
                raise too_deep(self.name, Sentence.of("part.at_line", number=f"{self.line:,}"), self.limits) from error
            else:
                # a number at the buffer's end may go on
                if end < len(self._buffer) or not self._grow():
                    if end - self._at > self.limits.max_line_bytes:
                        raise self.too_long()
                    self._at = end
                    return value

    def members(self) -> Iterator[str]:
        """The names of the members of the object that begins here; the caller reads each value before the next."""
        self.need("{")
        if self.take("}"):
            return
        while True:
            if self.peek() != '"':
                raise self.broken(Sentence.of("part.json_member"))
            name = self.value()
            self.need(":")
            yield name
            if self.take(","):
                continue
            self.need("}")
            return

    def elements(self) -> Iterator[None]:
        """Stands before each element of the array that begins here; the caller reads it before the next."""
        self.need("[")
        if self.take("]"):
            return
        while True:
            yield None
            if self.take(","):
                continue
            self.need("]")
            return

    def broken(self, what: Sentence) -> IngestionError:
        """The error that the text is no JSON here; near an end that is no end of a document, that it was cut off."""
        at_the_end = not self.peek()
        if at_the_end or (self._ended and not self._buffer.rstrip().endswith(("}", "]"))):
            return IngestionError.of("reading.json_cut_off", code="ingestion.damaged", file=self.name, line=f"{self.line:,}")
        return IngestionError.of("reading.json_invalid", code="ingestion.json", file=self.name, line=f"{self.line:,}", what=what)

    def _more(self, size: int) -> bool:
        if self._ended:
            return False
        chunk = self._file.read(size)
        if not chunk:
            self._ended = True
            return False
        self._lines += self._buffer.count("\n", 0, self._at)
        self._before += self._at
        self._buffer, self._at = self._buffer[self._at :] + chunk, 0
        return True

    def _grow(self) -> bool:
        """More of a value that is not whole yet: twice as much each time, so that all reading stays linear."""
        waiting = len(self._buffer) - self._at
        if waiting > self.limits.max_line_bytes:
            raise self.too_long()
        return self._more(max(CHUNK, waiting))

    def too_long(self) -> IngestionError:
        return IngestionError.of(
            "reading.json_value_long",
            code="ingestion.line_too_long",
            file=self.name,
            most=f"{self.limits.max_line_bytes:,}",
            line=f"{self.line:,}",
        )


def parsed_line(line: str) -> Any:
    """The value a line of NDJSON is. Raises ``ValueError`` when it is none, ``RecursionError`` when it is too deep."""
    return _DECODER.decode(line.strip("\ufeff\x1e \t\r\n"))


def too_deep(name: str, where: Sentence, limits: Limits) -> IngestionError:
    return IngestionError.of("reading.too_deep", code="ingestion.too_deep", file=name, where=where, most=limits.max_depth)
