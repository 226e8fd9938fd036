"""Output: the same rows as a table for people or as JSON for programs; errors as a sentence with a remedy, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from districtlake.clock import SHANGHAI
from districtlake.errors import DistrictLakeError, NotFound, OperationRefused

_WIDE = 150  # where nobody's terminal sets a width (a log, a pipe), tables need not be folded
console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDE)


def plain(value: Any) -> Any:
    """A JSON-safe form of a value; instants in Shanghai time."""
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat(timespec="seconds") if value.tzinfo else value.isoformat()
    if isinstance(value, date | Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def show_json(document: Any) -> None:
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, indent=2) + "\n")


def show_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    title: str = "",
    empty: str = "没有记录。",
    styles: Mapping[str, Callable[[Mapping[str, Any]], str]] | None = None,
    to: Console | None = None,
) -> None:
    """Print rows (``to`` another console than the usual). ``columns``: field -> heading; JSON gives every field. ``styles``: field -> the colour of its cell, from the row."""
    if as_json:
        show_json(rows)
        return
    if not rows:
        (to or console).print(empty)
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", show_lines=False)
    for field, heading in columns.items():
        numeric = all(isinstance(row.get(field), int | float) or row.get(field) is None for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *(Text(shown_as(row.get(field)), style=styles[field](row) if styles and field in styles else "") for field in columns)
        )
    (to or console).print(table)


def shown_as(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return "；".join(shown_as(one) for one in value)
    return str(value)


def fail(error: DistrictLakeError, *, as_json: bool) -> int:
    """Print an error; returns the exit code: 2 for a wrong request, 1 for everything else."""
    if as_json:
        show_json({"error": error.as_dict()})
    else:
        errors.print(f"[bold red]错误[/] {escape(error.message)}")
        if error.hint:
            errors.print(f"[bold]处理[/] {escape(error.hint)}")
    return 2 if isinstance(error, NotFound | OperationRefused) else 1
