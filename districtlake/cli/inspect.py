"""``districtlake inspect``: what is in a file nobody described, and the same file as clean CSV."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import console, errors, plain, show_json, show_rows
from districtlake.errors import NotFound, OperationRefused

if TYPE_CHECKING:
    from districtlake.inspection.inspect import Inspected

_LARGE = 64 << 20
_EVERY_SECONDS = 5.0


def inspect(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER…", help="文件或文件夹；文件夹连同下级一并查看")],
    to: Annotated[Path | None, typer.Option("--to", help="把读到的内容写成 UTF-8 CSV（先表头）；查看文件夹或多个文件时为文件夹")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="写一份可单独打开的中文网页报告")] = None,
    as_json: Json = False,
    encoding: Annotated[str | None, typer.Option("--encoding", help="编码，如 gb18030、big5、cp1252、utf-16-le")] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", help="分隔符本身，或 tab、space、none")] = None,
    quote: Annotated[str | None, typer.Option("--quote", help="引号字符；none 表示没有引号")] = None,
    escape: Annotated[str | None, typer.Option("--escape", help="转义字符，如 \\；none 表示没有")] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="注释行的开头，如 #；none 表示没有")] = None,
    header_row: Annotated[int | None, typer.Option("--header-row", min=0, help="表头在第几行（从 1 数）；0 表示没有表头")] = None,
    header_rows: Annotated[int | None, typer.Option("--header-rows", min=1, max=20, help="表头占几行")] = None,
    skip: Annotated[int, typer.Option("--skip", min=0, help="跳过开头多少行")] = 0,
    footer: Annotated[int, typer.Option("--footer", min=0, help="不读末尾多少行")] = 0,
    sheet: Annotated[str | None, typer.Option("--sheet", help="只看一个工作表：名称，或从 0 数的序号")] = None,
    records: Annotated[str | None, typer.Option("--records", help="JSON 中记录的位置，如 data.rows")] = None,
    as_is: Annotated[bool, typer.Option("--as-is", help="原样：第一行作表头，其余每一行都是数据，不找题名、分组行和表尾")] = False,
    profile: Annotated[bool, typer.Option("--profile/--no-profile", help="是否统计各列（识别数据元、主键、脏值）")] = True,
) -> None:
    """查看任何文件：编码、分隔方式、表头、列的类型、可能的主键、识别出的数据元、数据质量。不需要目录中有它。

    读不了的文件写明原因，不影响其他文件；一个都读不了时退出码为 1。敏感数据元的值在屏幕、JSON 和网页中都遮盖，只有 --to 写原值。

    例：districtlake inspect 名单.xls
    例：districtlake inspect 数据.csv --to 数据.utf8.csv --html 报告.html
    例：districtlake inspect 收到的文件夹 --to 转换后的文件夹 --json > 结果.ndjson
    """
    from districtlake.inspection.found import Wanted

    wanted = Wanted(
        encoding, delimiter, _none(quote), _none(escape), _none(comment), header_row, header_rows, skip, footer, sheet, records, as_is
    )
    jobs = _jobs(paths, to)
    many = len(jobs) != 1 or paths[0].is_dir()
    results: list[Inspected] = []
    standards = _standards() if profile else None
    for number, (path, name, target) in enumerate(jobs, 1):
        if many and not as_json and sys.stderr.isatty():
            errors.print(f"[dim]{number}/{len(jobs)} {name}[/dim]", markup=True)
        result = _one(path, name, wanted, target, standards)
        if many and as_json:
            sys.stdout.write(_line(result))
        results.append(result)
    if html is not None:
        from districtlake.inspection.report import page_of

        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page_of(results, f"文件检查：{paths[0].name if len(paths) == 1 else f'{len(results)} 个文件'}"), encoding="utf-8")
        errors.print(f"网页报告：{html}", markup=False)
    if not many:
        _show_one(results[0], as_json)
    elif not as_json:
        _show_many(results)
    if results and all(result.error is not None for result in results):
        raise typer.Exit(1)


def _none(text: str | None) -> str | None:
    return "" if text == "none" else text


def _standards() -> Any:
    """The data elements of the catalogue; without a readable one, files are profiled without them."""
    from districtlake.catalog.load import load_catalog_tolerant
    from districtlake.clock import clock_from_environment, local_date
    from districtlake.inspection.elements import Standards
    from districtlake.settings import Settings

    catalog, _ = load_catalog_tolerant(Settings.from_environment().catalog_dirs)
    return Standards.of(catalog, local_date(clock_from_environment().now()))


def _jobs(paths: list[Path], to: Path | None) -> list[tuple[Path, str, Path | None]]:
    """Path, shown name and CSV of every file."""
    from districtlake.inspection.inspect import files_below

    found: list[tuple[Path, str, Path | None]] = []
    single = len(paths) == 1 and paths[0].is_file()
    for path in paths:
        if path.is_dir():
            inside = [(one, one.relative_to(path)) for one in files_below(path)]
            if to is not None:
                inside = [(one, relative) for one, relative in inside if to.resolve() not in one.resolve().parents]
            prefix = Path(path.name) if len(paths) > 1 else Path()
            found.extend(
                (one, (prefix / relative).as_posix(), to / prefix / relative.with_name(relative.name + ".csv") if to else None)
                for one, relative in inside
            )
        elif path.exists():
            target = to
            if to is not None and (not single or to.is_dir() or str(to).endswith("/")):
                target = to / f"{path.name}.csv"
            if target is not None and target.resolve() == path.resolve():
                raise OperationRefused(
                    f"--to {target} is the inspected file itself.", hint="Write to another file; the delivered one stays as it is."
                )
            found.append((path, path.name, target))
        else:
            raise NotFound(f"There is no file or folder {path}.", hint="Check the path; quote names that hold blanks.")
    if not found:
        raise NotFound(f"{paths[0]} holds no files.", hint="Name a folder with files, or a file.")
    if to is not None and not single and to.is_file():
        raise OperationRefused(f"--to {to} is a file, but several files are inspected.", hint="Name a folder.")
    return found


def _one(path: Path, name: str, wanted: Any, to: Path | None, standards: Any) -> Inspected:
    from districtlake.ingestion.limits import Limits
    from districtlake.inspection.inspect import inspect_file
    from districtlake.settings import Settings

    limits = Limits.of(Settings.from_environment())
    if path.stat().st_size < _LARGE:
        return inspect_file(path, name, wanted, limits, standards, to)
    if sys.stderr.isatty():
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} 行"), TimeRemainingColumn(), console=errors
        ) as bar:
            task = bar.add_task(name, total=None)
            return inspect_file(
                path, name, wanted, limits, standards, to, lambda rows, total: bar.update(task, completed=rows, total=max(rows, total))
            )
    said = time.monotonic()

    def tell(rows: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _EVERY_SECONDS:
            said = time.monotonic()
            errors.print(f"{name}：已读 {rows:,} 行，约 {min(1.0, rows / max(1, total)):.0%}", markup=False)

    return inspect_file(path, name, wanted, limits, standards, to, tell)


def _line(result: Inspected) -> str:
    import json

    return json.dumps(plain(result.as_dict()), ensure_ascii=False, separators=(",", ":")) + "\n"


def _show_one(result: Inspected, as_json: bool) -> None:
    if as_json:
        show_json(result.as_dict())
        return
    if result.error is not None:
        errors.print(f"[bold red]未能读取[/] {result.error.code}", markup=True)
        errors.print(result.error.message, markup=False)
        errors.print(f"处理：{result.error.hint}", markup=False)
        return
    from districtlake.inspection.report import DECISIONS, REASONS, TYPES, remarks_of

    found = result.found
    assert found is not None
    console.print(
        f"{result.name}：{found.format}{'，' + found.encoding if found.encoding else ''}，{found.size:,} 字节，{len(result.tables)} 张表",
        markup=False,
    )
    for warning in found.warnings:
        console.print(f"注意：{warning}", markup=False, style="yellow")
    judged = [
        {"what": DECISIONS.get(d.what, d.what), "value": d.value, "evidence": d.evidence + ("" if d.certain else "（请确认）"),
         "alternatives": "；".join(d.alternatives), "option": d.option}
        for d in (*found.decisions, *(d for one in result.tables[:1] for d in one.table.decisions))
    ]  # fmt: skip
    if judged:
        show_rows(
            judged, {"what": "项目", "value": "判定", "evidence": "依据", "alternatives": "其他可能", "option": "改判选项"}, as_json=False
        )
    for one in result.tables:
        table, profile = one.table, one.profile
        title = f"{table.name or f'第 {table.at + 1} 张表'}{'（隐藏）' if table.hidden else ''}：{profile.rows:,} 行，{table.width} 列"
        if profile.profiled < profile.rows:
            title += f"（统计取自均匀抽取的 {profile.profiled:,} 行）"
        rows = [
            {"name": c.name, "type": TYPES[c.type], "element": "；".join(f"{e.name} {e.share:.0%}" for e in c.elements[:2]), "values": c.values,
             "empty": c.empty, "distinct": c.distinct, "shape": c.patterns[0][0] if c.patterns else "", "examples": "；".join(c.examples[:2]),
             "remarks": "；".join(remarks_of(c))}
            for c in profile.columns
        ]  # fmt: skip
        columns = {"name": "列", "type": "类型", "element": "数据元", "values": "有值", "empty": "空", "distinct": "不同值", "shape": "常见形态",
                   "examples": "示例", "remarks": "需要注意"}  # fmt: skip
        show_rows(rows, columns, as_json=False, title=title, empty=f"{title}：没有列。")
        for key in profile.keys:
            said = "可作主键" if key.whole else f"接近主键（重复 {key.repeated} 行，空缺 {key.lacking} 行）"
            console.print(f"  {said}：{' + '.join(key.columns)}", markup=False)
        if profile.duplicates:
            console.print(f"  完全重复的行：{profile.duplicates:,}", markup=False)
        noted = {**table.noted.as_dict()["skipped"]["counts"], **table.noted.counts}
        if noted:
            console.print("  " + "；".join(f"{REASONS.get(reason, reason)} {count} 行" for reason, count in noted.items()), markup=False)
        if one.written is not None:
            console.print(f"  已写入 {one.written}", markup=False)


def _show_many(results: list[Inspected]) -> None:
    rows = []
    for result in results:
        if result.error is not None:
            rows.append(
                {
                    "file": result.name,
                    "state": "未能读取",
                    "format": "",
                    "encoding": "",
                    "tables": 0,
                    "rows": 0,
                    "note": f"{result.error.code} {result.error.message}",
                }
            )
        else:
            assert result.found is not None
            unsure = [decision.what for decision in result.found.decisions if not decision.certain]
            note = "；".join([*result.found.warnings[:1], *(["请确认：" + "、".join(unsure)] if unsure else [])])
            rows.append({"file": result.name, "state": "已读", "format": result.found.format, "encoding": result.found.encoding,
                         "tables": len(result.tables), "rows": result.rows, "note": note})  # fmt: skip
    columns = {"file": "文件", "state": "状态", "format": "格式", "encoding": "编码", "tables": "表", "rows": "行", "note": "说明"}
    show_rows(rows, columns, as_json=False, styles={"state": lambda row: "" if row["state"] == "已读" else "red"})
    failed = sum(result.error is not None for result in results)
    console.print(f"{len(results)} 个文件，读取 {len(results) - failed} 个，未能读取 {failed} 个。", markup=False)
