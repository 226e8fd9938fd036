"""``districtlake demo``: a demonstration district with synthetic people, seeded faults and the truth about them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import console, show_json
from districtlake.errors import OperationRefused

app = typer.Typer(help="演示区：合成数据，写法如同各机构实际报送，错误均有据可查。", no_args_is_help=True)

Target = Annotated[Path | None, typer.Option("--target", help="演示区所在文件夹（默认：状态文件夹/demo）")]


def _target(target: Path | None) -> Path:
    from districtlake.settings import Settings

    return target or Settings.from_environment().state / "demo"


@app.command("generate")
def generate(
    target: Target = None,
    seed: Annotated[int, typer.Option(help="随机种子：相同种子得到相同字节")] = 20260302,
    days: Annotated[int, typer.Option(min=1, help="连续多少天")] = 5,
    first_day: Annotated[str, typer.Option(help="第一天 YYYY-MM-DD")] = "2026-03-02",
    size: Annotated[int, typer.Option(min=100, help="人口规模，一百至数百万；其余资源按比例")] = 2000,
    resources: Annotated[
        list[str] | None, typer.Option("--resources", help="只交付这些资源（机构.资源，可重复或用逗号分隔；默认全部）")
    ] = None,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="已有则不动")] = False,
    as_json: Json = False,
) -> None:
    """生成演示区的交付、错误清单（ground_truth.jsonl）和比对线索清单（ground_truth_leads.jsonl）。

    例：districtlake demo generate --days 3 --size 500 --resources public_security_bureau.population,public_security_bureau.deaths
    """
    from districtlake.demo import generate as make

    folder = _target(target)
    if (folder / "district.json").exists():
        if if_missing:
            if as_json:
                show_json({"folder": folder, "unchanged": True})
            else:
                console.print(f"演示区已在 {folder}，未作改变。")
            return
        raise OperationRefused(
            f"There already is a district in {folder}.", hint="Give another --target, or go on with: districtlake demo next-day."
        )
    chosen = [name.strip() for text in resources or [] for name in text.split(",") if name.strip()] or None
    made = make(
        folder,
        seed=seed,
        days=days,
        first_day=date.fromisoformat(first_day),
        size=size,
        resources=chosen,
        progress=_progress if size >= _LARGE else None,
    )
    _tell(made, as_json)


@app.command("next-day")
def next_day(target: Target = None, as_json: Json = False) -> None:
    """演示区再过一天：新的交付、更正和新的错误。

    例：districtlake demo next-day && districtlake nightly --deliveries .state/demo/inbox
    """
    from districtlake.demo import next_day as make

    folder = _target(target)
    if not (folder / "district.json").exists():
        raise OperationRefused(f"There is no district in {folder}.", hint="Make one first: districtlake demo generate.")
    _tell(make(folder), as_json)


@app.command("loop")
def loop(
    keep: Annotated[Path | None, typer.Option("--keep", help="保留演示的状态文件夹，供查看（须尚不存在）；默认用后即删")] = None,
    as_json: Json = False,
) -> None:
    """走一遍闭环：交付有误 → 发现 → 工单 → 邮件 → 答复与更正 → 重新归集 → 校验通过 → 办结 → 告知反馈人；另有确认无误、沟通解决和逾期提醒。

    例：districtlake demo loop
    退出码：0 全部如规定发生；1 有一步没有发生。
    """
    import tempfile
    from contextlib import nullcontext

    if keep is not None and keep.exists():
        raise OperationRefused(f"{keep} exists already.", hint="Give a folder that does not exist yet.")
    place = nullcontext(str(keep)) if keep is not None else tempfile.TemporaryDirectory(prefix="districtlake-loop-")
    with place as folder:
        end = _play(Path(folder).resolve(), as_json)
    if not end["success"]:
        raise typer.Exit(1)


def _play(folder: Path, as_json: bool) -> dict[str, Any]:
    """Play the loop below ``folder`` and tell it; the last event."""
    from districtlake.cli.subprocesses import pipeline_events
    from districtlake.settings import Settings

    end: dict[str, Any] = {"success": False}
    told: list[str] = []
    for event in pipeline_events("pipelines.loop", [], Settings(state=folder)):
        if event["event"] == "finished":
            end = event
        elif event["event"] in ("told", "broken"):
            told.append(event.get("text") or f"没有如规定发生：{event['what']}")
            if not as_json:
                console.print(told[-1], soft_wrap=True, markup=False, highlight=False)
    if as_json:
        show_json({"story": told, **{name: end.get(name) for name in ("success", "figures", "seconds")}})
    elif end["success"]:
        counts = end["figures"]
        console.print(
            f"闭环完成：工单 {counts['tickets']}（完成整改 {counts['fixed']}，确认无误 {counts['confirmed']}，沟通解决 {counts['negotiated']}，"
            f"并入 {counts['merged']}，在办 {counts['open']}），逾期提醒 {counts['escalations']}，告知反馈人 {counts['reports_told']}，"
            f"邮件 {counts['mails']}，未送达 {counts['unsent']}，用时 {end['seconds']} 秒。",
            soft_wrap=True,
        )  # fmt: skip
    return end


_LARGE = 20_000
"""Persons from which on writing takes long enough to be told file by file."""


def _progress(day: date, name: str, records: int) -> None:
    typer.echo(f"{day} {name} {records:,} 行……", err=True)


def _tell(made: object, as_json: bool) -> None:
    from districtlake.demo import Generated

    assert isinstance(made, Generated)
    if as_json:
        show_json({"folder": made.folder, "days": made.days, "files": made.files, "faults": made.faults})
        return
    console.print(f"演示区：{made.folder}（合成数据，与真实个人无关）", soft_wrap=True)
    console.print(
        f"{_count(made.days)} 天，{_count(made.files)} 个文件，{_count(made.faults)} 处预置错误；真相在 ground_truth.jsonl，跨机构比对的线索在 ground_truth_leads.jsonl。"
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) else len(value)  # type: ignore[arg-type]
