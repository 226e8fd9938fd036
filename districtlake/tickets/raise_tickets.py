"""The problem register of a resource → its tickets. Calling it again, late, or twice at once gives the same tickets, once.

A ticket's identity is (resource, delivery that showed the problems first, rule), and for what a changed rule found in rows that were there
also the revalidation that found it (a ticket and a clock of its own); which problems are under it is kept by reference, so
that splitting and merging can move them. Everything happens in one transaction behind one lock, numbers included, so a crash leaves
all of it or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from districtlake.clock import Clock, local_date
from districtlake.policy.calendar import WorkingCalendar
from districtlake.policy.pack import PolicyPack
from districtlake.store.engine import Store
from districtlake.store.tables import Delivery, Ticket, TicketProblem
from districtlake.tickets import waivers
from districtlake.tickets.handling import dispatched, goes_at_once, reopened, standing_holds
from districtlake.tickets.journal import LOCK, Desk, Parts, happened, next_numbers
from districtlake.tickets.machine import COMES_BACK, SYSTEM

SAMPLE_ROWS = 10
MACHINE = ("validation",)
_MEMBERS: dict[str, Any] = {"problem_id": pl.String, "ticket_id": pl.String, "member_delivery": pl.String}


@dataclass(frozen=True)
class Raised:
    """Numbers of the tickets that this call touched; all empty when nothing was to do."""

    new: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()  # still open, other counts
    closed: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()


def ticket_id(resource: str, delivery: str, rule: str) -> str:
    """Stable identity of a ticket, 128 bits in hexadecimal."""
    return hashlib.blake2b("\x1f".join((resource, delivery, rule)).encode(), digest_size=16).hexdigest()


def raise_tickets(
    store: Store,
    problems: pl.DataFrame | Callable[[], pl.DataFrame],
    *,
    clock: Clock,
    policy: PolicyPack,
    calendar: WorkingCalendar,
    resource: str | None = None,
    actor: str = "system",
) -> Raised:
    """Bring the tickets of one resource into line with its problem register.

    New tickets go to the agency of the problems; where the pack dispatches findings at once and no hold is on them their clock starts
    now, which is when the system delivers them to the provider (A2). A ticket closes when its last problem does: "fixed" when all
    passed, "absent" when some vanished from the data, "confirmed" when all were waived, "withdrawn" when none of it was a problem any
    more (rule removed, delivery withdrawn). A problem that fails again reopens the ticket that it was closed under, as a new round
    with a new clock; one that is open again because a correction was withdrawn keeps the round and its deadline.

    Args:
        problems: the whole register of the resource (``quality.problems.REGISTER``), closed problems included; or a function that
            reads it, which is called behind the lock. Give the function wherever two processes may run at once: a frame read
            before another one raised newer tickets would close them again.
        resource: needed to close the tickets of a register that became empty.
    """
    desk = Parts(store, clock, policy, calendar)
    with store.session() as session:
        store.exclusive(session, LOCK)
        frame = problems if isinstance(problems, pl.DataFrame) else problems()
        resources = set(frame["resource"].unique()) | ({resource} if resource else set())
        work = _Work(session, desk, resources)
        groups = work.grouped(frame)
        # Years of closed tickets stay where they are: only what can still move is loaded.
        touched = {identity for identity, row in groups.items() if row["open_problems"]}
        wanted = or_(Ticket.state == "open", Ticket.id.in_(sorted(touched & work.closed)))
        for ticket in session.scalars(select(Ticket).where(work.ours, wanted).order_by(Ticket.number)).all():
            work.follow(ticket, groups.get(ticket.id))
        work.open({identity: row for identity, row in groups.items() if identity not in work.known and _worth_telling(row)})
        work.remember(groups)
    return Raised(**{name: tuple(sorted(set(numbers))) for name, numbers in work.outcome.items()})


class _Work:
    """One call, behind the lock: what the store knows of the resources' tickets, and what becomes of them."""

    def __init__(self, session: Session, desk: Desk, resources: set[str]) -> None:
        self.session, self.desk = session, desk
        self.ours = Ticket.resource.in_(sorted(resources)) & Ticket.origin.in_(MACHINE)
        self.now = desk.clock.now()
        columns = select(Ticket.id, Ticket.state, Ticket.closing, Ticket.merged_into, Ticket.delivery_id).where(self.ours)
        self.known = {row.id: row for row in session.execute(columns)}
        self.closed = {identity for identity, row in self.known.items() if row.state == "closed"}
        members = select(TicketProblem.problem_id, TicketProblem.ticket_id, TicketProblem.first_delivery)
        rows = session.execute(members.where(TicketProblem.resource.in_(sorted(resources)))).all()
        self.members = pl.DataFrame([tuple(row) for row in rows], schema=_MEMBERS, orient="row")
        self.waived = waivers.in_force(session, resources, local_date(self.now))
        self.outcome: dict[str, list[str]] = {"new": [], "updated": [], "closed": [], "reopened": []}
        self.assigned = pl.DataFrame()

    def grouped(self, frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
        """Ticket id -> what its problems add up to, in an order that does not depend on the frame's."""
        waived = self.waived.covers(frame)
        lines = frame.with_columns(
            closing=pl.when(pl.Series(waived) & (pl.col("state") == "open")).then(pl.lit("waived")).otherwise(pl.col("closing")),
            state=pl.when(pl.Series(waived)).then(pl.lit("closed")).otherwise(pl.col("state")),
        ).join(self.members, on="problem_id", how="left")
        lines = lines.with_columns(origin=_origin(lines))
        again = pl.col("member_delivery").is_not_null() & (pl.col("member_delivery") != pl.col("origin"))
        lines = self._with_targets(lines.with_columns(again=again))
        self.assigned = lines.select("problem_id", "resource", "origin", "ticket_id", "member_delivery", "target")
        is_open = pl.col("state") == "open"
        groups = (
            lines.sort("first_seen_at", "row", "problem_id")
            .group_by("target", maintain_order=True)
            .agg(
                pl.first("agency", "resource", "first_delivery", "rule", "rule_title", "dimension", "severity", "on_failure"),
                pl.col("first_seen_at").min(),
                problems=pl.len(),
                open_problems=is_open.sum(),
                rows=pl.col("row").filter(is_open).drop_nulls().unique(maintain_order=True).head(SAMPLE_ROWS),
                closings=pl.col("closing").filter(~is_open).drop_nulls().unique().sort(),
                again=(is_open & pl.col("again")).sum(),
                last_seen_at=pl.col("last_seen_at").filter(is_open).max(),
            )
            .sort("first_seen_at", "resource", "first_delivery", "rule", "target")
        )
        return {str(row["target"]): row for row in groups.iter_rows(named=True)}

    def _with_targets(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The ticket each problem belongs to: its own, unless it came back after that one was settled for good."""
        own = lines.select("ticket_id").unique().drop_nulls()["ticket_id"].to_list()
        withdrawn = self._withdrawn({self.known[identity].delivery_id for identity in own if identity in self.known})
        keeps = [
            identity
            for identity in own
            if identity in self.known
            and (row := self.known[identity])
            and (row.closing in COMES_BACK or (row.state == "open" and row.delivery_id not in withdrawn))
        ]
        groups = lines.select("resource", "origin", "rule").unique()
        identities = [self._standing(ticket_id(*(str(part) for part in row))) for row in groups.iter_rows()]
        return (
            lines.join(groups.with_columns(default=pl.Series(identities, dtype=pl.String)), on=["resource", "origin", "rule"], how="left")
            .with_columns(
                target=pl.when(pl.col("ticket_id").is_null() | (pl.col("again") & ~pl.col("ticket_id").is_in(keeps)))
                .then(pl.col("default"))
                .otherwise(pl.col("ticket_id"))
            )
        )  # fmt: skip

    def _standing(self, identity: str) -> str:
        """The ticket that a merged one went into."""
        while identity in self.known and self.known[identity].merged_into:
            identity = self.known[identity].merged_into
        return identity

    def _withdrawn(self, deliveries: set[str]) -> set[str]:
        query = select(Delivery.id).where(Delivery.id.in_(sorted(deliveries)), Delivery.state == "withdrawn")
        return set(self.session.scalars(query)) if deliveries else set()

    def follow(self, ticket: Ticket, row: Mapping[str, Any] | None) -> None:
        """A known ticket follows its problems."""
        if row is None:
            # Its delivery was withdrawn, or its problems were settled and have come back under a later delivery.
            closing = "withdrawn" if self._withdrawn({ticket.delivery_id}) else "absent"
            self._close(ticket, closing, {"reason": "its problems are no longer filed under this delivery"})
            return
        if ticket.state == "closed":
            self._open_again(ticket, row)
            return
        if row["open_problems"] and row["again"] == row["open_problems"]:
            # all had passed and failed again before anybody looked: what was settled unseen is a round of its own
            self._close(ticket, "fixed", {"closings": ["passed"]})
            self._open_again(ticket, row)
            return
        before = {"problems": ticket.problems, "open_problems": ticket.open_problems}
        after = {"problems": max(ticket.problems, int(row["problems"])), "open_problems": int(row["open_problems"])}
        if not after["open_problems"]:
            self._close(ticket, _closing(row["closings"]), {"closings": sorted(row["closings"])}, problems=after["problems"])
            return
        rows = [int(number) for number in row["rows"]]
        if before != after:
            happened(
                self.session, ticket, "problems_changed", self.desk, SYSTEM, {"before": before, "after": after}, **after, sample_rows=rows
            )
            self.outcome["updated"].append(ticket.number)
        elif ticket.sample_rows != rows:
            happened(self.session, ticket, "seen_again", self.desk, SYSTEM, sample_rows=rows)
        if ticket.stage == "reviewing" and ticket.claimed_at is not None and row["last_seen_at"] > ticket.claimed_at:
            facts = {"reason": "复核未通过：新的交付中仍有此问题。", "open_problems": after["open_problems"]}
            happened(self.session, ticket, "review_failed", self.desk, SYSTEM, facts, claimed_at=None)

    def _open_again(self, ticket: Ticket, row: Mapping[str, Any]) -> None:
        counts: dict[str, Any] = {
            "problems": max(ticket.problems, int(row["problems"])), "open_problems": int(row["open_problems"]),
            "sample_rows": [int(number) for number in row["rows"]],
        }  # fmt: skip
        if row["again"] or ticket.closing == "confirmed":
            why = "问题再次出现。" if row["again"] else "确认无误的期限已满，问题仍在。"
            reopened(self.session, ticket, self.desk, SYSTEM, why, **counts)
            if goes_at_once(ticket, self.desk, standing_holds(self.session)):
                dispatched(self.session, ticket, self.desk)
        elif ticket.closing in ("fixed", "absent", "withdrawn"):
            # what had settled it was withdrawn: the same round goes on, under the deadline it had
            stage = "waiting" if ticket.received_at is None else "handling"
            facts = {"reason": "办结所依据的交付已撤回。", "closing": ticket.closing}
            happened(self.session, ticket, "resumed", self.desk, SYSTEM, facts, closed_at=None, closing=None, stage=stage, **counts)
        else:
            return  # rejected, merged, negotiated: that its problems still stand is what was decided on
        self.outcome["reopened"].append(ticket.number)

    def open(self, groups: Mapping[str, Mapping[str, Any]]) -> None:
        """New tickets, in the order of their problems."""
        if not groups:
            return
        holds = standing_holds(self.session)
        tickets: list[tuple[Ticket, Mapping[str, Any], dict[str, Any]]] = []
        for number, (identity, row) in zip(next_numbers(self.session, self.now, len(groups)), groups.items(), strict=True):
            columns: dict[str, Any] = {
                "number": number, "agency": row["agency"], "resource": row["resource"], "delivery_id": row["first_delivery"],
                "rule_id": row["rule"], "rule_title": row["rule_title"], "dimension": row["dimension"], "severity": row["severity"],
                "on_failure": row["on_failure"], "kind": "lead" if row["severity"] == "info" else "problem",
                "matter": "omission" if row["dimension"] == "completeness" else "error", "origin": "validation",
                "problems": int(row["problems"]), "open_problems": int(row["open_problems"]),
                "sample_rows": [int(place) for place in row["rows"]], "opened_at": self.now,
                "policy_id": self.desk.policy.id, "policy_version": self.desk.policy.version,
            }  # fmt: skip
            tickets.append((Ticket(id=identity, state="open", stage="waiting", **columns), row, columns))
        self.session.add_all([ticket for ticket, _, _ in tickets])
        self.session.flush()  # events refer to them
        for ticket, row, columns in tickets:
            happened(self.session, ticket, "opened", self.desk, SYSTEM, **columns)
            if goes_at_once(ticket, self.desk, holds):
                dispatched(self.session, ticket, self.desk)
            self.outcome["new"].append(ticket.number)
            if not ticket.open_problems:
                self._close(ticket, _closing(row["closings"]), {"closings": sorted(row["closings"])})

    def _close(self, ticket: Ticket, closing: str, facts: dict[str, Any], **changes: Any) -> None:
        happened(
            self.session, ticket, "closed", self.desk, SYSTEM, {"closing": closing, **facts},
            closing=closing, closed_at=self.now, open_problems=0, claimed_at=None, requested_due=None, **changes,
        )  # fmt: skip
        self.outcome["closed"].append(ticket.number)

    def remember(self, groups: Mapping[str, Any]) -> None:
        """Write down which ticket each problem is under now."""
        known = set(self.known) | {identity for identity, row in groups.items() if _worth_telling(row)}
        told = self.assigned.filter(pl.col("target").is_in(list(known)))
        fresh = told.filter(pl.col("ticket_id").is_null())
        moved = told.filter(
            pl.col("ticket_id").is_not_null()
            & ((pl.col("ticket_id") != pl.col("target")) | (pl.col("member_delivery") != pl.col("origin")))
        )
        columns = [pl.col("target").alias("ticket_id"), "problem_id", "resource", pl.col("origin").alias("first_delivery")]
        if fresh.height:
            self.session.execute(insert(TicketProblem), fresh.select(columns).to_dicts())
        if moved.height:
            self.session.execute(update(TicketProblem), moved.select(columns).to_dicts())


def _origin(lines: pl.DataFrame) -> pl.Expr:
    """What showed a problem first: its delivery, or a revalidation of that delivery's rows. Registers written before have no such column."""
    if "revalidation" not in lines.columns:
        return pl.col("first_delivery")
    return pl.concat_str(pl.col("first_delivery"), pl.lit("#") + pl.col("revalidation"), ignore_nulls=True)


def _worth_telling(row: Mapping[str, Any]) -> bool:
    """A problem found and settled between two calls still gets its ticket, so that the record does not depend on when this ran;
    one that was withdrawn before anybody heard of it does not."""
    return bool(row["open_problems"]) or _closing(row["closings"]) != "withdrawn"


def _closing(closings: Iterable[str]) -> str:
    settled = set(closings) & {"passed", "absent", "waived"}
    if not settled:
        return "withdrawn"
    if settled == {"waived"}:
        return "confirmed"
    return "absent" if "absent" in settled else "fixed"
