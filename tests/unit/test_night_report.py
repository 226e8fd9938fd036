"""The report of a night: what a mail client drops is not in it, everything that waits for a person is, and nothing is invented."""

from __future__ import annotations

import email
import re
from datetime import UTC, date, datetime
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from districtlake.nights.attention import attention_of, headline_of
from districtlake.nights.report import _charts, _parts, render, text_of, write_report

STARTED = datetime(2026, 3, 5, 18, 0, tzinfo=UTC)


def summary(**changes: Any) -> dict[str, Any]:
    """A night on which nothing waited."""
    made: dict[str, Any] = {
        "night": {"id": 7, "date": date(2026, 3, 6), "started_at": STARTED, "launched": "2026-03-06 02:00", "hour": "02:00"},
        "success": True, "deliveries": [], "agencies": [], "alarms": [], "missing": [], "before": [], "notices": [], "left_out": [], "runs": [], "revalidated": [],
        "conservation": {
            **dict.fromkeys(("delivered", "inserted", "changed", "unchanged", "duplicates", "quarantined", "held", "deleted"), 0), "balanced": True,
        },
        "problems": {"dimensions": {}, "agencies": [], "unreadable": []}, "tables": [], "packages": [], "marts": {},
        "tickets": {"open": 0, "next_due": None, "provisional": False, "overdue": 0, "due_today": 0, "opened": 0, "closed": 0},
        "messages": {"unqueued": 0, "waiting": 0, "sent": 0, "dead": 0},
        "timeliness": {"resources": 0, "overdue": 0, "states": [], "pressing": []},
        "timing": {"steps": {"start": 1.0}, "processing": 0.0, "orchestration": 0.0, "events": 0, "event_log": 0.0, "seconds": 1.5},
        "trend": [], "seconds": 1.5, "note": "流程依据《暂行办法》（已废止）", **changes,
    }  # fmt: skip
    made["attention"] = attention_of(made)
    made["headline"] = headline_of(made)
    return made


def lacking(outcome: str = "held", **changes: Any) -> dict[str, Any]:
    return {
        "resource": "a_bureau.people", "title": "人员", "agency": "a_bureau", "agency_name": "甲局", "delivery": "people-1", "file": "people_1.csv",
        "data_date": None, "outcome": outcome, "outcome_title": "暂停", "why": "全量交付大幅减少。", "hint": "核实后放行。", "tonight": True,
        "marts": [{"id": "population.residents", "title": "常住人口"}], **changes,
    }  # fmt: skip


class Tags(HTMLParser):
    """Collects tags and attributes, and fails on one that is left open or closed twice."""

    VOID = ("meta", "br", "img", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    return tags


FULL = summary(
    missing=[lacking()],
    deliveries=[{"state": "held", "resource": "a_bureau.people", "file": "people_1.csv"}],
    agencies=[
        {"agency": "a", "name": "甲局", "deliveries": 1, "done": 0, "held": 1, "failed": 0, "rows": 9, "accepted": 0, "quarantined": 0, "stopped": 9}
    ],
    conservation={
        "delivered": 9, "inserted": 0, "changed": 0, "unchanged": 0, "duplicates": 0, "quarantined": 0, "held": 9, "deleted": 0, "balanced": True,
    },
    trend=[
        {"date": date(2026, 3, 4), "state": "done", "accepted": 5, "quarantined": 1, "held": 0, "problems": 3, "attention": 0, "seconds": 10},
        {"date": date(2026, 3, 5), "state": "missed"},
        {"date": date(2026, 3, 6), "state": "done", "accepted": 0, "quarantined": 0, "held": 9, "problems": 3, "attention": 1, "seconds": 12},
    ],
    problems={"dimensions": {"accuracy": "准确性"}, "agencies": [{"name": "甲局", "dimensions": {"accuracy": 4}, "total": 4}], "unreadable": []},
    timeliness={"resources": 1, "overdue": 0, "states": [{"state": "near", "title": "临近到期", "count": 1}],
                "pressing": [{"agency_name": "甲局", "title": "人员", "state": "near", "state_title": "临近到期", "received": None, "due": None}]},
)  # fmt: skip


@pytest.mark.parametrize("night", [summary(), FULL], ids=["idle", "full"])
def test_nothing_in_it_that_a_mail_client_drops(night: dict[str, Any]) -> None:
    html = render(night)
    tags = parsed(html)
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "link", "iframe", "form", "svg", "object"}
    for tag, attributes in tags.seen:
        assert not {name for name in attributes if name.startswith("on")}, tag
        assert "src" not in attributes
        assert "href" not in attributes
    assert "://" not in html
    assert not re.search(r"display:\s*(flex|grid)|url\(|@import", html)


def test_a_quiet_night_says_so_and_is_short() -> None:
    html = render(summary())
    assert "一切正常，没有新的交付" in html
    assert "需要处理" not in html
    assert "近几夜" not in html, "one night compares nothing"
    assert len(html) < len(render(FULL))


def test_what_waits_stands_with_reason_remedy_and_marts() -> None:
    html = render(FULL)
    for words in (
        "有 1 项需要处理",
        "甲局·人员：people_1.csv 暂停",
        "全量交付大幅减少。",
        "核实后放行。",
        "缺于数据集市：常住人口",
        "未运行",
    ):
        assert words in html
        if words != "未运行":
            assert words in text_of(FULL)


def test_names_of_files_cannot_write_markup() -> None:
    html = render(summary(missing=[lacking(file="<b onclick=x>.csv")]))
    assert "&lt;b onclick=x&gt;.csv" in html
    parsed(html)


def test_shares_add_up_and_nothing_present_vanishes() -> None:
    parts = _parts([("a", 1, "#000"), ("b", 99_999, "#111"), ("c", 0, "#222")], "{:,}")
    assert [part["title"] for part in parts] == ["a", "b"]
    assert [part["share"] for part in parts] == [1, 99]
    assert _parts([], "{}") == []


def test_a_night_without_a_run_is_no_column_of_height_nought() -> None:
    chart = _charts(FULL["trend"])[0]
    assert [(night["ran"], night["text"]) for night in chart["nights"]] == [(True, "6"), (False, "未运行"), (True, "9")]


def test_it_is_written_with_a_mail_ready_to_send(tmp_path: Path) -> None:
    district: Any = SimpleNamespace(
        settings=SimpleNamespace(outbox=tmp_path), catalog=SimpleNamespace(agencies={"data_office": SimpleNamespace(contact="office@district.example")})
    )  # fmt: skip
    written = write_report(district, FULL)
    assert written.html == "data_office/夜间报告_20260306_第7号.html"
    assert (tmp_path / written.html).read_text(encoding="utf-8") == render(FULL)
    message = email.message_from_bytes((tmp_path / written.mail).read_bytes(), policy=default)
    assert message["Subject"] == "夜间报告 2026-03-06 有 1 项需要处理"
    assert message["To"] == "office@district.example"
    assert message["Date"] == "Fri, 06 Mar 2026 02:00:00 +0800"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == text_of(FULL).splitlines()
    assert html.get_content().splitlines() == render(FULL).splitlines()
    assert sorted(path.name for path in (tmp_path / "data_office").iterdir()) == [
        "夜间报告_20260306_第7号.eml",
        "夜间报告_20260306_第7号.html",
    ]


def test_rows_judged_again_are_told_in_all_three_forms() -> None:
    row = {
        "resource": "a_bureau.people", "title": "人员", "why": "变更 amount.range", "deliveries": 2, "rows": 1200, "released": 3, "quarantined": 4,
        "changed": 0, "opened": 5, "closed": 6, "unplaced": 7, "error": "", "hint": "",
    }  # fmt: skip
    failed = {**row, "title": "支付", "error": "没有结论", "hint": "修复后再运行"}
    made = summary(revalidated=[row, failed])
    for text in (render(made), text_of(made)):
        assert "变更 amount.range；核对 1,200 行，放行 3，转入隔离 4（原版本保留，标记陈旧），新发现问题 5，关闭 6" in text
        assert "未完成：没有结论" in text
    assert [entry["level"] for entry in made["attention"]] == ["failed", "notice"]
    parsed(render(made))


def test_tickets_that_could_not_be_brought_up_to_date_are_told() -> None:
    told = summary(
        problems={"dimensions": {}, "agencies": [], "unreadable": ["a.lost"]},
        routing={"unreadable": {"a.lost": "DeltaError", "a.partly": "DamagedFile"}, "failed": {"a.people": "SchemaError（x.py:7）"}},
    )
    entries = [(entry["level"], entry["what"]) for entry in told["attention"]]
    assert entries == [
        ("failed", "a.lost 的问题登记簿无法打开"),
        ("failed", "a.partly 的问题登记簿读不全，其工单停在原处"),
        ("failed", "a.people 的工单未能更新：新问题没有工单，已解决的没有办结"),
    ]
    assert "软件错误 SchemaError（x.py:7）" in text_of(told)
