"""A resource's rules as people look at them: as they stand, what they found, which versions there were, what was confirmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl
from sqlalchemy import select

from districtlake.catalog.models import DIMENSION_TITLES, Resource
from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.errors import NotFound
from districtlake.quality import delivery_rules
from districtlake.quality.fingerprints import rule_set
from districtlake.quality.rules import Rule
from districtlake.quality.shown import masked_key
from districtlake.store.tables import Operation, Ticket, UsedRules, Waiver
from districtlake.warehouse.history import scan

_OUTCOMES = {"passed": "通过", "failed": "不通过", "not_evaluated": "未评价"}
_STATES = {"holds": "有效", "expired": "已到期", "revoked": "已撤销", "outdated": "规则已换版本"}
_BARS = 12


def described(district: District, resource: Resource) -> list[dict[str, Any]]:
    """Every rule of a resource as it stands, with A and B at the delivery judged last."""
    today = local_date(district.clock.now())
    told = rule_set(resource, district.catalog, today).rules
    last = {row["rule"]: row for row in _results(district, resource, ledger.last_judged(district.store, resource.id))}
    holding = Counter(row["rule"] for row in waivers_of(district, resource.id) if row["state"] == "holds")
    rows = []
    for rule, entry in told.items():
        result = last.get(rule, {})
        known = result.get("evaluated") is not None
        rows.append(
            {
                "id": rule, **entry, "dimension_title": DIMENSION_TITLES[entry["dimension"]], "effective": effective(entry), "waivers": holding[rule],
                "evaluated": result.get("evaluated"), "passed": result.get("passed"), "outcome": result.get("outcome"),
                "outcome_title": _OUTCOMES.get(result.get("outcome", ""), "") if entry["in_force"] else "未生效",
                "ab": f"{result['passed']:,}/{result['evaluated']:,}" if known and result.get("passed") is not None else "",
            }
        )  # fmt: skip
    return rows


def history_of(district: District, resource: Resource, rule: str, limit: int = 20) -> dict[str, Any]:
    """One rule: its versions since they were used, its results by delivery, the newest last, and what revalidations found.

    Raises:
        NotFound: the resource has no such rule and never had.
    """
    today = local_date(district.clock.now())
    now = rule_set(resource, district.catalog, today).rules
    fixed: dict[str, Rule] = {one.id: one for one in delivery_rules.of(resource)}
    with district.store.session(read_only=True) as session:
        sets = list(session.scalars(select(UsedRules).where(UsedRules.resource == resource.id).order_by(UsedRules.id)))
        asked = list(
            session.scalars(
                select(Operation)
                .where(Operation.resource == resource.id, Operation.kind == "revalidate", Operation.state == "done")
                .order_by(Operation.id)
            )
        )
        session.expunge_all()
    versions: list[dict[str, Any]] = []
    for one in sets:
        entry = one.rules.get(rule)
        if entry is not None and (not versions or versions[-1]["fingerprint"] != entry["fingerprint"]):
            versions.append({**entry, "since": one.first_used_at, "effective": effective(entry)})
    present = now.get(rule) or (
        {"title": fixed[rule].title, "expectation": fixed[rule].expectation, "version": 1} if rule in fixed else None
    )
    results = _by_delivery(district, resource, rule, limit)
    if present is None and not versions and not results:
        raise NotFound(f"{resource.id} has no rule {rule}.", hint=f"Its rules are: {', '.join([*now, *fixed])}.")
    last = present or {**(versions[-1] if versions else {"title": "", "expectation": ""}), "version": None}
    told = [
        {"at": op.started_at, "why": op.counts["why"], "rows": op.counts["rows"], "failing": op.counts["failing"].get(rule, 0)}
        for op in asked
        if op.counts
    ]
    return {
        "resource": resource.id, "rule": rule, "title": last["title"], "expectation": last["expectation"], "version": last.get("version"),
        "tolerance": last.get("tolerance"), "effective": effective(last), "versions": versions, "results": results, "revalidations": told,
    }  # fmt: skip


def waivers_of(district: District, resource: str | None = None) -> list[dict[str, Any]]:
    """Confirmed findings, those that end first on top; ``state``: "holds", "expired", "revoked", "outdated" (its rule has another version)."""
    today = local_date(district.clock.now())
    query = select(Waiver, Ticket.number).join(Ticket, Ticket.id == Waiver.ticket_id).order_by(Waiver.expires_on, Waiver.id)
    if resource is not None:
        query = query.where(Waiver.resource == resource)
    with district.store.session(read_only=True) as session:
        found = [(row, number) for row, number in session.execute(query)]
        session.expunge_all()
    versions: dict[str, dict[str, Any]] = {}
    keys: dict[str, dict[str, str]] = {}
    rows = []
    for waiver, number in found:
        entry = district.catalog.resources.get(waiver.resource)
        if waiver.resource not in versions:
            versions[waiver.resource] = rule_set(entry, district.catalog, today).rules if entry else {}
            keys[waiver.resource] = _keys(district, entry) if entry else {}
        version = versions[waiver.resource].get(waiver.rule, {}).get("version")
        state = _state(waiver, version, today)
        rows.append(
            {
                "resource": waiver.resource, "rule": waiver.rule, "rule_version": waiver.rule_version, "item": waiver.item,
                "key": keys[waiver.resource].get(waiver.problem_id, "***"), "ticket": number, "until": waiver.expires_on - timedelta(days=1),
                "days_left": max(0, (waiver.expires_on - today).days), "state": state, "state_title": _STATES[state],
                "granted_at": waiver.granted_at, "granted_by": waiver.granted_by, "explanation": waiver.explanation,
            }
        )  # fmt: skip
    return rows


def effective(entry: Mapping[str, Any]) -> str:
    """From when until when a rule holds, in words."""
    begin, end = entry.get("effective_from"), entry.get("effective_until")
    if not begin and not end:
        return "始终"
    return f"{begin or '始终'} 至 {end or '今后'}"


def _state(waiver: Waiver, version: int | None, today: Any) -> str:
    if waiver.revoked_at is not None:
        return "revoked"
    if waiver.expires_on <= today:
        return "expired"
    return "outdated" if waiver.rule_version is not None and version != waiver.rule_version else "holds"


def _keys(district: District, resource: Resource) -> dict[str, str]:
    """Problem id -> its key, masked."""
    try:
        register = scan(district.lake, "problems", resource.id).select("problem_id", "key").collect()
    except NotFound:
        return {}
    return {problem: masked_key(key, resource, district.catalog) for problem, key in register.iter_rows()}


def _results(district: District, resource: Resource, delivery: str | None) -> list[dict[str, Any]]:
    if delivery is None:
        return []
    try:
        return scan(district.lake, "results", resource.id).filter(pl.col("_delivery") == delivery).collect().to_dicts()
    except NotFound:
        return []


def _by_delivery(district: District, resource: Resource, rule: str, limit: int) -> list[dict[str, Any]]:
    try:
        rows = scan(district.lake, "results", resource.id).filter(pl.col("rule") == rule).collect()
    except NotFound:
        return []
    by_delivery = {row["_delivery"]: row for row in rows.iter_rows(named=True)}
    found = []
    for delivery in [d for d in ledger.judged(district.store, resource.id) if d.id in by_delivery][-limit:]:
        row = by_delivery[delivery.id]
        decided = row["outcome"] != "not_evaluated" and row["evaluated"]
        found.append(
            {
                "delivery": delivery.id, "data_date": delivery.data_date or delivery.received_at.astimezone(SHANGHAI).date(), "state": delivery.state,
                "version": row["rule_version"], "outcome": row["outcome"], "outcome_title": _OUTCOMES[row["outcome"]], "evaluated": row["evaluated"],
                "passed": row["passed"], "failed": row["failed"], "rate": row["failed"] / row["evaluated"] if decided else None,
                "share": f"{row['failed'] / row['evaluated']:.2%}" if decided else "", "reason": row["reason"] or "", "fingerprint": row.get("rule_fingerprint"),
            }
        )  # fmt: skip
    most = max((row["rate"] for row in found if row["rate"] is not None), default=0.0)
    return [{**row, "plot": _bar(row["rate"], most)} for row in found]


def _bar(rate: float | None, most: float) -> str:
    """A bar of text; whatever fails at all is visible."""
    if rate is None or most == 0:
        return ""
    return "█" * max(1 if rate else 0, round(_BARS * rate / most))
