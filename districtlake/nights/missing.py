"""What is missing from which mart: deliveries that have not reached the warehouse, and every mart that reads their resource."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

from sqlalchemy import select

from districtlake.delivery.district import District
from districtlake.delivery.states import TITLES
from districtlake.nights.expected import DeliveryOutcome
from districtlake.store.tables import Delivery

OUTCOME_TITLES = {**TITLES, "waits": "等待", "uncatalogued": "目录有误", "none": "没有结果"}
RESEND = "不可放行：由提供单位改正后重新报送。"


def missing(district: District, tonight: Collection[DeliveryOutcome], readers: Mapping[str, Collection[str]]) -> list[dict[str, Any]]:
    """Deliveries that have not reached the warehouse and that no later snapshot has made up for, and broken catalogue entries.

    Returns:
        One dict each: ``resource title agency agency_name delivery file data_date outcome outcome_title why hint tonight marts``, the
        last a list of ``{"id", "title"}``. Tonight's first.
    """
    by_id = {outcome.id: outcome for outcome in tonight}
    with district.store.session(read_only=True) as session:
        open_ones = list(
            session.scalars(
                select(Delivery).where(Delivery.state.in_(("held", "failed", "pending"))).order_by(Delivery.resource, Delivery.order_key)
            )
        )
        done = select(Delivery.resource, Delivery.order_key).where(Delivery.state == "done", Delivery.mode == "snapshot")
        made_up: dict[str, str] = {}
        for resource, order in session.execute(done).tuples():
            made_up[resource] = max(made_up.get(resource, ""), order)
        session.expunge_all()
    rows = []
    for row in open_ones:
        told = by_id.get(row.id)
        if row.state == "pending" and told is None:
            continue  # came after the night had begun: the next one's
        if row.order_key < made_up.get(row.resource, ""):
            continue
        outcome = told.outcome if told is not None else row.state
        why = (told.why if told is not None else "") or row.state_reason
        hint = _remedy(row, outcome, told.hint if told is not None else "")
        rows.append(_entry(district, row.resource, readers, outcome, why, hint, row, told is not None))
    for file, resource, problem, hint in _broken_entries(district):
        rows.append(_entry(district, resource, readers, "uncatalogued", f"{file}：{problem}", hint, None, True))
    return sorted(
        rows, key=lambda entry: (not entry["tonight"], entry["resource"], entry["data_date"] is not None, entry["data_date"] or "")
    )


def _entry(
    district: District, resource: str, readers: Mapping[str, Collection[str]], outcome: str, why: str, hint: str,
    row: Delivery | None, tonight: bool,
) -> dict[str, Any]:  # fmt: skip
    known, agency = district.catalog.resources.get(resource), resource.split(".", 1)[0]
    return {
        "resource": resource, "title": known.title if known else resource, "agency": agency,
        "agency_name": district.catalog.agencies[agency].name if agency in district.catalog.agencies else agency,
        "delivery": row.id if row else None, "file": row.file_name if row else "", "data_date": row.data_date if row else None,
        "outcome": outcome, "outcome_title": OUTCOME_TITLES[outcome], "why": why, "hint": hint, "tonight": tonight,
        "marts": [
            {"id": mart, "title": district.catalog.marts[mart].title if mart in district.catalog.marts else mart}
            for mart in readers.get(resource, ())
        ],
    }  # fmt: skip


def _remedy(row: Delivery, outcome: str, hint: str) -> str:
    if outcome != "held":
        return hint or f"排除原因后：districtlake deliveries reprocess {row.id} --reason …"
    read = (row.receipt or {}).get("read") or {}
    if "error" in read or row.state_reason.startswith("文件缺少数据项"):
        return RESEND
    return f"核实属实：districtlake deliveries release {row.id} --reason …；确系错误：请提供单位重新报送，或撤回（withdraw）。"


def _broken_entries(district: District) -> list[tuple[str, str, str, str]]:
    """(file, resource, what is wrong, remedy) of entries of resources that could not be used."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for error in district.catalog_errors:
        parts = PurePath(str(getattr(error, "file", ""))).parts
        if len(parts) >= 3 and parts[-3] == "resources":
            resource = f"{parts[-2]}.{PurePath(parts[-1]).stem}"
            if resource in found or resource in district.catalog.resources:  # its first fault; the check lists them all
                continue
            found[resource] = ("/".join(parts[-3:]), resource, str(getattr(error, "problem", error.message)), error.hint)
    return list(found.values())
