"""By hand, second half: the tables of ``way_by_hand``, written and merged with plain deltalake."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, write_deltalake

INSTANT = pl.Datetime("us", "UTC")
PROBLEM = (
    *("problem_id", "resource", "agency", "rule", "rule_title", "item", "key", "first_delivery", "first_seen_at", "last_delivery"),
    *("last_seen_at", "sightings", "state", "closed_delivery", "closed_at", "closing", "dimension", "severity", "on_failure"),
    *("file", "sheet", "row", "value", "reason", "revalidation"),
)


def append(lake: Path, table: str, frame: pl.DataFrame, **options: Any) -> None:
    write_deltalake(str(lake / table), frame, mode="append", **options)


def overwrite(lake: Path, table: str, frame: pl.DataFrame) -> None:
    write_deltalake(str(lake / table), frame, mode="overwrite")


def stands(lake: Path, table: str) -> bool:
    return DeltaTable.is_deltatable(str(lake / table))


def later_copies(frame: pl.DataFrame, raw: pl.DataFrame, names: list[str], faults: dict[str, pl.DataFrame]) -> pl.Series:
    """True for rows that repeat an earlier one: same values, and the same text where a cell is at fault."""
    again = frame[names[0]].is_duplicated().arg_true()
    copies = pl.Series([False]).new_from_index(0, frame.height)
    if not len(again):
        return copies
    content = []
    for name in names:
        wrong = again.is_in(faults[name]["_index"].implode())
        content.append(
            pl.select(pl.when(wrong).then(raw[name].gather(again)).otherwise(frame[name].gather(again).cast(pl.String)))
            .to_series()
            .alias(name)
        )
    later = ~pl.DataFrame(content).select(pl.struct(pl.all()).is_first_distinct().alias("first"))["first"]
    return copies.scatter(again.filter(later), True)


def sightings(frame: pl.DataFrame, raw: pl.DataFrame, failures: pl.DataFrame, constants: dict[str, Any]) -> pl.DataFrame:
    """Every failing row and rule with its sentences: ``_index``, place, key, value as delivered, reason, identity."""
    rules = pl.DataFrame(constants["rules"]).with_row_index("_order")
    reasons = [(item, code, text) for item, codes in constants["reasons"].items() for code, text in codes.items()]
    reason = pl.DataFrame(reasons, schema=["item", "code", "reason"], orient="row")
    told = failures.join(rules, on="rule").join(reason, on=["item", "code"], how="left").sort("_order", "_index")
    place = frame.select("_file", "_sheet", "_row", "citizen_id")[told["_index"]].rename(
        {"_file": "file", "_sheet": "sheet", "_row": "row", "citizen_id": "key"}
    )
    told = pl.concat([told, place], how="horizontal").with_columns(reason=pl.coalesce("reason", "rule_title"))
    values = []
    for (item,), group in told.group_by("item", maintain_order=True):
        cells = raw.select(str(item).split("+"))[group["_index"]]
        values.append(group.with_columns(value=cells.select(pl.concat_str(pl.all().fill_null("（空）"), separator=" / ")).to_series()))
    told = pl.concat(values).sort("_order", "_index")
    resource = constants["resource"]
    identity = [
        hashlib.blake2b("\x1f".join((resource, rule, key, item)).encode(), digest_size=16).hexdigest()
        for rule, key, item in told.select("rule", "key", "item").iter_rows()
    ]
    return told.with_columns(problem_id=pl.Series(identity, dtype=pl.String))


def quarantine(frame: pl.DataFrame, raw: pl.DataFrame, told: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, pl.Series]:
    """The rows that do not pass, with every rule they broke; and which rows those are."""
    index = told.filter(pl.col("on_failure") == "quarantine")["_index"].unique().sort()
    mask = pl.Series([False]).new_from_index(0, frame.height).scatter(index, True)
    broken = told.filter(pl.col("_index").is_in(index.implode())).group_by("_index", maintain_order=True)
    lists = broken.agg(pl.col("rule").alias("rules"), pl.col("reason").alias("reasons")).sort("_index")
    delivered = raw.select(names)[index].rename({name: f"{name}__raw" for name in names})
    text = [pl.coalesce(pl.col(name).cast(pl.String), f"{name}__raw").alias(name) for name in names]
    rows = pl.concat([frame[index], delivered, lists.drop("_index")], how="horizontal").with_columns(key=names[0])
    return rows.select("_delivery", "_file", "_sheet", "_row", "key", *text, "_extra", "rules", "reasons"), mask


def with_standing(lake: Path, quarantine: pl.DataFrame, came: pl.Series) -> pl.DataFrame:
    """The quarantine of a delivery that is not the whole list: rows of keys that did not come stay."""
    if not stands(lake, "quarantine"):
        return quarantine
    standing = pl.scan_delta(str(lake / "quarantine")).collect()
    return pl.concat([standing.filter(~pl.col("key").is_in(came.unique().implode())).select(quarantine.columns), quarantine])


def register(
    lake: Path, told: pl.DataFrame, keys: pl.Series, constants: dict[str, Any], delivery: str, now: datetime, *, whole: bool
) -> pl.DataFrame:
    """The register of problems: seen ones opened or sighted again, the others closed, as the key came or (of a whole list) not."""
    seen = told.unique("problem_id", keep="first", maintain_order=True)
    none = pl.lit(None, dtype=pl.String)
    opened = seen.with_columns(
        resource=pl.lit(constants["resource"]), agency=pl.lit(constants["agency"]),
        first_delivery=pl.lit(delivery), first_seen_at=pl.lit(now).cast(INSTANT),
        last_delivery=pl.lit(delivery), last_seen_at=pl.lit(now).cast(INSTANT), sightings=pl.lit(1, dtype=pl.Int64), state=pl.lit("open"),
        closed_delivery=none, closed_at=pl.lit(None, dtype=INSTANT), closing=none, revalidation=none,
    ).select(PROBLEM)  # fmt: skip
    if not stands(lake, "problems"):
        return opened.sort("problem_id")
    before = pl.scan_delta(str(lake / "problems")).collect()
    was_open = before.filter(pl.col("state") == "open")
    first = was_open.select("problem_id", "first_delivery", "first_seen_at", was="sightings")
    carried = (
        opened.drop("first_delivery", "first_seen_at")
        .join(first, on="problem_id")
        .with_columns(sightings=pl.col("was") + 1)
        .select(PROBLEM)
    )
    new = opened.join(first, on="problem_id", how="anti")
    came = pl.col("key").is_in(keys.unique().implode())
    unseen = was_open.join(opened, on="problem_id", how="anti")
    waiting = unseen.clear() if whole else unseen.filter(~came)
    closed = (unseen if whole else unseen.filter(came)).with_columns(
        state=pl.lit("closed"), closed_delivery=pl.lit(delivery), closed_at=pl.lit(now).cast(INSTANT),
        closing=pl.when(came).then(pl.lit("passed")).otherwise(pl.lit("absent")),
    )  # fmt: skip
    earlier = before.filter(pl.col("state") == "closed").join(new, on="problem_id", how="anti")
    return pl.concat([frame.select(PROBLEM) for frame in (earlier, waiting, closed, carried, new)]).sort("problem_id")


def to_warehouse(
    lake: Path, accepted: pl.DataFrame, stale: pl.Series, names: list[str], key: str, delivery: str, at: datetime, *, whole: bool
) -> None:
    """Merge a day: changed, new and (of a whole list) gone rows, ended versions into history, the quarantined marked stale."""
    moment = pl.lit(at).cast(INSTANT)
    accepted = accepted.with_columns(_valid_from=moment, _stale=pl.lit(value=False))
    columns = [*names, "_delivery", "_file", "_sheet", "_row", "_valid_from", "_stale"]
    if not stands(lake, "warehouse"):
        first = accepted.select(columns).sort(key)
        append(lake, "history", ended(first.clear(), "", at, delivery))
        append(lake, "warehouse", first, configuration={"delta.enableChangeDataFeed": "true"})
        return
    current = pl.scan_delta(str(lake / "warehouse")).collect()
    stale_keys = pl.DataFrame({key: stale}).unique()
    new = accepted.join(current, on=key, how="anti")
    both = accepted.join(current.select(names), on=key, suffix="__now")
    changed = both.filter(pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"{n}__now")) for n in names if n != key))
    gone = current.join(pl.concat([accepted.select(key), stale_keys]), on=key, how="anti") if whole else current.clear()
    touched = pl.concat([changed.select(key), gone.select(key)])
    flags = (
        current.join(touched, on=key, how="anti")
        .with_columns(_now=pl.col(key).is_in(stale_keys[key].implode()))
        .filter(pl.col("_now") != pl.col("_stale"))
    )
    source = pl.concat(
        [
            new.select(columns).with_columns(_op=pl.lit("I")),
            changed.select(columns).with_columns(_op=pl.lit("U")),
            gone.select(columns).with_columns(_op=pl.lit("D")),
            flags.with_columns(_stale=pl.col("_now")).select(columns).with_columns(_op=pl.lit("S")),
        ]
    )
    replaced = current.join(changed.select(key), on=key, how="semi")
    append(lake, "history", pl.concat([ended(replaced, "replaced", at, delivery), ended(gone, "deleted", at, delivery)]))
    merge(lake, source, columns, key)


def ended(rows: pl.DataFrame, word: str, at: datetime, delivery: str) -> pl.DataFrame:
    return rows.drop("_stale").with_columns(_valid_to=pl.lit(at).cast(INSTANT), _ended_by=pl.lit(delivery), _ending=pl.lit(word))


def merge(lake: Path, source: pl.DataFrame, columns: list[str], key: str) -> None:
    low, high = str(source[key].min()), str(source[key].max())
    every = {name: f"s.{name}" for name in columns}
    (
        DeltaTable(str(lake / "warehouse"))
        .merge(source, f"t.{key} = s.{key} AND t.{key} >= '{low}' AND t.{key} <= '{high}'", source_alias="s", target_alias="t")
        .when_matched_update(every, predicate="s._op = 'U'")
        .when_matched_update({"_stale": "s._stale"}, predicate="s._op = 'S'")
        .when_matched_delete(predicate="s._op = 'D'")
        .when_not_matched_insert(every, predicate="s._op = 'I'")
        .execute()
    )
