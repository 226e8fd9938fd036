"""The answers of a returned package, carried out through the state machine: in bulk, in parts, and the same once however often it comes.

Findings of one ticket that are answered alike are one action. Where others of the ticket are not, or differently, those answered become
a ticket of their own first. There is no list of what was taken: how the tickets stand says it, so a process that dies half-way is
finished by sending the file again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import select

from districtlake.catalog.models import Catalog
from districtlake.errors import DistrictLakeError
from districtlake.store.tables import AuditEvent, Report, Ticket, TicketProblem
from districtlake.tickets import handling
from districtlake.tickets.answered_package import Answer, Filled, NotUnderstood, read_answers
from districtlake.tickets.dispositions import Register, cannot_enter, confirm_correct, negotiate, unfit
from districtlake.tickets.grouping import split
from districtlake.tickets.journal import Desk
from districtlake.tickets.machine import Actor, TicketRefused
from districtlake.tickets.membership import problems_under
from districtlake.tickets.seal import NO_PROBLEM, Seal
from districtlake.wording.sentences import Sentence

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
        corrected, corrections: how many corrected values were delivered, and in which deliveries.
    """

    package: str
    done: list[tuple[str, str, int]] = field(default_factory=list)
    repeated: int = 0
    blank: int = 0
    faults: list[NotUnderstood] = field(default_factory=list)
    corrected: int = 0
    corrections: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CorrectedValues:
    """What became of corrected values: how many were delivered in which deliveries; (sheet, row) of the package -> why one was not."""

    values: int = 0
    deliveries: tuple[str, ...] = ()
    refused: Mapping[tuple[str, int], Sentence] = field(default_factory=dict)


Correct = Callable[[str, Sequence[Answer]], CorrectedValues]
"""(number of the package, answers with a corrected value) -> what became of them."""


def answer_package(desk: Desk, path: Path, actor: Actor, register: Register, seal: Seal, catalog: Catalog, correct: Correct) -> Answered:
    """Answer the tickets of a filled package.

    Corrected values are delivered before anything is answered: a process that dies in between has claimed nothing, and the file sent
    again delivers the same bytes, which are known.

    Args:
        actor: the provider whose package it is.
        correct: makes a correction of the answers' corrected values (``delivery.corrected_rows``).

    Raises:
        PackageRefused: it is not this agency's, or was tampered with; nothing was taken.
        TicketRefused: the actor is no provider.
    """
    if actor.role != "provider" or not actor.agency:
        raise TicketRefused.of("package.not_provider", who=actor.name)
    with desk.store.session(read_only=True) as session:
        filled = read_answers(path, session, seal, desk.policy, actor.agency)
    groups = _groups(filled)
    result = Answered(filled.package, blank=filled.blank, faults=list(filled.faults))
    unusable = _corrected(groups, filled.package, correct, result)
    for group in groups:
        if usable := [answer for answer in group if (answer.sheet, answer.row) not in unusable]:
            _carry_out(desk, filled.package, usable, actor, register, catalog, result)
    order = {sheet: place for place, sheet in enumerate(dict.fromkeys(answer.sheet for answer in filled.answers))}
    result.faults.sort(key=lambda fault: (order.get(fault.sheet, -1), fault.sheet, fault.row))
    data = {
        "done": [list(one) for one in result.done], "repeated": result.repeated, "blank": result.blank, "not_understood": len(result.faults),
        "corrected": result.corrected, "corrections": result.corrections, "sha256": _sha256(path), "agency": actor.agency,
    }  # fmt: skip
    with desk.store.session() as session:
        session.add(
            AuditEvent(
                at=desk.clock.now(), actor=actor.name, action="package.answered", object_kind="package", object_id=filled.package, reason="",
                data=data,
            )
        )  # fmt: skip
    return result


def _corrected(groups: Sequence[Sequence[Answer]], package: str, correct: Correct, result: Answered) -> frozenset[tuple[str, int]]:
    """Deliver what is corrected; the places (sheet, row) whose value cannot be used, which are not answered either."""
    given = [answer for group in groups for answer in group if answer.value]
    if not given:
        return frozenset()
    done = correct(package, given)
    result.corrected, result.corrections = done.values, list(done.deliveries)
    for answer in given:
        if (why := done.refused.get((answer.sheet, answer.row))) is not None:
            result.faults.append(NotUnderstood(answer.sheet, answer.row, answer.number, why))
    return frozenset(done.refused)


def _groups(filled: Filled) -> list[list[Answer]]:
    """Answers that are alike about findings of one ticket, in the order of the file. A finding answered twice counts once."""
    found: dict[tuple[object, ...], dict[str, Answer]] = defaultdict(dict)
    first: dict[tuple[str, str], Answer] = {}
    for answer in filled.answers:
        same = first.setdefault((answer.number, answer.problem), answer)
        if same is not answer:
            if _said(same) != _said(answer):
                why = Sentence.of("answer.twice", sheet=same.sheet, row=same.row)
                filled.faults.append(NotUnderstood(answer.sheet, answer.row, answer.number, why))
            continue
        found[answer.number, answer.choice, answer.explanation, answer.plan, answer.day][answer.problem] = answer
    return [list(group.values()) for group in found.values()]


def _said(answer: Answer) -> tuple[object, ...]:
    return answer.choice, answer.explanation, answer.plan, answer.day, answer.value


def _carry_out(
    desk: Desk, package: str, group: Sequence[Answer], actor: Actor, register: Register, catalog: Catalog, result: Answered
) -> None:
    """One group, by the tickets its findings are under now (they may have been split or merged since)."""
    number = group[0].number
    by_ticket: dict[str, list[Answer]] = defaultdict(list)
    with desk.store.session(read_only=True) as session:
        sent = session.scalars(select(Ticket).where(Ticket.number == number)).first()
        if sent is None or sent.package != package:
            _refuse(result, group, Sentence.of("answer.reissued"))
            return
        places: dict[str, str] = {}
        whole: dict[str, str] = {NO_PROBLEM: sent.id}  # what is answered for the ticket as a whole: an overdue update, a report
        wanted = [answer.problem for answer in group if answer.problem != NO_PROBLEM]
        for start in range(0, len(wanted), _AT_ONCE):
            part = select(TicketProblem.problem_id, TicketProblem.ticket_id).where(
                TicketProblem.problem_id.in_(wanted[start : start + _AT_ONCE])
            )
            places |= {row[0]: row[1] for row in session.execute(part)}
            said = select(Report.id, Report.ticket_id).where(Report.id.in_(wanted[start : start + _AT_ONCE]))
            whole |= {row[0]: row[1] for row in session.execute(said)}
        for answer in group:
            by_ticket[whole.get(answer.problem) or places.get(answer.problem, "")].append(answer)
        tickets = {ticket.id: ticket for ticket in session.scalars(select(Ticket).where(Ticket.id.in_(list(by_ticket))))}
        members = {identity: set(problems_under(session, [identity])["problem_id"]) for identity in tickets}
    for identity, answers in by_ticket.items():
        ticket = tickets.get(identity)
        if ticket is None:
            _refuse(result, answers, Sentence.of("answer.moved"))
            continue
        if _stands(ticket, answers[0]):
            result.repeated += len(answers)
            continue
        found = (
            register(ticket.resource).filter(pl.col("state") == "open") if not whole.keys() >= {one.problem for one in answers} else None
        )
        still = members[identity] & set(found["problem_id"]) if found is not None else set()
        chosen = [answer for answer in answers if answer.problem in whole or answer.problem in still]
        result.repeated += len(answers) - len(chosen)  # passed meanwhile
        if found is not None and chosen and chosen[0].choice == "confirmed":
            chosen = _fit(found, chosen, ticket, catalog, result)
        if not chosen:
            continue
        problems = sorted(answer.problem for answer in chosen if answer.problem not in whole)
        try:
            done = _act(desk, ticket.number, actor, register, catalog, chosen[0], problems if len(problems) < len(still) else [])
        except DistrictLakeError as error:
            _refuse(result, chosen, error.sentence or Sentence.of("error.other", code=error.code))
            continue
        result.done.append((done, chosen[0].choice, len(chosen)))


def _fit(found: pl.DataFrame, chosen: list[Answer], ticket: Ticket, catalog: Catalog, result: Answered) -> list[Answer]:
    """Those whose rows can enter the warehouse once they are confirmed; of the others it is said why not."""
    resource = catalog.resources.get(ticket.resource)
    untyped, unkeyed = unfit(found, resource, catalog)
    lost = set(found.filter(untyped | unkeyed)["problem_id"])
    for answer in chosen:
        if answer.problem in lost:
            why = cannot_enter(found.filter(pl.col("problem_id") == answer.problem), resource, catalog, ticket.number)
            assert why is not None
            _refuse(result, [answer], why)
    return [answer for answer in chosen if answer.problem not in lost]


def _act(desk: Desk, number: str, actor: Actor, register: Register, catalog: Catalog, answer: Answer, part: Sequence[str]) -> str:
    """Do what was answered. ``part``: the findings meant where they are not all of the ticket's; they become a ticket of their own."""
    if answer.choice == "confirmed":
        return confirm_correct(desk, number, actor, register, catalog, explanation=answer.explanation, problems=part).number
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
        raise TicketRefused.of("package.no_such_answer", choice=answer.choice)
    return number


def _stands(ticket: Ticket, answer: Answer) -> bool:
    """Whether the ticket stands already as the answer wants it."""
    if answer.choice == "extension":
        asked = ticket.stage == "extension_requested" and ticket.requested_due == answer.day
        return asked or (ticket.extended and ticket.due_date is not None and answer.day is not None and ticket.due_date >= answer.day)
    if answer.choice == "corrected":
        return ticket.stage == "reviewing" or ticket.closing in ("fixed", "absent", "updated")
    return ticket.closing == {"confirmed": "confirmed", "settled": "negotiated"}.get(answer.choice)


def _refuse(result: Answered, answers: Sequence[Answer], why: Sentence) -> None:
    result.faults += [NotUnderstood(answer.sheet, answer.row, answer.number, why) for answer in answers]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
