"""The state machine of a ticket as data: stages, roles, and who may do what from where (Articles 27 and 28; domain 1.3 D).

Whatever happens to a ticket is one of ``TRANSITIONS``; anything else is refused with a sentence. Overdue and urgent are flags,
no stages: a ticket that is late stays where it is and stays open. Reopening is an event that begins a new round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from districtlake.errors import OperationRefused
from districtlake.wording.sentences import Listed, Named, Sentence

Role = Literal["system", "provider", "user", "office", "contractor"]
ROLES: dict[str, str] = {
    "system": "系统",
    "provider": "公共数据提供单位",
    "user": "公共数据使用单位",
    "office": "区大数据主管机构",
    "contractor": "技术服务单位",
}

STAGES: dict[str, str] = {
    "waiting": "待分派",
    "handling": "处理中",
    "extension_requested": "延期待审",
    "reviewing": "待复核",
    "settled": "已办结",
    "dismissed": "已关闭",
}
OPEN: tuple[str, ...] = ("waiting", "handling", "extension_requested", "reviewing")
AT_PROVIDER: tuple[str, ...] = ("handling", "extension_requested", "reviewing")
"""Received by the provider: its clock runs, while an extension is reviewed or a correction verified as well."""

CLOSINGS: dict[str, str] = {
    "fixed": "完成整改",
    "confirmed": "确认无误",
    "negotiated": "沟通解决",
    "absent": "数据已消失",
    "withdrawn": "交付已撤回",
    "rejected": "不受理",
    "merged": "合并重复",
    "updated": "已更新",
}
MATTERS: dict[str, str] = {"error": "错误", "omission": "遗漏", "infringement": "侵犯第三方合法权益"}
"""What a report is about (Article 27, paragraph 2)."""
DISPOSITIONS: dict[str, str] = {"fixed": "corrected", "confirmed": "confirmed", "negotiated": "settled"}
"""Closing -> the disposition's code in the policy pack (Article 27, paragraph 4)."""
COMES_BACK = ("fixed", "absent", "confirmed", "negotiated")
"""A problem that fails again reopens the ticket that was closed so; other closings said that it was no ticket at all."""


class TicketRefused(OperationRefused):
    """The ticket's stage, the actor's role or what was given does not allow it."""

    code = "tickets.refused"


@dataclass(frozen=True)
class Actor:
    """Who acts: a name for the record, in which role, and for providers and users of which agency."""

    name: str
    role: Role
    agency: str | None = None


SYSTEM = Actor("system", "system")


@dataclass(frozen=True)
class Transition:
    """One line of the table.

    Attributes:
        event: what happened, in the past tense.
        origins: stages it can happen in; empty for the first event of a ticket.
        to: the stage afterwards; None: it stays.
        roles: who may do it. A provider only to its own agency's tickets.
        needs: facts that must be given and not be empty.
        basis: the article, or "R" for our reading of it.
    """

    event: str
    origins: tuple[str, ...]
    to: str | None
    roles: tuple[Role, ...]
    needs: tuple[str, ...] = ()
    basis: str = "R"


_EVERYONE: tuple[Role, ...] = ("system", "user", "office", "contractor", "provider")

TRANSITIONS: dict[str, Transition] = {
    line.event: line
    for line in (
        Transition("opened", (), "waiting", _EVERYONE, basis="第二十七条第二款"),
        # the Office
        Transition("dispatched", ("waiting",), "handling", ("office", "system"), basis="第二十七条第二款、第三款"),
        Transition("rejected", ("waiting",), "dismissed", ("office",), ("reason",)),
        Transition("merged", OPEN, "dismissed", ("office", "system"), ("into",)),
        Transition("joined", OPEN, None, ("office", "system"), ("from",)),
        Transition("split", OPEN, None, ("office", "provider"), ("into",)),
        Transition("marked_urgent", OPEN, None, ("office",), ("reason", "due"), basis="第二十七条第三款"),
        Transition("extension_approved", ("extension_requested",), "handling", ("office",), ("until",), basis="第二十七条第三款"),
        Transition("extension_refused", ("extension_requested",), "handling", ("office",), ("reason",), basis="第二十七条第三款"),
        Transition("sharing_suspended", OPEN, None, ("office",), ("reason",)),
        Transition("sharing_resumed", tuple(STAGES), None, ("office",), ("reason",)),
        # the provider
        Transition("extension_requested", ("handling",), "extension_requested", ("provider",), ("reason", "until"), "第二十七条第三款"),
        Transition("fix_claimed", ("handling",), "reviewing", ("provider",), basis="第二十七条第四款"),
        Transition("confirmed", AT_PROVIDER, "settled", ("provider",), ("explanation",), basis="第二十七条第四款"),
        Transition("negotiated", AT_PROVIDER, "settled", ("provider",), ("agreement", "plan", "review_on"), basis="第二十七条第四款"),
        # proof
        Transition("review_failed", ("reviewing",), "handling", ("system", "office"), ("reason",)),
        Transition("closed", OPEN, "settled", ("system",), ("closing",), basis="第二十七条第四款"),
        Transition("reopened", ("settled", "dismissed"), "waiting", ("user", "office", "system"), ("reason",)),
        Transition("resumed", ("settled",), None, ("system",), ("reason",)),
        # what happens by itself
        Transition("reported", OPEN, None, _EVERYONE, basis="第二十七条第二款"),
        Transition("escalated", AT_PROVIDER, None, ("system",)),
        Transition("review_due", ("settled",), None, ("system",)),
        Transition("problems_changed", OPEN, None, ("system",)),
        Transition("seen_again", OPEN, None, ("system",)),
        Transition("packaged", AT_PROVIDER, None, ("system", "office")),
        Transition("waivers_revoked", ("settled",), None, ("office",), ("reason",)),
        Transition("deadline_recomputed", tuple(STAGES), None, ("system", "office")),
    )
}


EVENTS: dict[str, str] = {
    "opened": "提出", "taken_over": "由旧版转入", "dispatched": "转提供单位", "rejected": "不受理", "merged": "并入另一工单", "joined": "并入本工单",
    "split": "拆出部分问题", "marked_urgent": "标记业务紧急", "extension_requested": "申请延期", "extension_approved": "同意延期",
    "extension_refused": "不同意延期", "sharing_suspended": "暂停共享", "sharing_resumed": "恢复共享", "fix_claimed": "报告已改正",
    "review_failed": "复核未通过", "confirmed": "确认无误", "negotiated": "沟通解决", "closed": "办结", "reopened": "重新打开",
    "resumed": "恢复办理", "reported": "又有反馈", "escalated": "逾期提醒", "review_due": "到期回看", "problems_changed": "问题数变化",
    "seen_again": "再次出现", "packaged": "发出问题数据反馈单", "deadline_recomputed": "期限重算", "waivers_revoked": "撤销确认无误",
}  # fmt: skip
"""Event -> its name for people."""

FACTS: dict[str, str] = {
    "reason": "理由", "due": "办理期限", "until": "日期", "explanation": "核对情况和依据", "agreement": "商定的内容", "plan": "计划", "review_on": "回看日期",
    "into": "并入的工单", "from": "并入本工单的工单", "closing": "办结方式",
}  # fmt: skip
"""What an event may need -> its name for people."""

CONSEQUENCES = ("joined", "reported", "packaged", "deadline_recomputed")
"""What follows from something else that people do: nobody is told that it is possible."""


def checked(event: str, *, number: str, stage: str | None, agency: str, actor: Actor, facts: Mapping[str, Any]) -> Transition:
    """The line that allows ``event`` here.

    Args:
        stage: the present one; None for a ticket that does not exist yet.

    Raises:
        TicketRefused: with what is possible instead.
    """
    line = TRANSITIONS[event]
    if actor.role not in line.roles:
        raise TicketRefused.of(
            "tickets.wrong_role", number=number, role=role_named(actor.role), event=event_named(event),
            roles=Listed.of(role_named(role) for role in line.roles),
        )  # fmt: skip
    if actor.role == "provider" and event != "opened" and actor.agency != agency:
        raise TicketRefused.of("tickets.not_yours", code="tickets.not_yours", number=number, who=actor.agency or actor.name)
    if stage is not None and stage not in line.origins:
        now = [event_named(name) for name in possible(stage, actor.role) if name not in CONSEQUENCES]
        raise TicketRefused.of(
            "tickets.wrong_stage", number=number, stage=stage_named(stage), event=event_named(event),
            origins=Listed.of([stage_named(name) for name in line.origins], quoted=True),
            possible=Listed.of(now) if now else Sentence.of("tickets.nothing_possible"),
        )  # fmt: skip
    missing = [name for name in line.needs if not facts.get(name)]
    if missing:
        names = Listed.of(Named("fact", name, FACTS[name]) for name in missing)
        raise TicketRefused.of("tickets.needs", number=number, event=event_named(event), missing=names)
    return line


def possible(stage: str, role: Role) -> list[str]:
    """Events that a role can bring about in a stage, e.g. for the buttons of a page."""
    return [line.event for line in TRANSITIONS.values() if stage in line.origins and role in line.roles]


def role_named(role: str) -> Named:
    """For sentences; a stage and an event likewise."""
    return Named("actor", role, ROLES[role])


def stage_named(stage: str) -> Named:
    return Named("stage", stage, STAGES[stage])


def matter_named(matter: str) -> Named:
    return Named("matter", matter, MATTERS.get(matter, matter))


def event_named(event: str) -> Named:
    return Named("event", event, EVENTS[event])
