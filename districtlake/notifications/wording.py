"""What a message says: numbers, days and links. No row, no value, no reason that somebody typed: a mailbox is no place for data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from districtlake.clock import SHANGHAI
from districtlake.tickets.machine import CLOSINGS, EVENTS

MOST_LINES = 50
"""Tickets listed under one heading; the rest is counted."""
TITLES = EVENTS | {
    "opened": "收到使用单位反馈",
    "fix_claimed": "提供单位报告已改正，待复核",
    "extension_requested": "申请延期，待审核",
    "review_due": "沟通解决到期回看",
}
_FIRST = ("marked_urgent", "escalated", "sharing_suspended", "dispatched", "reopened", "review_failed")
"""Headings in the order in which they matter to who reads; the others follow as they happened."""


@dataclass(frozen=True)
class Line:
    """One thing that happened to one ticket."""

    event: str
    number: str
    resource: str
    due: str | None
    closing: str | None


@dataclass(frozen=True)
class Sender:
    """Who sends: the mailbox in From, where links lead (without a slash at the end, or ""), what stands under every text."""

    address: str
    portal: str
    note: str


def link_of(portal: str, number: str) -> str:
    return f"{portal.rstrip('/')}/tickets/{number}" if portal else ""


def subject_of(lines: Sequence[Line], day: date) -> str:
    parts = [f"{TITLES.get(event, event)}{len(of_event)}件" for event, of_event in _grouped(lines).items()]
    shown = "，".join(parts[:3]) + (" 等" if len(parts) > 3 else "")
    return f"工单提醒 {day.isoformat()}：{shown}"


def text_of(name: str, lines: Sequence[Line], day: date, sender: Sender) -> str:
    """The digest in plain words."""
    told = [f"{name}：", "", f"{day.year}年{day.month}月{day.day}日工单动态，共{len(lines)}条。"]
    for event, of_event in _grouped(lines).items():
        told += ["", f"【{TITLES.get(event, event)}】{len(of_event)}件"]
        for line in of_event[:MOST_LINES]:
            facts = [line.number, line.resource]
            if line.closing:
                facts.append(f"办结方式 {CLOSINGS.get(line.closing, line.closing)}")
            elif line.due:
                facts.append(f"处理期限 {line.due}")
            if link := link_of(sender.portal, line.number):
                facts.append(link)
            told.append("  " + "　".join(facts))
        if len(of_event) > MOST_LINES:
            told.append(f"  另有{len(of_event) - MOST_LINES}件，见门户的工单列表。")
    told += ["", f"{sender.note}。本邮件由系统自动发出，只含工单号和链接，不含数据内容。"]
    return "\n".join(told) + "\n"


def mail_of(identity: str, to: str, name: str, lines: Sequence[Line], day: date, at: datetime, sender: Sender) -> EmailMessage:
    """The digest as a mail. The same message has the same Message-ID however often it is sent."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject_of(lines, day)
    message["From"], message["To"] = sender.address, to
    message["Date"] = format_datetime(at.astimezone(SHANGHAI))
    message["Message-ID"] = f"<{identity}@{sender.address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text_of(name, lines, day, sender), cte="base64")
    return message


def call_of(line: Line, at: datetime, portal: str, reports: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The body of a webhook's call. ``reports``: of the receiver itself, by its own numbers."""
    return {
        "type": f"ticket.{line.event}", "at": at.astimezone(SHANGHAI).isoformat(), "ticket": line.number, "due_date": line.due,
        "closing": line.closing, "link": link_of(portal, line.number) or None, "reports": [dict(report) for report in reports],
    }  # fmt: skip


def _grouped(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Event -> its lines, each ticket once."""
    found: dict[str, dict[str, Line]] = {event: {} for event in _FIRST}
    for line in lines:
        found.setdefault(line.event, {})[line.number] = line
    return {event: sorted(of_event.values(), key=lambda line: line.number) for event, of_event in found.items() if of_event}
