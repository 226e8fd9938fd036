"""The change set against a model in plain dictionaries, and the merge on disk against the change set in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from districtlake.errors import ConcurrentChange
from districtlake.warehouse.changes import apply, change_set, difference
from districtlake.warehouse.commit import COMMIT_ORDER, Commits, read, recover, versions
from districtlake.warehouse.tables import VERSION_COLUMNS, address

START = datetime(2026, 3, 1, tzinfo=UTC)
ITEMS = ("k", "v", "w")
SCHEMA = pl.Schema({"k": pl.String, "v": pl.Int64, "w": pl.String, **VERSION_COLUMNS, "_stale": pl.Boolean})

rows = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "o'k", "名"]),
    st.tuples(st.one_of(st.none(), st.integers(0, 2)), st.sampled_from([None, "x", "y"])),
    max_size=6,
)
delivery = st.tuples(rows, st.sets(st.sampled_from(["a", "b", "c", "d"]), max_size=2), st.booleans())


def accepted_frame(content: dict[str, tuple[int | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(k, v, w, "f.csv", None, i) for i, (k, (v, w)) in enumerate(content.items())],
        schema={"k": pl.String, "v": pl.Int64, "w": pl.String, "_file": pl.String, "_sheet": pl.String, "_row": pl.Int64},
        orient="row",
    )


def keys_frame(keys: set[str]) -> pl.DataFrame:
    return pl.DataFrame({"k": sorted(keys)}, schema={"k": pl.String})


@settings(max_examples=150, deadline=None)
@given(st.lists(delivery, max_size=4))
def test_change_sets_follow_the_model(deliveries: list[tuple[dict, set[str], bool]]) -> None:
    current = pl.DataFrame(schema=SCHEMA)
    model: dict[str, tuple[object, object, int]] = {}
    for number, (content, quarantined, delete_absent) in enumerate(deliveries):
        content = {k: v for k, v in content.items() if k not in quarantined}
        at = START + timedelta(days=number)
        changes = change_set(
            current, accepted_frame(content), keys_frame(quarantined),
            key=["k"], items=ITEMS, delivery=f"d{number}", at=at, delete_absent=delete_absent,
        )  # fmt: skip
        before = dict(model)
        inserted = [k for k in content if k not in before]
        changed = [k for k in content if k in before and before[k][:2] != content[k]]
        absent = [k for k in before if k not in content and k not in quarantined]
        assert (changes.inserted, changes.changed, changes.absent) == (len(inserted), len(changed), len(absent))
        assert changes.unchanged == len(content) - len(inserted) - len(changed)
        for k in (*inserted, *changed):
            model[k] = (*content[k], number)
        if delete_absent:
            for k in absent:
                del model[k]
        ended = {(k, v, w): why for k, v, w, why in changes.ended.select("k", "v", "w", "_ending").iter_rows()}
        expected = {(k, *before[k][:2]): "replaced" for k in changed}
        expected |= {(k, *before[k][:2]): "deleted" for k in absent if delete_absent}
        assert ended == expected

        current = apply(current, changes, ["k"])
        now = {k: (v, w, int(d[1:])) for k, v, w, d in current.select("k", "v", "w", "_delivery").iter_rows()}
        assert now == model
        assert set(current.filter(pl.col("_stale"))["k"]) == quarantined & set(model)


def make_tables(lake: Path) -> None:
    for layer in COMMIT_ORDER:
        schema = SCHEMA if layer != "history" else pl.Schema({**SCHEMA, "_valid_to": pl.Datetime("us", "UTC")})
        DeltaTable.create(
            str(address(lake, layer, "a.t")), schema=pl.DataFrame(schema=schema).to_arrow().schema,
            configuration={"delta.enableChangeDataFeed": "true"},
        )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(delivery, min_size=1, max_size=4))
def test_the_merge_writes_what_memory_says_and_the_feed_holds_only_changes(deliveries: list[tuple[dict, set[str], bool]]) -> None:
    with TemporaryDirectory() as folder:
        lake = Path(folder)
        make_tables(lake)
        current = pl.DataFrame(schema=SCHEMA)
        for number, (content, quarantined, delete_absent) in enumerate(deliveries):
            content = {k: v for k, v in content.items() if k not in quarantined}
            changes = change_set(
                current, accepted_frame(content), keys_frame(quarantined),
                key=["k"], items=ITEMS, delivery=f"d{number}", at=START + timedelta(days=number), delete_absent=delete_absent,
            )  # fmt: skip
            base = versions(lake, "a.t")
            Commits(lake, "a.t", base, number).merge(changes.source, ["k"])
            current = apply(current, changes, ["k"])
            on_disk = read(lake, "warehouse", "a.t").sort("k")
            assert on_disk.equals(current.sort("k"))
            table = DeltaTable(str(address(lake, "warehouse", "a.t")))
            if changes.empty:
                assert table.version() == base["warehouse"]
                continue
            feed = pl.DataFrame(table.load_cdf(starting_version=base["warehouse"] + 1).read_all())
            touched = feed.filter(pl.col("_change_type") != "update_preimage")
            assert sorted(touched["k"]) == sorted(changes.source["k"])


def test_a_change_set_is_refused_when_another_writer_was_faster(tmp_path: Path) -> None:
    make_tables(tmp_path)
    base = versions(tmp_path, "a.t")
    rows_ = change_set(
        pl.DataFrame(schema=SCHEMA), accepted_frame({"a": (1, "x")}), keys_frame(set()),
        key=["k"], items=ITEMS, delivery="d0", at=START, delete_absent=True,
    )  # fmt: skip
    Commits(tmp_path, "a.t", base, 1).merge(rows_.source, ["k"])
    with pytest.raises(ConcurrentChange, match="another writer"):
        Commits(tmp_path, "a.t", base, 2).merge(rows_.source, ["k"])
    assert read(tmp_path, "warehouse", "a.t").height == 1


def test_recovery_undoes_what_lies_before_the_commit_point_and_keeps_what_is_complete(tmp_path: Path) -> None:
    make_tables(tmp_path)
    base = versions(tmp_path, "a.t")
    source = change_set(
        pl.DataFrame(schema=SCHEMA), accepted_frame({"a": (1, "x")}), keys_frame(set()),
        key=["k"], items=ITEMS, delivery="d0", at=START, delete_absent=True,
    ).source  # fmt: skip
    commits = Commits(tmp_path, "a.t", base, 7)
    commits.append("raw", source.drop("_op"))
    assert not recover(tmp_path, "a.t", base, 7)
    assert read(tmp_path, "raw", "a.t").height == 0
    base = versions(tmp_path, "a.t")
    commits = Commits(tmp_path, "a.t", base, 8)
    commits.append("raw", source.drop("_op"))
    commits.merge(source, ["k"])
    assert recover(tmp_path, "a.t", base, 8)
    assert read(tmp_path, "raw", "a.t").height == 1


@settings(max_examples=100, deadline=None)
@given(rows, rows)
def test_difference_turns_one_table_into_the_other(one: dict, other: dict) -> None:
    def table(content: dict) -> pl.DataFrame:
        empty = pl.DataFrame(schema=SCHEMA)
        changes = change_set(
            empty, accepted_frame(content), keys_frame(set()), key=["k"], items=ITEMS, delivery="d", at=START, delete_absent=False
        )
        return apply(empty, changes, ["k"])

    before, after = table(one), table(other)
    source = difference(before, after, ["k"])
    kept = before.join(source.select("k"), on="k", how="anti")
    written = source.filter(pl.col("_op") != "D").drop("_op")
    assert pl.concat([kept, written]).sort("k").equals(after.sort("k"))
