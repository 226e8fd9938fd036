"""确认无误 of the agency asked first turns a lead over to the other one: two agencies cannot both be right, and the record must show whose it is.

The waiver of its provider (one year at most, one value only) closes the lead on its desk; while it holds, the lead stands on the desk of the
agency that was believed. When the waiver ends or the value changes, the lead comes back to the first.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from districtlake.store.engine import Store
from districtlake.tickets import waivers
from districtlake.warehouse.leads import LEADS


def turned_over(leads: pl.DataFrame, store: Store, today: date, *, run: str, at: datetime) -> pl.DataFrame:
    """The leads with ``turned_over_*`` as the waivers in force say; ``LEADS``. Only leads about a resource's row can be turned over to one."""
    if not leads.height:
        return leads
    with store.session(read_only=True) as session:
        held = waivers.in_force(session, leads["resource"].unique().to_list(), today)
    if not held and leads["turned_over_at"].is_null().all():
        return leads
    confirmed = held.covers(leads.select(pl.col("lead_id").alias("problem_id"), "value"))
    standing = confirmed & (leads["state"] == "open") & (leads["right_agency"] != "")
    fresh = standing & leads["turned_over_at"].is_null()
    # closed ones keep what was, for their ticket
    ended = ~confirmed & (leads["state"] == "open")
    return leads.with_columns(
        turned_over_run=pl.when(fresh).then(pl.lit(run)).when(ended).then(None).otherwise("turned_over_run"),
        turned_over_at=pl.when(fresh).then(pl.lit(at)).when(ended).then(None).otherwise("turned_over_at"),
    ).cast(pl.Schema(LEADS))
