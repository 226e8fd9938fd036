"""The answers of a returned package, carried out through the state machine: in bulk, in parts, and the same once however often it comes.

Findings of one ticket that are answered alike are one action. Where others of the ticket are not, or differently, those answered become
a ticket of their own first. There is no list of what was taken: how the tickets stand says it, so a process that dies half-way is
finished by sending the file again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import select

from districtlake.errors import DistrictLakeError
from districtlake.store.tables import AuditEvent, Ticket, TicketProblem
from districtlake.tickets import handling
from districtlake.tickets.answered_package import Answer, Filled, NotUnderstood, read_answers
from districtlake.tickets.dispositions import Register, confirm_correct, negotiate
from districtlake.tickets.grouping import split
from districtlake.tickets.journal import Desk
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.tickets.membership import problems_under
from districtlake.tickets.seal import NO_PROBLEM, Seal

_AT_ONCE = 500


@dataclass
class Answered:
    """What became of a package.

    Attributes:
        package: its number.
        done: (ticket, choice, findings) of each action taken.
        repeated: rows whose answer had been given before, or whose finding is settled already.
        blank: rows without an answer.
        faults: rows not taken, in the order of the file.
    """

    package: str
    done: list[tuple[str, str, int]] = field(default_factory=list)
    repeated: int = 0
    blank: int = 0
    faults: list[NotUnderstood] = field(default_factory=list)


def answer_package(desk: Desk, path: Path, actor: Actor, register: Register, seal: Seal) -> Answered:
    """Answer the tickets of a filled package.

    Args:
        actor: the provider whose package it is.

    Raises:
        PackageRefused: it is not this agency's, or was tampered with; nothing was taken.
        TicketRefused: the actor is no provider.
    """
    if actor.role != "provider" or not actor.agency:
        raise TicketRefused(f"{actor.name} cannot answer a package.", hint="It is answered by the agency that it was sent to.")
    with desk.store.session(read_only=True) as session:
        filled = read_answers(path, session, seal, desk.policy, actor.agency)
    groups = _groups(filled)
    result = Answered(filled.package, blank=filled.blank, faults=list(filled.faults))
    for group in groups:
        _carry_out(desk, filled.package, group, actor, register, result)
    order = {sheet: place for place, sheet in enumerate(dict.fromkeys(answer.sheet for answer in filled.answers))}
    result.faults.sort(key=lambda fault: (order.get(fault.sheet, -1), fault.sheet, fault.row))
    data = {
        "done": [list(one) for one in result.done], "repeated": result.repeated, "blank": result.blank, "not_understood": len(result.faults),
        "sha256": _sha256(path), "agency": actor.agency,
    }  # fmt: skip
    with desk.store.session() as session:
        session.add(
            AuditEvent(
                at=desk.clock.now(), actor=actor.name, action="package.answered", object_kind="package", object_id=filled.package, reason="",
                data=data,
            )
        )  # fmt: skip
    return result


def _groups(filled: Filled) -> list[list[Answer]]:
    """Answers that are alike about findings of one ticket, in the order of the file. A finding answered twice counts once."""
    found: dict[tuple[object, ...], dict[str, Answer]] = defaultdict(dict)
    first: dict[tuple[str, str], Answer] = {}
    for answer in filled.answers:
        same = first.setdefault((answer.number, answer.problem), answer)
        if same is not answer:
            if (same.choice, same.explanation, same.plan, same.day) != (answer.choice, answer.explanation, answer.plan, answer.day):
                why = f"与“{same.sheet}”第{same.row}行是同一个问题，答复却不同；以前一行为准。"
                filled.faults.append(NotUnderstood(answer.sheet, answer.row, answer.number, why))
            continue
        found[answer.number, answer.choice, answer.explanation, answer.plan, answer.day][answer.problem] = answer
    return [list(group.values()) for group in found.values()]


def _carry_out(desk: Desk, package: str, group: Sequence[Answer], actor: Actor, register: Register, result: Answered) -> None:
    """One group, by the tickets its findings are under now (they may have been split or merged since)."""
    number = group[0].number
    by_ticket: dict[str, list[Answer]] = defaultdict(list)
    with desk.store.session(read_only=True) as session:
        sent = session.scalars(select(Ticket).where(Ticket.number == number)).first()
        if sent is None or sent.package != package:
            _refuse(result, group, "该工单已重新打开或已由新的反馈单发出；请按新的反馈单答复。")
            return
        places: dict[str, str] = {}
        wanted = [answer.problem for answer in group if answer.problem != NO_PROBLEM]
        for start in range(0, len(wanted), _AT_ONCE):
            part = select(TicketProblem.problem_id, TicketProblem.ticket_id).where(
                TicketProblem.problem_id.in_(wanted[start : start + _AT_ONCE])
            )
            places |= {row[0]: row[1] for row in session.execute(part)}
        for answer in group:
            by_ticket[sent.id if answer.problem == NO_PROBLEM else places.get(answer.problem, "")].append(answer)
        tickets = {ticket.id: ticket for ticket in session.scalars(select(Ticket).where(Ticket.id.in_(list(by_ticket))))}
        members = {identity: set(problems_under(session, [identity])["problem_id"]) for identity in tickets}
    for identity, answers in by_ticket.items():
        ticket = tickets.get(identity)
        if ticket is None:
            _refuse(result, answers, "该问题已不在任何工单之下。")
            continue
        if _stands(ticket, answers[0]):
            result.repeated += len(answers)
            continue
        still = members[identity] & _open(register, ticket.resource) if answers[0].problem != NO_PROBLEM else set()
        chosen = [answer for answer in answers if answer.problem == NO_PROBLEM or answer.problem in still]
        result.repeated += len(answers) - len(chosen)  # passed meanwhile
        if not chosen:
            continue
        problems = sorted(answer.problem for answer in chosen if answer.problem != NO_PROBLEM)
        try:
            done = _act(desk, ticket.number, actor, register, chosen[0], problems if len(problems) < len(still) else [])
        except DistrictLakeError as error:
            _refuse(result, chosen, f"{error.message} {error.hint}".strip())
            continue
        result.done.append((done, chosen[0].choice, len(chosen)))


def _act(desk: Desk, number: str, actor: Actor, register: Register, answer: Answer, part: Sequence[str]) -> str:
    """Do what was answered. ``part``: the findings meant where they are not all of the ticket's; they become a ticket of their own."""
    if answer.choice == "confirmed":
        return confirm_correct(desk, number, actor, register, explanation=answer.explanation, problems=part).number
    if part:
        number = split(desk, number, actor, register, problems=part).number
    day = answer.day or date.min
    if answer.choice == "corrected":
        handling.claim_fixed(desk, number, actor, answer.explanation)
    elif answer.choice == "settled":
        negotiate(desk, number, actor, agreement=answer.explanation, plan=answer.plan, review_on=day)
    elif answer.choice == "extension":
        handling.request_extension(desk, number, actor, reason=answer.explanation, until=day)
    else:
        raise TicketRefused(f"The disposition “{answer.choice}” cannot be answered by a package.", hint="Answer it in the portal.")
    return number


def _stands(ticket: Ticket, answer: Answer) -> bool:
    """Whether the ticket stands already as the answer wants it."""
    if answer.choice == "extension":
        asked = ticket.stage == "extension_requested" and ticket.requested_due == answer.day
        return asked or (ticket.extended and ticket.due_date is not None and answer.day is not None and ticket.due_date >= answer.day)
    if answer.choice == "corrected":
        return ticket.stage == "reviewing" or ticket.closing in ("fixed", "absent", "updated")
    return ticket.closing == {"confirmed": "confirmed", "settled": "negotiated"}.get(answer.choice)


def _open(register: Register, resource: str) -> set[str]:
    return set(register(resource).filter(pl.col("state") == "open")["problem_id"])


def _refuse(result: Answered, answers: Sequence[Answer], why: str) -> None:
    result.faults += [NotUnderstood(answer.sheet, answer.row, answer.number, why) for answer in answers]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
