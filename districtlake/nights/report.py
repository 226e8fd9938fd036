"""The mail-ready report of a night: an HTML file and a mail of it, in the outbox of the data office. Counts only, never a row."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from districtlake.clock import SHANGHAI
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.nights.expected import STEPS
from districtlake.notifications.addresses import OFFICE, office_mailbox

_TONES = {
    "good": {"line": "#1a7f4b", "text": "#14603a"},
    "warning": {"line": "#c77700", "text": "#7a4a00"},
    "bad": {"line": "#c0271a", "text": "#8f1d13"},
}
_LEVELS = {
    "alarm": {"line": "#c0271a", "text": "#b42318", "ground": "#fdf0ee"},
    "failed": {"line": "#c0271a", "text": "#b42318", "ground": "#fdf0ee"},
    "held": {"line": "#c77700", "text": "#9a5b00", "ground": "#fdf6ea"},
    "warning": {"line": "#c77700", "text": "#9a5b00", "ground": "#fdf6ea"},
    "notice": {"line": "#7d8f9f", "text": "#42525f", "ground": "#f3f6f8"},
}
# Okabe and Ito's palette: told apart by colour-blind readers too
_CONSERVED = {
    "unchanged": ("未变", "#56b4e9"), "inserted": ("新增", "#0072b2"), "changed": ("变更", "#009e73"), "duplicates": ("完全重复", "#999999"),
    "deletions": ("删除", "#cc79a7"), "superseded": ("被取代", "#cfd8e0"),
    "quarantined": ("隔离", "#d55e00"), "held": ("暂停", "#e69f00"),
}  # fmt: skip
_TIMELY = {
    "overdue": "#d55e00", "waiting": "#cc79a7", "due": "#e69f00", "near": "#f0e442", "not_due": "#009e73", "never_delivered": "#999999",
    "no_due_date": "#cfd8e0",
}  # fmt: skip
_TIMES = {
    "start": "#999999",
    "processing": "#0072b2",
    "orchestration": "#56b4e9",
    "marts": "#009e73",
    "routing": "#e69f00",
    "rest": "#cfd8e0",
}
_BAR_HEIGHT = 44  # px of the highest column


class ReportUnwritable(DistrictLakeError):
    """The report cannot be put into the outbox."""

    code = "night.report"
    retryable = True


@dataclass(frozen=True)
class Written:
    """Files below the outbox, with / as separator."""

    html: str
    mail: str


def write_report(district: District, summary: Mapping[str, Any]) -> Written:
    """Write ``data_office/夜间报告_<YYYYMMDD>_<number of the night>.html`` and ``.eml``; again under the same number replaces them.

    Raises:
        ReportUnwritable: the outbox cannot be written.
    """
    html = render(summary)
    stem = f"夜间报告_{summary['night']['date']:%Y%m%d}_第{summary['night']['id']}号"
    folder = district.settings.outbox / OFFICE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _put(folder / f"{stem}.html", html.encode())
        _put(folder / f"{stem}.eml", mail_of(district, summary, html))
    except OSError as error:
        raise ReportUnwritable(
            f"The report {stem} cannot be written ({error.strerror}).", hint="Check free space and permissions of the outbox folder."
        ) from error
    return Written(f"{OFFICE}/{stem}.html", f"{OFFICE}/{stem}.eml")


def render(summary: Mapping[str, Any]) -> str:
    """The report as one HTML document: no script, no outside resource, nothing that a mail client would drop."""
    conservation, timing, total = summary["conservation"], summary["timing"], max(summary["timing"]["seconds"], 0.001)
    most = max((count for row in summary["problems"]["agencies"] for count in row["dimensions"].values()), default=0)
    marts = summary["marts"].get("marts", [])
    counted: dict[str, int] = {}
    for mart in marts:
        counted[mart["state_title"]] = counted.get(mart["state_title"], 0) + 1
    return str(
        _template().render(
            s=summary, title=title_of(summary), tone=_TONES[_tone(summary)], levels=_LEVELS, tiles=_tiles(summary),
            conserved=_parts([(title, conservation.get(name, 0), colour) for name, (title, colour) in _CONSERVED.items()], "{:,}"),
            heat=lambda count: _heat(count, most), charts=_charts(summary["trend"]),
            timely=_parts([(e["title"], e["count"], _TIMELY[e["state"]]) for e in summary["timeliness"]["states"]], "{:,}"),
            times=_parts(_times(timing, total), "{:.1f} 秒"), share=round(100 * timing["orchestration"] / total),
            revalidated_words=revalidated_words, marts_line="，".join(f"{title} {count}" for title, count in counted.items()),
        )
    )  # fmt: skip


def revalidated_words(row: Mapping[str, Any]) -> str:
    """What asking changed rules of the rows that stand came to (``delivery.revalidate.Revalidated``), as people are told."""
    if row["error"]:
        return f"{row['why']}；未完成：{row['error']}"
    return (
        f"{row['why']}；核对 {row['rows']:,} 行，放行 {row['released']:,}，转入隔离 {row['quarantined']:,}（原版本保留，标记陈旧），"
        f"新发现问题 {row['opened']:,}，关闭 {row['closed']:,}" + (f"，取值更新 {row['changed']:,}" if row["changed"] else "")
    )


def title_of(summary: Mapping[str, Any]) -> str:
    return f"夜间报告 {summary['night']['date']} {summary['headline']}"


def text_of(summary: Mapping[str, Any]) -> str:
    """The report in plain words: for mail clients that show no HTML."""
    total = summary["conservation"]
    lines = [title_of(summary), ""]
    for entry in summary["attention"]:
        lines.append(f"【{entry['level_title']}】{entry['what']}")
        lines += [f"  原因：{entry['why']}"] if entry["why"] else []
        lines += [f"  缺于数据集市：{'、'.join(entry['marts'])}"] if entry["marts"] else []
        lines += [f"  处理：{entry['remedy']}"] if entry["remedy"] else []
    lines += [
        "",
        f"交付 {len(summary['deliveries'])} 个文件，{total['delivered']:,} 行：新增 {total['inserted']:,}，变更 {total['changed']:,}，"
        f"未变 {total['unchanged']:,}，完全重复 {total['duplicates']:,}，{_operations(total)}隔离 {total['quarantined']:,}，暂停 {total['held']:,}。",
        f"工单 新开 {summary['tickets']['opened']}，办结 {summary['tickets']['closed']}，在办 {summary['tickets']['open']}，"
        f"逾期 {summary['tickets']['overdue']}。",
        *([f"数据质量：{summary['quality']['headline']}。"] if summary.get("quality") else []),
        *([f"跨部门比对 {summary['comparisons']['line']}。"] if summary.get("comparisons", {}).get("pairings") else []),
        *(f"重新校验 {row['title']}：{revalidated_words(row)}" for row in summary["revalidated"]),
        *(f"没有做：{text}" for text in summary["left_out"]),
        "",
        f"用时 {summary['timing']['seconds']:.1f} 秒。{summary['note']}。",
    ]
    return "\n".join(lines) + "\n"


def _operations(total: Mapping[str, int]) -> str:
    """Rows of operation columns, where there are any."""
    named = (("删除", total.get("deletions", 0)), ("被后续操作取代", total.get("superseded", 0)))
    return "".join(f"{word} {count:,}，" for word, count in named if count)


def mail_of(district: District, summary: Mapping[str, Any], html: str) -> bytes:
    """The report as a mail ready to send: text and HTML, to the data office's own mailbox."""
    address = office_mailbox(district.catalog) or f"{OFFICE}@districtlake.invalid"
    message = EmailMessage(policy=SMTP)
    message["Subject"] = title_of(summary)
    message["From"] = message["To"] = address
    message["Date"] = format_datetime(summary["night"]["started_at"].astimezone(SHANGHAI))
    message["Message-ID"] = f"<night-{summary['night']['id']}-{summary['night']['started_at']:%Y%m%d%H%M%S}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text_of(summary), cte="base64")
    message.add_alternative(html, subtype="html", cte="base64")
    return message.as_bytes()


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")


def _tone(summary: Mapping[str, Any]) -> str:
    levels = {entry["level"] for entry in summary["attention"]}
    return "bad" if levels & {"alarm", "failed"} else "warning" if levels else "good"


def _tiles(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    total, tickets = summary["conservation"], summary["tickets"]
    passed = (
        total["inserted"]
        + total["changed"]
        + total["unchanged"]
        + total["duplicates"]
        + total.get("deletions", 0)
        + total.get("superseded", 0)
    )
    share = f"{100 * passed / total['delivered']:.1f}%" if total["delivered"] else "无数据"
    held = sum(row["state"] == "held" for row in summary["deliveries"])
    failed = sum(row["tonight"] and row["outcome"] in ("failed", "none", "uncatalogued") for row in summary["missing"])
    problems = sum(row["total"] for row in summary["problems"]["agencies"])
    states = "，".join(f"{word} {count}" for word, count in (("暂停", held), ("失败", failed)) if count)
    return [
        {"title": "交付文件", "value": f"{len(summary['deliveries']):,}", "note": states, "colour": "#9a5b00" if states else "#17324d"},
        {"title": "交付行", "value": f"{total['delivered']:,}", "note": f"通过 {share}", "colour": "#17324d"},
        {"title": "未关闭的问题", "value": f"{problems:,}", "note": f"{len(summary['problems']['agencies'])} 个机构", "colour": "#17324d"},
        {
            "title": "在办工单", "value": f"{tickets['open']:,}", "note": f"逾期 {tickets['overdue']}" if tickets["overdue"] else "",
            "colour": "#b42318" if tickets["overdue"] else "#17324d",
        },
    ]  # fmt: skip


def _parts(values: Sequence[tuple[str, float, str]], text: str) -> list[dict[str, Any]]:
    """Shares in whole percent that add up to 100; nothing present is drawn thinner than 1 %."""
    present = [(title, value, colour) for title, value, colour in values if value > 0]
    total = sum(value for _, value, _ in present)
    shares = [max(1, round(100 * value / total)) for _, value, _ in present]
    if shares:
        shares[shares.index(max(shares))] += 100 - sum(shares)
    return [
        {"title": title, "text": text.format(value), "colour": colour, "share": share}
        for (title, value, colour), share in zip(present, shares, strict=True)
    ]


def _times(timing: Mapping[str, Any], total: float) -> list[tuple[str, float, str]]:
    steps = timing["steps"]
    parts = {
        "start": ("启动与加载图", steps.get("start", 0.0)), "processing": ("交付处理", timing["processing"]),
        "orchestration": ("Dagster 编排", timing["orchestration"]), "marts": (STEPS["marts"], steps.get("marts", 0.0)),
        "routing": (STEPS["routing"], steps.get("routing", 0.0)),
    }  # fmt: skip
    known = sum(seconds for _, seconds in parts.values())
    parts["rest"] = ("收件、汇总及其他", max(total - known, 0.0))
    return [(title, seconds, _TIMES[name]) for name, (title, seconds) in parts.items() if seconds >= 0.05]


def _heat(count: int, most: int) -> str:
    """White to amber by the count's share of the largest."""
    if not count:
        return "#ffffff"
    share = count / most
    return "#" + "".join(
        f"{round(white + (full - white) * (0.15 + 0.85 * share)):02x}" for white, full in ((255, 247), (255, 201), (255, 148))
    )


def _charts(trend: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Columns of the last nights; none for the first night of all: a single column compares nothing."""
    if len(trend) < 2:
        return []
    return [
        _chart("交付行", trend, [("accepted", "#0072b2"), ("quarantined", "#d55e00"), ("held", "#e69f00")], "蓝 入仓，红 隔离，黄 暂停"),
        _chart("未关闭的问题", trend, [("problems", "#d55e00")]),
        _chart("需要处理的事项", trend, [("attention", "#c77700")]),
        _chart("用时（秒）", trend, [("seconds", "#7d8f9f")]),
    ]


def _chart(title: str, trend: Sequence[Mapping[str, Any]], series: Sequence[tuple[str, str]], key: str = "") -> dict[str, Any]:
    sums = [sum(night.get(name, 0) for name, _ in series) for night in trend]
    top = max([*sums, 0])
    nights = []
    for night, value in zip(trend, sums, strict=True):
        ran = series[0][0] in night
        pieces = [
            {"colour": colour, "height": _height(night.get(name, 0), top)} for name, colour in reversed(series)
        ]  # the first at the bottom
        text = _short(value) if ran else {"missed": "未运行", "interrupted": "中断"}.get(night["state"], "无数据")
        nights.append({"ran": ran, "text": text, "pieces": pieces, "label": f"{night['date']:%m-%d}"})
    return {"title": title + (f"（{key}）" if key else ""), "top": f"{top:,.0f}", "nights": nights}


def _height(value: float, top: float) -> int:
    return max(1, round(_BAR_HEIGHT * value / top)) if value and top else 0


def _short(value: float) -> str:
    """A number that fits above a column on a phone."""
    if value >= 1e8:
        return f"{value / 1e8:.1f}亿"
    return f"{value / 1e4:.1f}万" if value >= 1e4 else f"{value:,.0f}"


def _put(target: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
