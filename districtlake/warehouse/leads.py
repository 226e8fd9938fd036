"""The table of leads: what comparisons between agencies found, one row a lead, open or closed. Like the problem register it states the
present and keeps what was; unlike it, it belongs to two agencies. ``findings`` puts both into one register for tickets.

Identity: comparison, the row that is asked about, and the items in question; the partner on the other side is evidence and may change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, write_deltalake

from districtlake.quality.problems import REGISTER
from districtlake.warehouse.tables import INSTANT, address, collected, scan_delta, scan_table

LEADS: dict[str, Any] = {
    "lead_id": pl.String, "comparison": pl.String, "code": pl.String, "rule_version": pl.Int64, "title": pl.String, "pairing": pl.String,
    # the side that is asked
    "resource": pl.String, "agency": pl.String, "key": pl.String, "item": pl.String, "value": pl.String, "delivery": pl.String, "as_of": pl.Date,
    "file": pl.String, "sheet": pl.String, "row": pl.Int64,
    # the side that is believed
    "right_resource": pl.String, "right_agency": pl.String, "right_key": pl.String, "right_item": pl.String, "right_value": pl.String,
    "right_delivery": pl.String, "right_as_of": pl.Date,
    "match_by": pl.String, "match_key": pl.String, "certainty": pl.String, "matches": pl.Int64, "reason": pl.String, "turned_reason": pl.String,
    "dimension": pl.String,
    "first_run": pl.String, "first_seen_at": INSTANT, "last_run": pl.String, "last_seen_at": INSTANT, "sightings": pl.Int64,
    "state": pl.String, "closed_run": pl.String, "closed_at": INSTANT, "closing": pl.String, "turned_over_run": pl.String,
    "turned_over_at": INSTANT,
}  # fmt: skip
"""``certainty``: "conflict" or "suspected" (疑似). ``state``: "open" or "closed"; ``closing``: "passed" (no contradiction any more), "absent" (the
row is gone), "rule_removed". ``reason`` and ``turned_reason`` are masked sentences; values and keys are as they are. ``turned_over_*``: the agency
asked first confirmed its value, so the other one is asked."""

SEVERITY, ON_FAILURE = "info", "report"


def leads_path(lake: Path) -> Path:
    return address(lake, "comparisons", "district.leads")


def leads_version(lake: Path) -> int:
    """The table's version; -1 when there is none."""
    path = str(leads_path(lake))
    return DeltaTable(path).version() if DeltaTable.is_deltatable(path) else -1


def read_leads(lake: Path) -> pl.DataFrame:
    """Every lead; schema ``LEADS``."""
    path = str(leads_path(lake))
    if not DeltaTable.is_deltatable(path):
        return pl.DataFrame(schema=LEADS)
    return collected(scan_delta(DeltaTable(path))).select(list(LEADS)).cast(pl.Schema(LEADS))


def write_leads(lake: Path, leads: pl.DataFrame) -> None:
    """The table as it will be. One writer at a time: the caller holds the lock of the comparisons."""
    path = str(leads_path(lake))
    write_deltalake(
        path, leads.select(list(LEADS)).sort("lead_id").to_arrow(), mode="overwrite", configuration={"delta.checkpointInterval": "10"}
    )


def turned_id(lead_id: str) -> str:
    """The problem id under which a lead stands on the desk of the other agency."""
    return hashlib.blake2b(f"{lead_id}\x1fturned".encode(), digest_size=16).hexdigest()


def register_of_leads(leads: pl.DataFrame, resource: str) -> pl.DataFrame:
    """The leads about a resource in the problem register's columns (``quality.problems.REGISTER``)."""
    shared = {
        "rule": pl.concat_str(pl.lit("comparison."), "comparison"), "rule_title": pl.col("title"), "severity": pl.lit(SEVERITY),
        "on_failure": pl.lit(ON_FAILURE), "closed_delivery": pl.col("closed_run"), "last_delivery": pl.col("last_run"),
    }  # fmt: skip
    asked = leads.filter(pl.col("resource") == resource).with_columns(
        **shared, problem_id=pl.col("lead_id"), first_delivery=pl.col("first_run")
    )
    turned = leads.filter((pl.col("right_resource") == resource) & pl.col("turned_over_at").is_not_null())
    turned = turned.with_columns(
        **shared, problem_id=pl.Series([turned_id(one) for one in turned["lead_id"]], dtype=pl.String), first_delivery=pl.col("turned_over_run"),
        first_seen_at=pl.col("turned_over_at"), resource=pl.col("right_resource"), agency=pl.col("right_agency"),
        key=pl.coalesce("right_key", "match_key"),  # what it was matched by stands for a row that is not there
        item=pl.col("right_item"), value=pl.col("right_value"), reason=pl.col("turned_reason"), file=pl.lit("", dtype=pl.String),
        sheet=pl.lit(None, dtype=pl.String), row=pl.lit(None, dtype=pl.Int64),
    )  # fmt: skip
    parts = [part.with_columns(revalidation=pl.lit(None, dtype=pl.String)) for part in (asked, turned)]
    return pl.concat([part.select(list(REGISTER)).cast(pl.Schema(REGISTER)) for part in parts])


def findings(lake: Path, resource: str, only: pl.Series | None = None) -> pl.DataFrame:
    """Everything found about a resource: its problem register and the leads; what tickets are made of. ``only``: of these problem ids.

    Raises:
        deltalake's own errors where the resource has no register yet; ``DamagedFile``.
    """
    scan = scan_table(lake, "problems", resource)
    problems = collected(scan if only is None else scan.filter(pl.col("problem_id").is_in(only.implode())))
    found = register_of_leads(read_leads(lake), resource)
    if only is not None:
        found = found.filter(pl.col("problem_id").is_in(only.implode()))
    return pl.concat([problems, found.select(problems.columns).cast(problems.schema)]) if found.height else problems
