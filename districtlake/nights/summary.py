"""The summary of a night as data, from the tables of record (not from what the run said of itself)."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import func, select

from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery.conservation import FATES as CONSERVED
from districtlake.delivery.district import District
from districtlake.delivery.states import TITLES as STATES
from districtlake.nights.attention import attention_of, headline_of
from districtlake.nights.expected import Course, DeliveryOutcome
from districtlake.nights.missing import missing
from districtlake.nights.record import Alarm, Begun, latest
from districtlake.nights.tables_now import problem_matrix, table_rows, timeliness_now
from districtlake.notifications.sending import counts
from districtlake.quality.results import slow_rules
from districtlake.store.tables import Delivery, Night, Operation, Ticket
from districtlake.warehouse.tables import scan_table

TREND_NIGHTS = 14
"""As many nights as fit on a phone's width."""


def night_summary(
    district: District, night: Begun, *, received: Mapping[str, Any], revalidated: Sequence[Mapping[str, Any]], routed: Mapping[str, Any], runs: Sequence[Mapping[str, Any]],
    course: Course, tonight: Collection[DeliveryOutcome], alarms: Sequence[Alarm], readers: Mapping[str, Collection[str]],
    marts: Mapping[str, Any], comparisons: Mapping[str, Any], quality: Mapping[str, Any], timing: Mapping[str, Any], left_out: Sequence[str], seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """What a night did and what now stands, ready for the console, the report, and JSON. No row values anywhere in it.

    Args:
        received, revalidated, routed: what these steps said (``pipelines.nightly``). runs: its ``agency_finished`` events.
        tonight: outcomes of what the night owed. readers: ``marts.definition.marts_behind``. marts, comparisons: what these steps said.
        quality: where the quality report is and what it says in a sentence (empty: there is none).
        left_out: sentences on what was not done and why.
    """
    before = _night_before(district, night.id)
    deliveries = _deliveries(district, int((before.figures or {}).get("last_operation", 0)) if before else 0)
    totals = {name: sum(row["counts"].get(name, 0) for row in deliveries) for name in ("delivered", *CONSERVED, "deleted")}
    lacking = missing(district, tonight, readers)
    waiting = [f"{file} 仍在写入，下次再取。" for file in received.get("growing", [])]
    faults = [f"{error.message} {error.hint}" for error in district.catalog_errors]
    summary: dict[str, Any] = {
        "night": {
            "id": night.id, "date": night.night, "started_at": night.started_at,
            "launched": f"{night.started_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", "hour": f"{district.settings.nightly_at:%H:%M}",
        },
        "success": all(course.agencies.values()) and marts.get("ok", True) and comparisons.get("ok", True) and not alarms and not district.catalog_errors
        and not any(row["error"] for row in revalidated) and not routed.get("failed"),
        "deliveries": deliveries,
        "agencies": _by_agency(district, deliveries),
        "conservation": {**totals, "balanced": totals["delivered"] == sum(totals[name] for name in CONSERVED)},
        "problems": problem_matrix(district),
        "revalidated": [dict(row) for row in revalidated],
        "tickets": _tickets(district, routed, before),
        "routing": {"unreadable": dict(routed.get("unreadable", {})), "failed": dict(routed.get("failed", {}))},
        "packages": [{**package, "path": shown_path(district.settings.outbox / package["file"])} for package in routed.get("packages", [])],
        "tables": table_rows(district),
        "timeliness": timeliness_now(district),
        "messages": counts(district),
        "missing": lacking,
        "marts": dict(marts),
        "quality": dict(quality),
        "comparisons": dict(comparisons),
        "before": [alarm.as_dict() for alarm in night.before],
        "alarms": [alarm.as_dict() for alarm in alarms],
        "notices": list(received.get("notices", [])), "fetched": list(received.get("fetched", [])),
        "duplicates": list(received.get("duplicates", [])),
        "left_out": [*waiting, *faults, *left_out],
        "runs": list(runs),
        "timing": {**timing, "seconds": round(seconds, 2)},
        "slow_rules": _slow_rules(district, deliveries),
        "seconds": round(seconds, 2),
        "note": district.policy.note,
    }  # fmt: skip
    summary["attention"] = attention_of(summary)
    summary["headline"] = headline_of(summary)
    summary["trend"] = _trend(district, night, figures_of(summary))
    return summary


def figures_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the record keeps of a night for the trend of later reports: counts only."""
    total = summary["conservation"]
    return {
        "deliveries": len(summary["deliveries"]), "delivered": total["delivered"], "quarantined": total["quarantined"], "held": total["held"],
        "accepted": total["inserted"] + total["changed"] + total["unchanged"],
        "problems": sum(row["total"] for row in summary["problems"]["agencies"]),
        "tickets_opened": summary["tickets"]["opened"], "tickets_closed": summary["tickets"]["closed"],
        "tickets_open": summary["tickets"]["open"], "tickets_overdue": summary["tickets"]["overdue"],
        "attention": len(summary["attention"]), "missing": len(summary["missing"]), "seconds": summary["seconds"],
    }  # fmt: skip


def _slow_rules(district: District, deliveries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules that were judged cell by cell in these deliveries (``resource, rule, seconds``), slowest first."""
    slow = []
    for resource in sorted({str(row["resource"]) for row in deliveries}):
        try:
            results = (
                scan_table(district.lake, "results", resource)
                .filter(pl.col("_delivery").is_in([row["id"] for row in deliveries]))
                .collect()
            )
        except Exception:
            continue
        taken: dict[str, float] = {}
        for rule, seconds in slow_rules(results):
            taken[rule] = taken.get(rule, 0.0) + seconds
        slow += [{"resource": resource, "rule": rule, "seconds": round(seconds, 3)} for rule, seconds in taken.items()]
    return sorted(slow, key=lambda row: -row["seconds"])


def last_operation(district: District) -> int:
    """The number of the last operation: the next night's summary begins after it."""
    with district.store.session(read_only=True) as session:
        return session.scalar(select(func.max(Operation.id))) or 0


def _night_before(district: District, night: int) -> Night | None:
    """The last night that ended by itself: what happened since, in the daytime too, is this night's to tell."""
    query = select(Night).where(Night.id < night, Night.figures.is_not(None)).order_by(Night.id.desc()).limit(1)
    with district.store.session(read_only=True) as session:
        found = session.scalars(query).first()
        session.expunge_all()
    return found


def shown_path(path: Path) -> str:
    """A path as the person would type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _deliveries(district: District, after_operation: int) -> list[dict[str, Any]]:
    """Deliveries touched by operations above a number, in the order of their work."""
    query = (
        select(Delivery, Operation)
        .join(Operation, Operation.delivery_id == Delivery.id)
        .where(Operation.id > after_operation, Operation.kind == "process", Operation.state != "running")
        .order_by(Operation.id)
    )
    rows: dict[str, dict[str, Any]] = {}
    with district.store.session(read_only=True) as session:
        for delivery, operation in session.execute(query).tuples():
            state = delivery.state if operation.state != "failed" else "failed"
            resource = district.catalog.resources.get(delivery.resource)
            rows[delivery.id] = {
                "id": delivery.id, "resource": delivery.resource, "title": resource.title if resource else delivery.resource,
                "file": delivery.file_name, "data_date": delivery.data_date, "state": state, "state_title": STATES[state],
                "why": delivery.state_reason, "counts": delivery.counts or {}, "attempts": delivery.attempts,
            }  # fmt: skip
    return list(rows.values())


def _by_agency(district: District, deliveries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Deliveries and their rows summed by agency."""
    found: dict[str, dict[str, Any]] = {}
    for row in deliveries:
        agency = row["resource"].split(".", 1)[0]
        name = district.catalog.agencies[agency].name if agency in district.catalog.agencies else agency
        entry = found.setdefault(
            agency, {"agency": agency, "name": name, "deliveries": 0, **dict.fromkeys(("done", "held", "failed", "rows", "accepted", "quarantined", "stopped"), 0)}
        )  # fmt: skip
        counts = row["counts"]
        entry["deliveries"] += 1
        if row["state"] in ("done", "held", "failed"):
            entry[row["state"]] += 1
        entry["rows"] += counts.get("delivered", 0)
        entry["accepted"] += sum(
            counts.get(name, 0) for name in ("inserted", "changed", "unchanged", "duplicates", "deletions", "superseded")
        )
        entry["quarantined"] += counts.get("quarantined", 0)
        entry["stopped"] += counts.get("held", 0)
    return [found[agency] for agency in sorted(found)]


def _tickets(district: District, routed: Mapping[str, Any], before: Night | None) -> dict[str, Any]:
    """Tickets now open, and what opened and closed since the night before (sensors route by day)."""
    now = district.clock.now()
    today = local_date(now)
    standing = Ticket.state == "open"
    since = before.finished_at if before is not None else None
    with district.store.session(read_only=True) as session:
        count, due, provisional, overdue, due_today = session.execute(
            select(
                func.count().filter(standing), func.min(Ticket.due_date).filter(standing), func.count().filter(standing, Ticket.provisional),
                func.count().filter(standing, Ticket.due_at < now), func.count().filter(standing, Ticket.due_at >= now, Ticket.due_date == today),
            )
        ).one()  # fmt: skip
        opened = session.scalar(select(func.count()).where(Ticket.opened_at > since)) if since else 0
        closed = session.scalar(select(func.count()).where(Ticket.closed_at > since)) if since else 0
    return {
        "open": count, "next_due": due, "provisional": bool(provisional), "overdue": overdue, "due_today": due_today,
        "opened": max(opened or 0, routed.get("opened", 0)), "closed": max(closed or 0, routed.get("closed", 0)),
    }  # fmt: skip


def _trend(district: District, night: Begun, figures: dict[str, Any]) -> list[dict[str, Any]]:
    """The last nights day by day, oldest first, tonight last; a day without a night stands as one that did not run."""
    by_day: dict[str, dict[str, Any]] = {}
    for row in reversed(latest(district, 4 * TREND_NIGHTS)):
        if row.id == night.id:
            continue
        told = by_day.get(str(row.night))
        current = {"date": row.night, "state": row.state, **(row.figures or {})}
        by_day[str(row.night)] = _joined(told, current) if told else current
    tonight = {"date": night.night, "state": "done", **figures}
    earlier = by_day.pop(str(night.night), None)
    days = sorted(by_day.values(), key=lambda entry: entry["date"])
    days = [entry for entry in days if entry["date"] > night.night - timedelta(days=TREND_NIGHTS)]
    if days:
        wanted = [days[0]["date"] + timedelta(days=number) for number in range((night.night - days[0]["date"]).days)]
        by_date = {entry["date"]: entry for entry in days}
        days = [by_date.get(day, {"date": day, "state": "missed"}) for day in wanted]
    return [*days, _joined(earlier, tonight) if earlier else tonight]


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two runs of one day as one: what happened adds up, what stands is the later's."""
    joined = {**first, **second}
    for name in ("deliveries", "delivered", "accepted", "quarantined", "held", "tickets_opened", "tickets_closed", "seconds"):
        joined[name] = first.get(name, 0) + second.get(name, 0)
    return joined
