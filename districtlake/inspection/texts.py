"""Delimited text without a catalogue entry: encoding, dialect and layout by evidence, then every row."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from districtlake.ingestion.cells import Collected, refuse_columns
from districtlake.ingestion.delimited import read_batches, text_records
from districtlake.ingestion.dialect import Dialect, delimiter_name
from districtlake.ingestion.encodings import guess_encoding
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.records import Record
from districtlake.ingestion.report import RowNote
from districtlake.ingestion.sniffing import Candidate, Declared, Sniffed, sniff_dialect
from districtlake.ingestion.text import TextFile, open_text
from districtlake.inspection.found import Decision, FoundFile, FoundTable, Wanted
from districtlake.inspection.layout import Region, Row, arrange
from districtlake.inspection.tables import table_of_region

WHOLE_BYTES = 4 << 20
"""Up to this size every row is looked at for titles, banners, footers and further tables; a longer text at both ends only."""
_HEAD_ROWS = 400


def open_decoded(path: Path, name: str, wanted: Wanted, limits: Limits, stack: ExitStack) -> tuple[TextFile, Decision]:
    """The text of a file and how its encoding was found.

    Raises:
        IngestionError: ``ingestion.encoding`` when nothing that is known decodes it, or not the one that was told.
    """
    if wanted.encoding:
        text = open_text(path, name, wanted.encoding, limits, stack, lambda _: True, only=True)
        return text, Decision("encoding", text.encoding, "按指定的编码", option="--encoding")
    guess = guess_encoding(path)
    if guess is None:
        text = open_text(path, name, None, limits, stack, lambda _: True)
        return text, Decision("encoding", text.encoding, "严格解码成功", option="--encoding")
    # A beginning in plain ASCII says nothing of what follows it: the ladder itself goes over the whole file.
    forced = None if guess.encoding in ("utf-8", "utf-8-sig", "gb18030") else guess.encoding
    if forced is None or forced in ("utf-16", "utf-32"):
        text = open_text(path, name, None, limits, stack, lambda _: True)
    else:
        text = open_text(path, name, forced, limits, stack, lambda _: True, only=True)
    evidence = guess.evidence if text.encoding == guess.encoding else "文件后部不是UTF-8，严格按GB18030解码成功"
    alternatives = tuple(f"{encoding}（{share:.0%}）" for encoding, share in guess.alternatives if encoding != text.encoding)
    return text, Decision("encoding", text.encoding, evidence, alternatives, "--encoding", guess.proven)


def read_text(text: TextFile, found: FoundFile, wanted: Wanted, limits: Limits) -> None:
    """Put the tables of a text into ``found``. Raises ``IngestionError`` ``ingestion.too_many_columns``."""
    head = text.head()
    any_end = _any_end(head, text)
    terminator = "" if any_end else ("\n" if text.lines else "\r")
    skipped = _skipped_lines(head, terminator, wanted.skip)
    told = Declared(wanted.delimiter, wanted.quote, wanted.escape, wanted.comment)
    sniffed = sniff_dialect(head[sum(len(line) for line in skipped) :], terminator, told)
    dialect = sniffed.dialect
    found.format, found.encoding, found.dialect = "csv", text.encoding, dialect.as_dict()
    found.decisions.extend(_decisions(sniffed, told, any_end, text))
    begin = text.start + sum(len(line.encode()) for line in skipped)
    width = sniffed.candidates[0].width
    if text.size - begin <= WHOLE_BYTES:
        rows = [_row(record) for record in text_records(text, dialect, width or None, limits, begin, len(skipped), any_end)]
        if wanted.footer:
            rows = rows[: max(0, len(rows) - wanted.footer)]
        refuse_columns(max((len(row.cells) for row in rows), default=0), found.name, limits)
        for at, region in enumerate(arrange(rows, wanted.header_row, wanted.header_rows, wanted.as_is)):
            found.tables.append(
                table_of_region(region, "", at, skipped=[RowNote(None, n + 1, "title") for n in range(len(skipped))] if not at else [])
            )
        return
    _stream(text, found, wanted, limits, dialect, begin, len(skipped), any_end, width)


def _row(record: Record) -> Row:
    fields = record.fields if record.text.strip("\r\n\x1a") else [""]  # \x1a ended texts under DOS
    return Row(record.line, tuple(fields), record.reason)


def _any_end(head: str, text: TextFile) -> bool:
    """Whether bare carriage returns end lines in a text that has line feeds too: cut there, the rows agree better."""
    if not (text.lines and text.returns):
        return False
    lone = [line for line in head.split("\n") if "\r" in line.removesuffix("\r")]
    if not lone:
        return False
    sample = head[: 1 << 16]
    whole, cut = sniff_dialect(sample, "\n"), sniff_dialect(sample, "")
    return cut.candidates[0].score >= whole.candidates[0].score


def _skipped_lines(head: str, terminator: str, count: int) -> list[str]:
    lines = io.StringIO(head, newline=terminator)
    return [line for line, _ in zip(lines, range(count), strict=False)]


def _decisions(sniffed: Sniffed, told: Declared, any_end: bool, text: TextFile) -> Iterator[Decision]:
    dialect, best = sniffed.dialect, sniffed.candidates[0]
    others = tuple(_candidate(other) for other in sniffed.candidates[1:4] if other.score > 0)
    if told.delimiter is not None:
        yield Decision("delimiter", delimiter_name(dialect.delimiter), "按指定的分隔符", option="--delimiter")
    else:
        close = len(sniffed.candidates) > 1 and sniffed.candidates[1].score > 0.75 * best.score
        evidence = f"{best.agree:.0%}的行为{best.width}列，{best.typed:.0%}的单元格像数据（得分{best.score:.2f}）"
        if dialect.runs:
            evidence += "；连续空格算一个分隔符"
        if dialect.padded:
            evidence += "；分隔符后的一个空格不属于单元格"
        yield Decision("delimiter", delimiter_name(dialect.delimiter), evidence, others, "--delimiter", not close and best.score > 0.2)
    yield Decision(
        "quote",
        dialect.quote or "none",
        "按指定" if told.quote is not None else "引号成对出现且行列一致" if dialect.quote else "引号只是普通字符",
        option="--quote",
    )
    if dialect.escape or told.escape is not None:
        yield Decision(
            "escape",
            dialect.escape or "none",
            "按指定" if told.escape is not None else "引号或分隔符前有转义符，按转义读取后行列更一致",
            option="--escape",
        )
    if dialect.comment:
        yield Decision("comment", dialect.comment, f"以{dialect.comment}开头的行与数据行列数不同", option="--comment")
    ends = "CR与LF混用" if any_end else "LF或CRLF" if text.lines else "CR" if text.returns else "只有一行"
    yield Decision("line_end", ends, "按文件中的换行符")


def _candidate(candidate: Candidate) -> str:
    return f"{delimiter_name(candidate.dialect.delimiter)}（{candidate.width}列，得分{candidate.score:.2f}）"


# long texts ----------------------------------------------------------------------------------------------------------
def _stream(
    text: TextFile, found: FoundFile, wanted: Wanted, limits: Limits, dialect: Dialect, begin: int, before: int, any_end: bool, width: int
) -> None:
    """One table, its layout by the beginning and the end of the text, its rows read when they are asked for."""
    head: list[Record] = []
    for record in text_records(text, dialect, width or None, limits, begin, before, any_end):
        head.append(record)
        if len(head) == _HEAD_ROWS:
            break
    regions = arrange([_row(record) for record in head], wanted.header_row, wanted.header_rows, wanted.as_is)
    region = regions[0]
    until = max([row.number for row in (*region.titles, *region.header)], default=before)
    above = [record for record in head if record.line <= until]
    offset = begin + sum(len(record.text.encode()) for record in above)
    lines_before = max([record.line + record.lines - 1 for record in above], default=before)
    counts = Counter(len(record.fields) for record in head if record.line > until and record.text.strip())
    columns = max(counts.most_common(1)[0][0] if counts else 0, max((len(row.cells) for row in region.header), default=0))
    refuse_columns(columns, found.name, limits)
    head_region = Region(columns, region.titles, region.header, evidence=region.evidence, certain=region.certain)
    table = table_of_region(head_region, "", 0, skipped=[RowNote(None, n + 1, "title") for n in range(before)])
    table.streamed = True
    per_row = sum(len(record.text.encode()) for record in head[1:]) / max(1, len(head) - 1)
    table.estimated_rows = int((text.size - offset) / max(1.0, per_row))

    def batches() -> Iterator[pl.DataFrame]:
        held: pl.DataFrame | None = None
        for collected in read_batches(text, found.name, dialect, columns, offset, lines_before, limits, any_end):
            if held is not None:
                yield held
            held = _frame(collected, table)
        if held is not None:
            yield held if wanted.as_is else _without_footer(held, table, wanted.footer)

    table.batches = batches
    found.tables.append(table)
    found.warnings.append("文件较大：题名和尾注只在首尾查找，一个文件按一张表读取。")


def _frame(collected: Collected, table: FoundTable) -> pl.DataFrame:
    """A batch as a frame; what is odd in it goes to the table's notes. Surplus cells widen the table."""
    cells, noted = collected.cells, table.noted
    if collected.surplus:
        extra = max(len(texts) for texts in collected.surplus.values())
        for offset in range(extra):
            column: list[str | None] = [None] * cells.height
            for at, texts in collected.surplus.items():
                column[at] = texts[offset] or None if offset < len(texts) else None
            cells = cells.with_columns(pl.Series(f"c{cells.width}", column, dtype=pl.String))
        table.header.extend([""] * (cells.width - len(table.header)))
    for at, reason in sorted(collected.irregular.items()):
        noted.odd(RowNote(None, collected.rows[at], reason))
    frame = cells.with_columns(collected.rows.alias("_row"))
    noted.skipped.extend(RowNote(None, line, "comment") for line in collected.comments)
    if not cells.width:
        return frame
    blank = frame.select(pl.all_horizontal(pl.exclude("_row").is_null())).to_series()
    noted.skipped.extend(RowNote(None, number, "blank") for number in frame["_row"].filter(blank))
    return frame.filter(~blank) if blank.any() else frame


def _without_footer(frame: pl.DataFrame, table: FoundTable, count: int) -> pl.DataFrame:
    """The last batch without the rows told to be a footer, or those at its end with a sentence in the first cell alone."""
    end = max(0, frame.height - count)
    while not count and end and table.width >= 3:
        first, *rest = frame.row(end - 1)[:-1]
        if any(rest) or not first or len(first.strip()) <= 8:
            break
        end -= 1
    table.noted.skipped.extend(RowNote(None, number, "footer") for number in frame["_row"][end:])
    return frame[:end]
