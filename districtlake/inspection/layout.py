"""Where the tables of a grid are: titles above, header rows, the body, banners inside, footers below, further tables.

Pure functions over rows of text cells; the same for delimited text and for sheets. Everything is decided by evidence inside the grid:
how full rows are, and whether a row is spelled like the rows below it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from districtlake.ingestion.cell_types import MISSING, family, type_of
from districtlake.ingestion.footers import is_footer, is_labelled
from districtlake.ingestion.header import joined_header

_PERIOD = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])?")
_TYPED = 0.8
_SENTENCE = 20
_LOOKED = 300
_MAX_TITLES = 50
_MAX_HEADER_ROWS = 5


@dataclass(frozen=True)
class Row:
    """A row of the grid: its number as a person sees it, its cells, and what reading it found wrong."""

    number: int
    cells: tuple[str, ...]
    reason: str | None = None

    @cached_property
    def filled(self) -> int:
        return sum(1 for cell in self.cells if cell and not cell.isspace())


@dataclass
class Region:
    """One table of a grid: rows by their role. ``header`` is empty where the body begins at once."""

    width: int
    titles: list[Row] = field(default_factory=list)
    header: list[Row] = field(default_factory=list)
    body: list[Row] = field(default_factory=list)
    passed: list[tuple[Row, str]] = field(default_factory=list)  # blank, banner, footer, repeated_header, comment
    evidence: str = ""
    certain: bool = True


def arrange(rows: Sequence[Row], header_row: int | None = None, header_rows: int | None = None, as_is: bool = False) -> list[Region]:
    """The tables of a grid, at least one.

    Args:
        header_row: number of the (first) header row, 0 for none; None: find it. Said of the first table only; the rest is then one table.
        header_rows: how many rows make the header; None: find it.
        as_is: the first row is the header, every other one is data.
    """
    if as_is or header_row is not None:
        return [_told(rows, header_row, header_rows, as_is)]
    regions: list[Region] = []
    for part in _parts(rows):
        region = _region(part, header_rows)
        if regions and not region.header and not region.body:
            regions[-1].passed.extend((row, "footer") for row in region.titles)
            regions[-1].passed.extend(region.passed)
        else:
            regions.append(region)
    return regions or [Region(0)]


def _told(rows: Sequence[Row], header_row: int | None, header_rows: int | None, as_is: bool) -> Region:
    kept = [row for row in rows if row.reason != "comment"]
    region = Region(max((len(row.cells) for row in kept), default=0), evidence="按指定的表头行")
    first = header_row if header_row is not None else next((row.number for row in kept if row.filled), 0)
    count = header_rows or 1
    for row in kept:
        if first and row.number < first:
            region.titles.append(row)
        elif first and len(region.header) < count and (row.filled or row.number == first):
            region.header.append(row)
        elif (not row.filled and not (as_is and row.cells)) or (not row.filled and len(row.cells) <= 1 and region.width > 1):
            region.passed.append((row, "blank"))
        else:
            region.body.append(row)
    region.passed.extend((row, "comment") for row in rows if row.reason == "comment")
    if as_is:
        region.evidence = "按原样读取：第一行作表头，其余全是数据"
    return region


# several tables ------------------------------------------------------------------------------------------------------
def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    """The grid cut where another table begins: after blank rows where the shape changes or a header follows; without them where the
    shape changes for good."""
    starts = [0]
    seen = 0  # fuller rows since the last start
    for at in range(1, len(rows)):
        row = rows[at]
        seen += rows[at - 1].filled > 1
        above = rows[at - 1]
        gap = not above.filled or (above.filled == 1 and at > 1 and not rows[at - 2].filled)
        if row.filled < 2 or seen < 2 or not (gap or len(row.cells) != len(above.cells)):
            continue
        before = [other for other in rows[max(starts[-1], at - _LOOKED) : at] if other.filled]
        after = _run(rows, at)
        if _begins_table(before, after) if gap else _shape_changes(before, after):
            starts.append(at if not gap or not above.filled else at - 1)
            seen = 0
    return [list(rows[begin:end]) for begin, end in zip(starts, [*starts[1:], len(rows)], strict=True)]


def _run(rows: Sequence[Row], at: int) -> list[Row]:
    """The filled rows from ``at`` to the next blank one."""
    found = []
    for row in rows[at : at + _LOOKED]:
        if not row.filled:
            break
        found.append(row)
    return found


def _extent(row: Row) -> int:
    """As far as the row's cells go, empty ones at its end left out."""
    return next((at for at in range(len(row.cells), 0, -1) if row.cells[at - 1].strip()), 0)


def _modal(rows: Sequence[Row]) -> int:
    counts = Counter(_extent(row) for row in rows if row.filled > 1)
    return max(counts.items(), key=lambda pair: (pair[1], pair[0]))[0] if counts else max((_extent(row) for row in rows), default=0)


def _begins_table(before: Sequence[Row], after: Sequence[Row]) -> bool:
    """Whether what follows a blank row is another table rather than more of the same: it begins with a header of its own."""
    if len([row for row in after if row.filled > 1]) < 2:
        return False
    head, body = after[0], after[1:]
    types = _column_types(body)
    typed = [at for at, kind in types.items() if kind != "text" and at < len(head.cells)]
    heads = bool(typed) and not any(_fits(head.cells[at], types[at]) for at in typed) and head.filled >= min(2, len(typed))
    if heads and all(_word(head.cells[at]) for at in typed):
        # the same header again is a page break of the same table
        return not _same(head, next(iter(before)))
    return (
        _extent(head) == _modal(after) != _modal(before)
        and head.filled == _extent(head)
        and all(_word(cell) for cell in head.cells if cell.strip())
    )


def _shape_changes(before: Sequence[Row], after: Sequence[Row]) -> bool:
    """Without a blank row between them: other widths for good on both sides, and a header where they meet."""
    wide = {len(row.cells) for row in before[-3:]}
    next_wide = {len(row.cells) for row in after[:3]}
    if len(before) < 3 or len(after) < 3 or len(wide) != 1 or len(next_wide) != 1 or wide == next_wide:
        return False
    head, types = after[0], _column_types(after[1:])
    typed = [at for at, kind in types.items() if kind != "text" and at < len(head.cells)]
    words = all(_word(cell) for cell in head.cells if cell.strip()) and head.filled == len(head.cells)
    return words and bool(typed) and not any(_fits(head.cells[at], types[at]) for at in typed)


# one table -----------------------------------------------------------------------------------------------------------
def _region(rows: list[Row], header_rows: int | None) -> Region:
    comments = [(row, "comment") for row in rows if row.reason == "comment"]
    rows = [row for row in rows if row.reason != "comment"]
    filled = [row for row in rows if row.filled]
    region = Region(max((len(row.cells) for row in rows), default=0), passed=comments)
    if not filled:
        region.passed.extend((row, "blank") for row in rows)
        region.evidence = "没有内容"
        return region
    early = [_extent(row) for row in filled[:10] if row.filled > 1 and 2 * row.filled >= _extent(row)]
    width = max([_modal(filled), *early])
    begin = _first_tabular(filled, width)
    region.titles = filled[:begin]
    rest = filled[begin:]
    body_end = _body_end(rows, rest, width)
    footers, rest = rest[body_end:], rest[:body_end]
    count, region.evidence, region.certain = _header_count(rest, header_rows)
    region.header = rest[:count]
    _fill_body(region, rows, rest[count:], width)
    region.passed.extend((row, "footer") for row in footers)
    listed = {row.number for row in filled}
    region.passed.extend((row, "blank") for row in rows if row.number not in listed)
    region.passed.sort(key=lambda pair: pair[0].number)
    return region


def _first_tabular(filled: list[Row], width: int) -> int:
    """How many rows at the top are titles: fewer cells than half a row, up to the first fuller one."""
    if width < 2:
        return 0
    for at, row in enumerate(filled[:_MAX_TITLES]):
        # a title lies in one cell; a line of a form (填报单位：… 日期：…) in few
        if row.filled >= 2 and 2 * row.filled >= width and not _is_title(row, filled[at + 1 :], width):
            return _grouped_above(filled, at)
        if width == 2 and len(row.cells) == 2 and row.filled == 1 and at + 1 < len(filled) and not row.cells[0].strip():
            return at
    return 0


def _is_title(row: Row, below: Sequence[Row], width: int) -> bool:
    """Whether a row with several cells is a title all the same: a line of a form, or a sentence cut at its commas above the header."""
    if not below or row.filled >= width:
        return False
    if any(is_labelled(cell) for cell in row.cells):
        return True
    head = below[0]
    if len(row.cells) >= len(head.cells) or head.filled < width or not all(_word(cell) for cell in head.cells if cell.strip()):
        return False
    return any(kind != "text" and not _fits(head.cells[at], kind) for at, kind in _column_types(below[1:]).items() if at < len(head.cells))


def _grouped_above(filled: Sequence[Row], at: int) -> int:
    """Where a header of several rows begins whose first ones are sparse: a row above names a column that the fuller row leaves open."""
    begin = at
    for above in range(at - 1, max(-1, at - _MAX_HEADER_ROWS), -1):
        row, below = filled[above], filled[above + 1]
        if row.filled < 2 or below.number != row.number + 1 or any(is_labelled(cell) for cell in row.cells):
            break
        if any(
            cell.strip() and not any(_filled_at(lower, place) for lower in filled[above + 1 : at + 1])
            for place, cell in enumerate(row.cells)
        ):
            begin = above
    return begin


def _filled_at(row: Row, place: int) -> bool:
    return place < len(row.cells) and bool(row.cells[place].strip())


def _body_end(rows: list[Row], filled: list[Row], width: int) -> int:
    """How many of the filled rows are no footer. A footer is one cell in words below the table, after a blank row or worded as one, with all
    that is such a cell below it; or a line of signatures (制表人：… 审核人：…)."""
    end = at = len(filled)
    numbers = {row.number: place for place, row in enumerate(rows)}
    while at > 2:
        row = filled[at - 1]
        texts = [cell.strip() for cell in row.cells if cell.strip()]
        signed = 1 < len(texts) <= max(2, width // 2) and is_footer(texts[0]) and all(is_labelled(text) for text in texts)
        if not signed and (len(texts) != 1 or not row.cells[0].strip()):
            break
        place = numbers[row.number]
        gap = place > 0 and not rows[place - 1].filled
        worded = is_footer(texts[0]) and (width > 2 or is_labelled(texts[0]))
        if signed or (worded and width > 1) or (width > 2 and gap and len(texts[0]) > 8):
            end = at - 1
        at -= 1
    return end


def _header_count(rows: list[Row], told: int | None) -> tuple[int, str, bool]:
    """How many of the rows make the header, why, and whether that is certain."""
    if told is not None:
        return min(told, len(rows)), "按指定的表头行数", True
    if len(rows) == 1:
        return 1, "只有一行，当作表头", False
    head = rows[0]
    types = _column_types(rows[1 + min(_MAX_HEADER_ROWS - 1, max(0, len(rows) - 4)) :])
    typed = {at: kind for at, kind in types.items() if kind != "text"}
    if not typed:
        near = _column_types(rows[1:])
        typed = {at: kind for at, kind in near.items() if kind != "text"}
        types = near
    named = {at: kind for at, kind in typed.items() if at < len(head.cells) and head.cells[at].strip()}
    if not named:
        if typed and all(not cell.strip() for at, cell in enumerate(head.cells) if at in typed):
            return _grouped(rows, types) or 1, "第一行是文字，下面的列是数值、日期或代码", False
        return 1, "各列都是文字，第一行按惯例作表头", False
    fits = [at for at in named if _fits(head.cells[at], named[at])]
    if fits and 2 * len(fits) >= len(named) and not _named_by_periods(head, rows[1:], fits):
        return 0, f"第一行的{len(fits)}列与下面的数据同类（数值、日期或代码），没有表头", len(fits) > 1 or len(named) == len(fits)
    count = 1
    while count < min(_MAX_HEADER_ROWS, len(rows) - 2) and _continues_header(rows[count], rows[count - 1], typed):
        count += 1
    return count, f"第一行在{len(named)}个数值、日期或代码列中写的是文字", True


def _grouped(rows: list[Row], types: dict[int, str]) -> int:
    typed = {at: kind for at, kind in types.items() if kind != "text"}
    count = 1
    while count < min(_MAX_HEADER_ROWS, len(rows) - 2) and _continues_header(rows[count], rows[count - 1], typed):
        count += 1
    return count


def _continues_header(row: Row, above: Row, typed: dict[int, str]) -> bool:
    """Whether the row below a header row belongs to it: words where the body has values, in two typed columns or under a gap."""
    there = [at for at in typed if at < len(row.cells) and row.cells[at].strip()]
    if not there or any(_fits(row.cells[at], typed[at]) or not _word(row.cells[at]) or row.cells[at].strip() in MISSING for at in there):
        return False
    under = any(not (at < len(above.cells) and above.cells[at].strip()) for at in there)
    return under or (len(there) >= 2 and 5 * len(there) >= 4 * len(typed))


def _named_by_periods(head: Row, body: Sequence[Row], fits: list[int]) -> bool:
    """Whether columns are named by years (2019, 2020), months (202401) or numbers in their order (1, 2, 3) over values that are none."""
    texts = [head.cells[at].strip() for at in fits]
    if len(set(texts)) < len(texts):
        return False
    if all(_PERIOD.fullmatch(text) for text in texts):
        below = [row.cells[at].strip() for row in body[:20] for at in fits if at < len(row.cells) and row.cells[at].strip()]
        return 2 * sum(bool(_PERIOD.fullmatch(text)) for text in below) < len(below) or (len(texts) > 1 and _in_order(texts))
    if len(texts) > 2 and texts[0] in ("0", "1") and _in_order(texts):
        lines = [[row.cells[at].strip() for at in fits if at < len(row.cells)] for row in body[:20]]
        return not any(_in_order(line) for line in lines)
    return False


def _in_order(texts: Sequence[str]) -> bool:
    """Whether numbers follow one another, up or down; of months the next year's too."""
    if not all(text.isascii() and text.isdecimal() for text in texts):
        return False
    steps = {int(right) - int(left) for left, right in pairwise(texts)}
    return steps <= {1, 89} or steps <= {-1, -89}


def _fill_body(region: Region, rows: list[Row], filled: list[Row], width: int) -> None:
    """Rows of the body; banners (a heading in the first cell alone, unlike what stands there otherwise) and headers printed again are
    passed over."""
    banners = _banners(filled, width)
    for row in filled:
        if any(_same(row, head) for head in region.header) and row.filled > 1:
            region.passed.append((row, "repeated_header"))
        elif row.number in banners:
            region.passed.append((row, "banner"))
        else:
            region.body.append(row)


def _banners(filled: list[Row], width: int) -> set[int]:
    if width < 4:
        return set()
    alone = [row for row in filled if row.filled == 1 and row.cells[0].strip() and _word(row.cells[0]) and not row.reason]
    full = [row for row in filled if 2 * row.filled >= width]
    # a banner heads rows; below the last one a sentence is a note, a few words are a row that lacks the rest
    alone = [row for row in alone if full and (row.number < full[-1].number or len(row.cells[0].strip()) > _SENTENCE)]
    if not alone or len(alone) * 3 > len(full):
        return set()
    first = _column_types([Row(row.number, row.cells[:1]) for row in full]).get(0, "text")
    if first != "text" and first != "missing":
        return {row.number for row in alone if not _fits(row.cells[0], first)}
    return set()


# spelling ------------------------------------------------------------------------------------------------------------
def _column_types(rows: Sequence[Row]) -> dict[int, str]:
    """Column -> the family of types most of its filled cells are spelled as; columns without cells are absent."""
    counts: dict[int, Counter[str]] = {}
    for row in rows[:_LOOKED]:
        for at, cell in enumerate(row.cells):
            kind = type_of(cell)
            if kind not in ("empty", "missing"):
                counts.setdefault(at, Counter())[family(kind)] += 1
    found = {}
    for at, counted in counts.items():
        best, most = counted.most_common(1)[0]
        found[at] = best if best != "text" and most >= _TYPED * counted.total() else _mixed(counted)
    return found


def _mixed(counted: Counter[str]) -> str:
    """Codes and numbers, written with and without leading zeros, are one column of codes."""
    if counted["code"] + counted["number"] >= _TYPED * counted.total():
        return "code"
    return "text"


def _fits(cell: str, kind: str) -> bool:
    found = family(type_of(cell))
    return found == kind or (kind == "code" and found == "number") or (kind == "number" and found == "code")


def _word(cell: str) -> bool:
    """Whether a cell says something in words."""
    text = cell.strip()
    return any(char.isalpha() for char in text) and type_of(text) in ("text", "code", "truth", "link")


def _same(row: Row, other: Row) -> bool:
    # where files were put one behind the other, a byte order mark stands before the header again
    mine, others = [cell.strip(" \t\ufeff") for cell in row.cells], [cell.strip(" \t\ufeff") for cell in other.cells]
    while mine and not mine[-1]:
        mine.pop()
    while others and not others[-1]:
        others.pop()
    return mine == others


def header_texts(header: Sequence[Row], width: int) -> list[str]:
    """One text a column, "" where the header has none."""
    texts = joined_header([row.cells for row in header])
    return (texts + [""] * width)[:width] if len(texts) < width else texts[:width]
