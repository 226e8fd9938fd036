"""How a delimited text sets its cells apart: delimiter, quote, escape, comment. Found by ``sniff`` or declared under ``source``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_NAMES = {
    "comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "pipe": "|", "space": " ", "colon": ":", "tilde": "~",
    "caret": "^", "none": "",
}  # fmt: skip
_TITLES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space", ":": "colon", "~": "tilde", "^": "caret", "": "none"}


@dataclass(frozen=True)
class Dialect:
    r"""The form of a delimited text.

    Attributes:
        delimiter: one or more characters; "" when each line is one cell.
        quote: the character around cells that hold a delimiter, itself doubled inside; None: cells are never quoted.
        escape: the character (backslash) before a quote, a delimiter or itself; before anything else it is a character.
        comment: what a line that is no data begins with.
        runs: any number of delimiters in a row is one, and those at the ends of a line are none (columns aligned by blanks).
        padded: blanks after a delimiter belong to it.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    comment: str | None = None
    runs: bool = False
    padded: bool = False

    @property
    def plain(self) -> bool:
        """RFC 4180 with any single-byte delimiter: what every fast reader reads."""
        regular = self.quote == '"' and self.escape is None and self.comment is None and not self.runs and not self.padded
        return regular and len(self.delimiter) == 1 and self.delimiter.isascii()

    def as_dict(self) -> dict[str, Any]:
        return {"delimiter": self.delimiter, "quote": self.quote or "", "escape": self.escape or "", "comment": self.comment or "",
                "runs": self.runs, "padded": self.padded}  # fmt: skip


def delimiter_of(declared: str) -> str:
    """The delimiter a person names: itself, or ``tab``, ``space``, ``comma`` …"""
    return _NAMES.get(declared, declared)


def delimiter_name(delimiter: str) -> str:
    return _TITLES.get(delimiter, delimiter)
