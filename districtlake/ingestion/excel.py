"""Workbooks, every cell as the text a person would copy from it.

The reader hands out text but not what kind of cell it came from, and three kinds need care: numbers of sixteen digits and more
(Excel keeps fifteen; the rest is invented), dates (which come with a midnight nobody wrote), and fractions (cut at nine places).
A second look at only the columns concerned, as booleans, dates or floats, tells a number from a text that looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from districtlake.errors import IngestionError
from districtlake.ingestion.cells import refuse_columns
from districtlake.ingestion.delimited import Form
from districtlake.ingestion.header import HeaderFinder
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.ods_cells import put_over
from districtlake.ingestion.report import RowNote, SheetReport
from districtlake.ingestion.rows import Table, titles_above
from districtlake.ingestion.workbook_guard import Told, encrypted
from districtlake.wording.sentences import Listed

_LONG = r"^-?[0-9]{16,}$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?$"
_BEYOND_DATES = r"^-?[0-9]{9,}"
_CUT = r"\.[0-9]{9}$"
_ERROR = re.compile(r"Error\((\w+)\)")
_ELAPSED = r"^(?:1899-12-3|190[0-9]-)"
_HOURS = re.compile(r"value: (-?[0-9.eE+-]+), datetime_type: TimeDelta")
_ERRORS = {"Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!", "Value": "#VALUE!"}


def read_workbook(
    path: Path,
    name: str,
    only_sheet: str | None,
    finder: HeaderFinder,
    limits: Limits,
    told: Told,
    form: Form = Form(),
) -> tuple[list[Table], list[SheetReport]]:
    """The tables of a workbook and what was found on each sheet: the declared one, or every visible one with a header.

    Raises:
        IngestionError: ``ingestion.encrypted``, ``ingestion.damaged``, ``ingestion.sheet`` (the declared sheet is not there),
            ``ingestion.header`` (no sheet has a header of the resource), ``ingestion.too_many_columns``.
    """
    reader = guarded(name, lambda: fastexcel.read_excel(path))
    chosen = reader.sheet_names if only_sheet is None else [_sheet_named(reader.sheet_names, only_sheet, name)]
    tables: list[Table] = []
    reports: list[SheetReport] = []
    for sheet in reader.sheet_names:
        if sheet not in chosen:
            reports.append(SheetReport(sheet, False, reason="not the sheet that source.sheet names"))
            continue
        loaded = _load(reader, sheet, "string", name)
        if only_sheet is None and loaded.visible != "visible":
            reports.append(SheetReport(sheet, False, reason="hidden"))
            continue
        if not loaded.height:
            reports.append(SheetReport(sheet, False, reason="empty"))
            continue
        table = _table(reader, sheet, loaded, name, finder, limits, told, form)
        if table is None:
            reports.append(SheetReport(sheet, False, reason="no header of this resource in its first rows"))
            continue
        tables.append(table)
        reports.append(SheetReport(sheet, True, table.header.row, table.cells.height))
    if not tables:
        if only_sheet:
            raise IngestionError.of("reading.no_header_sheet", code="ingestion.header", file=name, sheet=only_sheet, most=finder.max_rows)
        raise IngestionError.of("reading.no_header_sheets", code="ingestion.header", file=name, most=finder.max_rows)
    return tables, reports


def _sheet_named(names: list[str], wanted: str, file: str) -> str:
    for same in (lambda text: text, lambda text: text.strip().casefold()):
        for name in names:
            if same(name) == same(wanted):
                return name
    raise IngestionError.of("reading.no_sheet", code="ingestion.sheet", file=file, sheet=wanted, known=Listed.of(names))


def guarded(name: str, action: Any) -> Any:
    """Run the reader; its errors, panics of its Rust side included, become ours."""
    try:
        return action()
    except BaseException as error:
        if not isinstance(error, fastexcel.FastExcelError) and type(error).__name__ != "PanicException":
            raise
        if "password" in str(error).lower():
            raise encrypted(name) from error
        raise IngestionError.of("reading.damaged_workbook", code="ingestion.damaged", file=name) from error


def _load(reader: Any, sheet: str, dtype: str, name: str, columns: list[int] | None = None, skipped: int | list[int] = 0) -> Any:
    # skip_rows=0, and not None, keeps empty rows at the top, so that the first row is row 1.
    return guarded(name, lambda: reader.load_sheet(sheet, header_row=None, skip_rows=skipped, dtypes=dtype, use_columns=columns))


@dataclass(frozen=True)
class Sheet:
    """A whole sheet as a person sees it.

    Attributes:
        cells: String columns ``c0`` … from the first row of the sheet on, null for empty cells; no columns where nothing is filled.
        visible: False for hidden sheets.
        first_column: how many columns lie left of ``c0``.
    """

    name: str
    cells: pl.DataFrame
    visible: bool = True
    first_column: int = 0


def sheets_of(path: Path, name: str, limits: Limits, told: Told, only_sheet: str | None = None) -> Iterator[Sheet]:
    """Every sheet with cells, in the workbook's order; or the one named (or numbered, from 0).

    Raises:
        IngestionError: ``ingestion.encrypted``, ``ingestion.damaged``, ``ingestion.sheet``, ``ingestion.too_many_columns``.
    """
    reader = guarded(name, lambda: fastexcel.read_excel(path))
    names = reader.sheet_names
    if only_sheet is not None:
        numbered = only_sheet.isdecimal() and only_sheet not in names and int(only_sheet) < len(names)
        names = [names[int(only_sheet)] if numbered else _sheet_named(names, only_sheet, name)]
    for sheet in names:
        loaded = _load(reader, sheet, "string", name)
        visible = loaded.visible == "visible"
        if not loaded.height or not loaded.width:
            yield Sheet(sheet, pl.DataFrame(), visible)
            continue
        grid, errors = _grid(loaded, name, limits)
        cells = _seen(reader, sheet, grid, loaded, errors, told, name)
        yield Sheet(sheet, cells, visible, loaded.available_columns()[0].absolute_index)


def _grid(loaded: Any, name: str, limits: Limits) -> tuple[pl.DataFrame, Any]:
    refuse_columns(loaded.width, name, limits)
    batch, errors = guarded(name, loaded.to_arrow_with_errors)
    grid = pl.DataFrame(pl.from_arrow(batch))
    grid.columns = [f"c{index}" for index in range(grid.width)]
    return grid, errors


def _seen(reader: Any, sheet: str, grid: pl.DataFrame, loaded: Any, errors: Any, told: Told, name: str) -> pl.DataFrame:
    cells = _as_seen(reader, sheet, grid, loaded.available_columns(), told, name)
    cells = _with_errors(cells, errors)
    if told.odd_cells:
        cells = put_over(cells, sheet, loaded.available_columns()[0].absolute_index, told.odd_cells)
    return cells.select(pl.when(pl.all() != "").then(pl.all()))


def _table(reader: Any, sheet: str, loaded: Any, name: str, finder: HeaderFinder, limits: Limits, told: Told, form: Form) -> Table | None:
    grid, errors = _grid(loaded, name, limits)
    header = finder.find(islice(_numbered(grid), form.skip, None), form.header_rows)
    if header is None:
        return None
    cells = _seen(reader, sheet, grid, loaded, errors, told, name)
    begin = header.row + header.rows - 1
    end = max(begin, cells.height - form.footer)
    rows = pl.int_range(begin + 1, end + 1, dtype=pl.Int64, eager=True)
    notes = [
        *titles_above(_numbered(grid), header.row, sheet),
        *(RowNote(sheet, row, "footer") for row in range(end + 1, cells.height + 1)),
    ]
    return Table(header, cells[begin:end], rows, sheet, loaded.available_columns()[0].absolute_index, notes=tuple(notes))


def _numbered(grid: pl.DataFrame) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    return ((number, cells) for number, cells in enumerate(grid.iter_rows(), 1))


def _as_seen(reader: Any, sheet: str, grid: pl.DataFrame, columns: list[Any], told: Told, name: str) -> pl.DataFrame:
    """Numbers, dates and truth values as Excel shows them, told from texts by loading their columns once more as what they may be.

    Each such look costs as much as the first; what ``told`` rules out for the whole workbook needs none.
    """
    text = pl.all()
    needs = grid.select(
        text.str.contains(_LONG).any().name.prefix("long_"),
        text.is_in(["true", "false"]).any().name.prefix("truth_"),
        text.str.contains(_MOMENT).any().name.prefix("moment_"),
        text.str.contains(_CUT).any().name.prefix("cut_"),
        (text == "-0").any().name.prefix("zero_"),
    ).row(0, named=True)
    fits = {
        "boolean": [
            at
            for at in grid.columns
            if (told.odd_numbers and (needs[f"long_{at}"] or needs[f"zero_{at}"])) or (told.truths and needs[f"truth_{at}"])
        ],
        "datetime": [at for at in grid.columns if needs[f"moment_{at}"] and told.midnights_in_text],
        "float": [at for at in grid.columns if needs[f"cut_{at}"]],
    }
    if not told.midnights_in_text:  # then what looks like a moment is one
        moments = [at for at in grid.columns if needs[f"moment_{at}"]]
        grid = grid.with_columns(_moments(grid[at], grid[at], told.epoch_1904).alias(at) for at in moments)
    elapsed = [
        at
        for at in grid.columns
        if needs[f"moment_{at}"] and grid[at].str.contains(_ELAPSED if not told.epoch_1904 else "^190[4-9]-").any()
    ]
    spans = _spans(reader, sheet, grid, elapsed, columns, name)
    for dtype, concerned in fits.items():
        # As a date, a number beyond the calendar would panic: columns that hold one are looked at only where they may hold dates.
        odd = [column for column in concerned if dtype == "datetime" and grid[column].str.contains(_BEYOND_DATES).any()]
        for together, only in (([column for column in concerned if column not in odd], None), *(([column], _MOMENT) for column in odd)):
            if not together:
                continue
            rows = None if only is None else grid[together[0]].str.contains(only).fill_null(False)
            part = grid.select(together) if rows is None else grid.select(together).filter(rows)
            indexes = [columns[int(column[1:])].absolute_index for column in together]
            skipped = 0 if rows is None else (~rows).arg_true().to_list()
            loaded = _load(reader, sheet, dtype, name, indexes, skipped)
            again = pl.DataFrame(pl.from_arrow(guarded(name, loaded.to_arrow)))
            for column, kind in zip(together, again.get_columns(), strict=True):
                seen = _REWRITE[dtype](part[column], kind, told.epoch_1904).alias(column)
                grid = grid.with_columns(seen if rows is None else grid[column].scatter(rows.arg_true(), seen))
    for column, texts in spans.items():
        grid = grid.with_columns(grid[column].scatter(list(texts), list(texts.values())))
    return grid


def _spans(reader: Any, sheet: str, grid: pl.DataFrame, concerned: list[str], columns: list[Any], name: str) -> dict[str, dict[int, str]]:
    """Hours that are counted beyond a day (format ``[h]:mm``), as Excel shows them: 30:15:00. The reader makes days of 1900 of them."""
    found: dict[str, dict[int, str]] = {}
    for at in concerned:
        loaded = _load(reader, sheet, "float", name, [columns[int(at[1:])].absolute_index])
        _, errors = guarded(name, loaded.to_arrow_with_errors)
        for error in errors.errors if errors is not None else ():
            if (match := _HOURS.search(error.detail)) is not None:
                found.setdefault(at, {})[error.position[0]] = _clock(float(match.group(1)))
    return found


def _clock(days: float) -> str:
    thousandths = round(abs(days) * 86_400_000)
    seconds, parts = divmod(thousandths, 1000)
    text = f"{'-' if days < 0 else ''}{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    return f"{text}.{parts:03d}".rstrip("0") if parts else text


def _numbers(cells: pl.Series, number: pl.Series, epoch_1904: bool) -> pl.Series:
    """``number`` is null for texts: what has lost digits is written as Excel shows it, 3.30203E+17, so that cleansing finds it."""
    texts = cells.to_list()
    for at in (number.is_not_null() & (cells.str.contains(_LONG) | cells.is_in(["true", "false", "-0"]))).arg_true():
        if texts[at] in ("true", "false"):
            texts[at] = texts[at].upper()
        elif texts[at] == "-0":
            texts[at] = "0"
        else:
            mantissa, exponent = f"{float(texts[at]):.5E}".split("E")
            texts[at] = f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent):+03d}"
    return pl.Series(texts, dtype=pl.String)


def _moments(cells: pl.Series, moment: pl.Series, epoch_1904: bool) -> pl.Series:
    """``moment`` is null for texts: a date without its midnight, a time of day without the day zero it hangs on."""
    zero = "1904-01-01 " if epoch_1904 else "1899-12-31 "
    frame = pl.DataFrame({"text": cells, "moment": moment})
    text = pl.col("text")
    return frame.select(
        pl.when(pl.col("moment").is_null() | ~text.str.contains(_MOMENT))
        .then(text)
        .when(text.str.starts_with(zero))
        .then(text.str.slice(len(zero)))
        .otherwise(text.str.strip_suffix(" 00:00:00"))
    ).to_series()


def _fractions(cells: pl.Series, number: pl.Series, epoch_1904: bool) -> pl.Series:
    """Fractions to Excel's fifteen digits where the text shows the first nine places of one. A text of its own stays as it is."""
    texts = cells.to_list()
    for at in number.is_not_null().arg_true():
        value, text = number[at], texts[at]
        if text and value % 1:
            digits = format(Decimal(f"{value:.15g}"), "f")
            if digits != text and f"{value:.9f}".rstrip("0").rstrip(".") == text:
                texts[at] = digits
    return pl.Series(texts, dtype=pl.String)


_REWRITE = {"boolean": _numbers, "datetime": _moments, "float": _fractions}


def _with_errors(cells: pl.DataFrame, errors: Any) -> pl.DataFrame:
    """Formula errors, which the reader leaves empty, as Excel shows them: #DIV/0! is a problem of the agency's, not a blank."""
    found: dict[int, dict[int, str]] = {}
    for error in errors.errors if errors is not None else ():
        row, column = error.position
        match = _ERROR.search(error.detail)
        found.setdefault(column, {})[row] = _ERRORS.get(match.group(1), "#ERROR!") if match else "#ERROR!"
    for column, texts in found.items():
        cells = cells.with_columns(cells[f"c{column}"].scatter(list(texts), list(texts.values())))
    return cells
