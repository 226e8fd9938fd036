"""Which dialect a text is written in, by evidence: every candidate reads the beginning, and the one whose rows agree in width and
whose cells look most like values wins. Deterministic, and bounded by the sample.

The idea is that of data consistency (van den Burg, Nazábal, Sutton 2019, CleverCSV); the measure is simpler, knows tables that follow
one another, and Chinese spellings of dates, numbers and sentences.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from districtlake.ingestion.cell_types import type_of
from districtlake.ingestion.dialect import Dialect, delimiter_of
from districtlake.ingestion.records import Record, records

SAMPLE_CHARS = 1 << 16
SAMPLE_RECORDS = 400
_SCORED_CELLS = 3000
_MAX_RECORD = 1 << 16

_PRIORS: dict[str, float] = {
    ",": 1.0, "\t": 1.0, ";": 1.0, "|": 0.95, "\x01": 0.9, "\x1f": 0.9, "||": 0.97, ";;": 0.97, "::": 0.9, "~": 0.8, "^": 0.8, "§": 0.8, "¦": 0.8,
    "，": 0.7, "；": 0.7, "｜": 0.8, "#": 0.6, "!": 0.5, " ": 0.62, ":": 0.5, "@": 0.4, "&": 0.4, "*": 0.4,
}  # fmt: skip
"""Delimiters that are looked for, and how readily each is believed: marks of sentences, times and names less."""
_MAX_TITLES = 5
_MENDED = 0.05
_ONE_COLUMN = 0.33
_STRONG = re.compile(r"[,;\t|｜^\x01\x1f]")
_MARKS = r"|^~@#$!&;:*+%=¦§"
_COMPOSED = re.compile(rf"[{re.escape(_MARKS)}]{{2,4}}")
_EDGED = re.compile(r"""[:,;|\t^~，]["']|["'][:,;|\t^~，]""")
_QUOTES = ('"', "'")
_ENDS = r"\r\n"


@dataclass(frozen=True)
class Candidate:
    """One way to read the sample: ``width`` most rows have, the share of rows that ``agree`` with it or with a neighbour, the share of
    cells that look like values, and the ``score`` made of these. ``titles``: lines at the top left out as titles; ``regular``: every line has
    ``width`` cells."""

    dialect: Dialect
    width: int
    agree: float
    typed: float
    score: float
    titles: int = 0
    regular: bool = False


@dataclass(frozen=True)
class Sniffed:
    """The dialect, and what spoke for it: the candidates, best first, one for each delimiter."""

    dialect: Dialect
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Declared:
    """What a person said about the dialect; None: find it. ``quote`` and ``escape`` may be "" for none."""

    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    comment: str | None = None


def sniff_dialect(head: str, terminator: str = "\n", declared: Declared | None = None) -> Sniffed:
    """The dialect of a text by its beginning (whole lines)."""
    told = declared or Declared()
    sample = _sample(head, terminator)
    found: list[Candidate] = []
    delimiters = _delimiters(sample, told)
    for delimiter in delimiters:
        best = max(
            (_judged(sample, dialect, terminator) for dialect in _dialects(sample, delimiter, told)),
            key=lambda candidate: (candidate.score, candidate.dialect.quote == '"', candidate.dialect.escape is None),
        )
        found.append(best)
    found.sort(key=lambda candidate: -candidate.score)
    first = _reads_all(found)
    found.sort(key=lambda candidate: candidate is not first)
    chosen = found[0].dialect
    if told.comment is None:
        chosen = replace(chosen, comment=_comment(sample, chosen, found[0].width, terminator))
    return Sniffed(chosen, tuple(found))


def _sample(head: str, terminator: str) -> str:
    """The beginning as far as it is looked at, cut after a whole line."""
    if len(head) <= SAMPLE_CHARS:
        return head
    cut = head.rfind(terminator, 0, SAMPLE_CHARS)
    return head[: cut + 1] if cut > 0 else head[:SAMPLE_CHARS]


def _delimiters(sample: str, told: Declared) -> Sequence[str]:
    if told.delimiter is not None:
        return (delimiter_of(told.delimiter),)
    found = [*_composed(sample), *(delimiter for delimiter in _PRIORS if delimiter in sample)]
    apart = [one for one in dict.fromkeys(found) if not any(_only_within(one, other, sample) for other in found)]
    return [*apart, ""]


def _composed(sample: str) -> list[str]:
    """Delimiters of several marks (``|@|``, ``^|^``): they stand in every line, the longest first."""
    lines = [line for line in sample.splitlines() if line.strip()][:40]
    if not lines:
        return []
    runs = _COMPOSED.findall(lines[-1])
    parts = {run[begin:end] for run in runs for begin in range(len(run)) for end in range(begin + 2, len(run) + 1)}
    least = len(lines) - len(lines) // 10
    return sorted((part for part in parts if sum(part in line for line in lines) >= least), key=lambda part: (-len(part), part))


def _only_within(delimiter: str, other: str, sample: str) -> bool:
    """Whether one never stands but as a part of another, longer one."""
    return delimiter != other and delimiter in other and sample.count(delimiter) == other.count(delimiter) * sample.count(other)


def _reads_all(found: Sequence[Candidate]) -> Candidate:
    """The best candidate; or one that cuts every line, the first too, in as many cells, where the best takes the first for a title."""
    best = found[0]
    if not best.titles:
        return best
    for other in found[1:]:
        prior = _PRIORS.get(other.dialect.delimiter, 0.97)
        plain = not other.dialect.runs and (prior >= 0.8 if other.width < 3 else prior >= 0.6)
        if plain and other.regular and other.width > 1 and 2 * other.score > best.score:
            return other
    return best


def _dialects(sample: str, delimiter: str, told: Declared) -> Iterator[Dialect]:
    mark = re.escape(delimiter) if delimiter else "(?!)"
    quotes: list[str | None] = ['"']
    if told.quote is not None:
        quotes = [told.quote or None]
    else:
        if re.search(rf"(?:^|{mark} ?|[{_ENDS}])'(?:[^']|'')*' ?(?:$|{mark}|[{_ENDS}])", sample) or "\\'" in sample:
            quotes.append("'")
        if '"' in sample:
            quotes.append(None)
    for quote in quotes:
        escapes: list[str | None] = [None]
        if told.escape is not None:
            escapes = [told.escape or None]
        elif "\\" in sample and ((quote and "\\" + quote in sample) or (delimiter and "\\" + delimiter in sample)):
            escapes.append("\\")
        for escape in escapes:
            base = Dialect(delimiter, quote, escape, told.comment or None, runs=delimiter == " " and _aligned(sample))
            yield base
            if delimiter and not base.runs and delimiter + " " in sample and delimiter not in (" ", "\t") and _padded(sample, base):
                yield replace(base, padded=True)


def _aligned(sample: str) -> bool:
    return "  " in sample


def _padded(sample: str, dialect: Dialect) -> bool:
    """Whether one blank follows every delimiter and none stands before it: then it belongs to the delimiter, not to the cells."""
    fields = [field for record in _read(sample, dialect, "") for field in record.fields[1:]]
    spaced = sum(field == " " or (field.startswith(" ") and not field.endswith(" ") and not field.startswith("  ")) for field in fields)
    return len(fields) > 1 and spaced * 100 >= len(fields) * 95


def _read(sample: str, dialect: Dialect, terminator: str, width: int | None = None) -> list[Record]:
    lines = io.StringIO(sample, newline=terminator if terminator in ("\n", "\r") else "")
    return list(islice(records(lines, dialect, width, _MAX_RECORD), SAMPLE_RECORDS))


def _judged(sample: str, dialect: Dialect, terminator: str) -> Candidate:
    rows = [record for record in _read(sample, dialect, terminator) if record.text.strip() and not _remark(record)]
    if not rows:
        return Candidate(dialect, 0, 0.0, 0.0, 0.0)
    # titles above a table are one cell in any dialect: they speak neither for nor against one
    titles = next((at for at, record in enumerate(rows) if len(record.fields) > 1), 0)
    if not dialect.delimiter or titles > min(_MAX_TITLES, len(rows) - 3):
        titles = 0
    rows = rows[titles:]
    widths = [len(record.fields) for record in rows]
    counts = Counter(width for width in widths if width > 1) or Counter(widths)
    width, most = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
    if not dialect.delimiter:
        agree = 1.0
    else:
        near = sum(
            wide > 1 and (wide == width or (at > 0 and widths[at - 1] == wide) or (at + 1 < len(widths) and widths[at + 1] == wide))
            for at, wide in enumerate(widths)
        )
        agree = near / len(rows) * (most / len(rows)) ** 0.5
    if any(record.reason for record in rows):  # the number of cells says which quotes nobody doubled
        rows = [record for record in _read(sample, dialect, terminator, width) if record.text.strip() and not _remark(record)][
            titles:
        ] or rows
    kept = [record for record in rows if not dialect.delimiter or len(record.fields) > 1] or rows
    typed = _typed(kept, dialect)
    broken = sum(0.0 if record.reason is None else _MENDED if record.reason == "stray_quote" else 1.0 for record in rows) / len(rows)
    if dialect.delimiter and width > 1:
        prior = _PRIORS.get(dialect.delimiter, 0.9) * (width - 1) / width
        if dialect.padded:
            prior *= 1.02
        if len(rows) == 1 and dialect.delimiter in (" ", ":", "!", "#", "@", "&", "*"):
            prior *= 0.5  # one line alone proves no consistency
    else:
        prior = _ONE_COLUMN if dialect.delimiter == "" else 0.1
        if any(sum(mark in record.text for record in rows) * 10 >= 7 * len(rows) for mark in ",;\t|"):
            prior *= 0.5  # nearly every line holds the same common delimiter
    score = prior * agree * typed * (1 - broken) ** 2
    return Candidate(dialect, width, agree, typed, score, titles, most == len(rows) and not titles)


def _remark(record: Record) -> bool:
    return record.reason == "comment" or (record.text.startswith(("#", "//", "%")) and len(record.fields) == 1)


def _typed(rows: list[Record], dialect: Dialect) -> float:
    """The mean likeness of cells to values."""
    cells = [cell for record in rows for cell in record.fields]
    step = max(1, len(cells) // _SCORED_CELLS)
    looked = cells[::step]
    return sum(_likeness(cell, dialect) for cell in looked) / max(1, len(looked))


def _likeness(cell: str, dialect: Dialect) -> float:
    text = cell.strip()
    if not text:
        return 0.9
    kind = type_of(text)
    if kind == "missing":
        return 0.9
    if kind != "text":
        return 1.0
    if not any(char.isalnum() for char in text):
        return 0.05 if len(text) < 3 else 0.3
    for quote in _QUOTES:
        if quote != dialect.quote and text[0] == quote and text[-1] == quote and len(text) > 1:
            return 0.35  # a pair of quotes left on the cell
    if text[0] == '"' or (text[-1] == '"' and text.count('"') % 2 and dialect.quote != '"'):
        return 0.3  # half of one
    if _EDGED.search(text):
        return 0.4  # a quote beside a delimiter that was not cut at
    if cell != text and dialect.delimiter not in ("\t",):
        return 0.8
    if dialect.escape is None and "\\" in text and (text[-1] == "\\" or '\\"' in text):
        return 0.5
    if (found := _STRONG.search(text)) and found.group() != dialect.delimiter:
        return 0.75 if found.group() == "," else 0.5
    return 0.9


def _comment(sample: str, dialect: Dialect, width: int, terminator: str) -> str | None:
    """The mark of lines that are no data: such lines there are, all other than rows, and not all of the text."""
    rows = [record for record in _read(sample, dialect, terminator) if record.text.strip()]
    for mark in ("#", "//", "%"):
        if mark == dialect.delimiter:
            continue
        marked = [record for record in rows if record.text.startswith(mark)]
        if not marked or len(marked) == len(rows) or width < 2:
            continue
        if all(len(record.fields) != width for record in marked):
            return mark
    return None
