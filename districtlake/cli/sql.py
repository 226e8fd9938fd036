"""``districtlake sql``: one SELECT over the warehouse, as a table for people or in any form a program takes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from districtlake.cli.options import AsOf, Json
from districtlake.cli.output import console, errors, show_rows
from districtlake.errors import OperationRefused

_TOLD_AFTER_SECONDS = 2


def sql(
    statement: Annotated[
        str | None, typer.Argument(help='SELECT 语句，如 "select count(*) from market_regulation.business_entities"；- 从标准输入读')
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="从文件读语句；- 为标准输入")] = None,
    as_of: AsOf = None,
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="参数 名称=值，语句里写作 $名称；可多次")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="table csv json ndjson parquet arrow xlsx；默认随文件扩展名，否则 table")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="写入文件；没有时写到标准输出，可接管道")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="表格形式最多显示多少行；其他形式输出全部行")] = 100,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="最多运行多少秒")] = 600,
    memory: Annotated[str, typer.Option("--memory", help="内存上限；超出的部分写临时文件")] = "2GB",
    explain: Annotated[bool, typer.Option("--explain", help="只显示执行计划，不执行")] = False,
    as_json: Json = False,
) -> None:
    """对数据仓执行一条 SELECT（只读；记入审计）。表名为 机构.资源，全部版本为 机构.资源__history。

    例：districtlake sql "select status, count(*) n from market_regulation.business_entities group by status order by n desc"
    例：districtlake sql "select * from market_regulation.business_entities where status = $status" --param status=1 --format csv
    """
    from districtlake.analysis.ask import ask
    from districtlake.analysis.export import WRITERS, format_of
    from districtlake.delivery.district import open_district

    text = _statement(statement, file)
    if as_json and form not in (None, "json"):
        raise OperationRefused(f"--json and --format {form} do not go together.", hint="Leave one of them out.")
    kind = "json" if as_json else form or (format_of(output) if output else "table")
    if kind not in ("table", *WRITERS):
        raise OperationRefused(f"There is no format {kind}.", hint=f"Formats are: table, {', '.join(WRITERS)}.")
    if output is not None and kind == "table":
        raise OperationRefused("A table for people is shown, not written to a file.", hint=f"Formats of files are: {', '.join(WRITERS)}.")
    district = open_district()
    with ask(
        district, text, via="cli", as_of=as_of, parameters=_parameters(param or []), timeout=timeout, memory=memory
    ) as session, _progress(session):  # fmt: skip
        if explain:
            console.print(session.explain(), markup=False)
        elif kind == "table":
            _show(session, limit)
        else:
            _write(session, kind, output)


def _statement(statement: str | None, file: Path | None) -> str:
    """The text: given, from a file, or from standard input.

    Raises:
        OperationRefused: none, or two; the file cannot be read.
    """
    if (statement is None) == (file is None):
        raise OperationRefused(
            "Give the statement either as an argument or with -f FILE.",
            hint='districtlake sql "select …", or: districtlake sql -f query.sql',
        )
    if statement == "-" or file == Path("-"):
        return sys.stdin.read()
    if file is None:
        assert statement is not None
        return statement
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OperationRefused(
            f"{file} cannot be read as UTF-8 text: {getattr(error, 'strerror', None) or 'wrong encoding'}.", hint="检查路径和编码。"
        ) from None


def _parameters(given: list[str]) -> dict[str, str]:
    """All values are text: an identity number is no number. Where another type is needed, the statement casts: ``$n::int``."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise OperationRefused(f"--param {name or one} has no value.", hint="写作 --param 名称=值。")
        found[name] = value
    return found


def _show(session: Any, limit: int) -> None:
    """The first rows, and no more are computed."""
    batches, schema = session.begin()
    rows: list[dict[str, Any]] = []
    for batch in batches:
        rows += batch.slice(0, limit + 1 - len(rows)).to_pylist()
        if len(rows) > limit:
            break
    session.rows = min(len(rows), limit)
    show_rows(rows[:limit], {name: name for name in schema.names}, as_json=False, empty="没有行。")
    if len(rows) > limit:
        console.print(f"显示前 {limit} 行，还有更多；全部：--output 文件.csv，或 --limit。")


def _write(session: Any, kind: str, output: Path | None) -> None:
    from districtlake.analysis.export import BINARY, WRITERS, new_file

    if output is None:
        to: IO[bytes] = sys.stdout.buffer
        if kind in BINARY and sys.stdout.isatty():
            raise OperationRefused(f"{kind} is no text for a screen.", hint="写到文件：--output 结果." + kind + "；或接管道。")
        batches, schema = session.begin()
        WRITERS[kind](batches, schema, to)
        to.flush()
        return
    batches, schema = session.begin()
    with new_file(output) as stream:
        WRITERS[kind](batches, schema, stream)
    console.print(f"{session.rows:,} 行写入 {output}", soft_wrap=True)


class _progress:
    """Tells a person at a terminal how far a long statement is; on standard error, so that pipes stay clean."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._shown = False

    def __enter__(self) -> None:
        from districtlake.warehouse.sql import watch

        self._stop = watch(self._session, self._tell) if sys.stderr.isatty() else lambda: None

    def _tell(self, done: float | None, seconds: float) -> None:
        if seconds >= _TOLD_AFTER_SECONDS:
            self._shown = True
            sys.stderr.write(f"\r已运行 {seconds:.0f} 秒" + (f"，约 {done:.0f}%" if done is not None else "") + "　Ctrl-C 中止 ")
            sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._shown:
            errors.print()
