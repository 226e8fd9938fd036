"""What becomes of the leads when a pairing was compared again: opened, seen again, closed. Pure: frames in, frames out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from districtlake.warehouse.leads import LEADS

_SEEN = [
    "rule_version", "code", "title", "value", "delivery", "as_of", "file", "sheet", "row", "right_resource", "right_agency", "right_key",
    "right_item", "right_value", "right_delivery", "right_as_of", "match_by", "match_key", "certainty", "matches", "reason", "turned_reason",
    "dimension",
]  # fmt: skip
"""What a lead says of the present; renewed each time it is found."""


@dataclass(frozen=True)
class Standing:
    """The leads of a pairing after a comparison, and how many were opened and closed."""

    leads: pl.DataFrame
    opened: int
    closed: int
    open: int


def after(
    before: pl.DataFrame,
    found: pl.DataFrame,
    compared: pl.Series | None,
    present: pl.Series,
    *,
    run: str,
    at: datetime,
    left: date,
    right: date,
) -> Standing:
    """The leads of one pairing.

    Args:
        before: its leads so far; found: lines of ``comparison.found``; both ``LEADS``.
        compared: match keys that were compared; None: all.
        present: text keys of left rows that still exist, at least those of open leads.
        left, right: as-of dates of the sides. An open lead that was not compared again stands, since none of its rows changed; where a
            newer batch still carries them it is a sighting.
    """
    was_open = before.filter(pl.col("state") == "open")
    carried = was_open.join(found.select("lead_id", *_SEEN), on="lead_id", how="inner", suffix="__now")
    newer = (pl.col("as_of") < pl.col("as_of__now")) | (pl.col("right_as_of") < pl.col("right_as_of__now"))
    carried = carried.with_columns(
        _newer=newer.fill_null(True) | pl.col("value").ne_missing(pl.col("value__now")) | pl.col("right_value").ne_missing(pl.col("right_value__now"))
    ).with_columns(
        *[pl.col(f"{name}__now").alias(name) for name in _SEEN],
        last_run=pl.when("_newer").then(pl.lit(run)).otherwise("last_run"), last_seen_at=pl.when("_newer").then(pl.lit(at)).otherwise("last_seen_at"),
        sightings=pl.col("sightings") + pl.col("_newer").cast(pl.Int64),
    )  # fmt: skip
    again = found.join(was_open.select("lead_id"), on="lead_id", how="anti")
    opened = again.with_columns(
        first_run=pl.lit(run), first_seen_at=pl.lit(at), last_run=pl.lit(run), last_seen_at=pl.lit(at), sightings=pl.lit(1, dtype=pl.Int64),
        state=pl.lit("open"),
    )  # fmt: skip
    rest = was_open.join(found.select("lead_id"), on="lead_id", how="anti")
    ends = pl.lit(True) if compared is None else pl.col("match_key").is_in(compared.implode())
    gone = rest.filter(ends).with_columns(
        state=pl.lit("closed"), closed_run=pl.lit(run), closed_at=pl.lit(at),
        closing=pl.when(pl.col("key").is_in(present.implode())).then(pl.lit("passed")).otherwise(pl.lit("absent")),
    )  # fmt: skip
    stands = rest.filter(~ends)
    fresh = (pl.col("as_of") < left) | (pl.col("right_as_of") < right)
    stands = stands.with_columns(
        last_run=pl.when(fresh).then(pl.lit(run)).otherwise("last_run"), last_seen_at=pl.when(fresh).then(pl.lit(at)).otherwise("last_seen_at"),
        sightings=pl.col("sightings") + fresh.cast(pl.Int64), as_of=pl.lit(left), right_as_of=pl.lit(right),
    )  # fmt: skip
    closed_before = before.filter(pl.col("state") == "closed").join(opened.select("lead_id"), on="lead_id", how="anti")
    schema = pl.Schema(LEADS)
    parts = [part.select(list(LEADS)).cast(schema) for part in (closed_before, carried, opened, gone, stands)]
    return Standing(pl.concat(parts), opened.height, gone.height, carried.height + opened.height + stands.height)
