"""What an operator can do, and what holds a delivery: each action leaves the tables as if it had been so from the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery import operations
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Engine, Hooks
from districtlake.delivery.receive import receive
from districtlake.errors import OperationRefused
from districtlake.store.tables import AuditEvent, Operation, Ticket
from districtlake.warehouse.commit import read
from districtlake.warehouse.history import as_of, changed_by
from districtlake.warehouse.tables import address
from pipelines.routing import route
from tests.plain_validator import validate
from tests.running import run_folder, run_pending, tables
from tests.small_district import NOON, NOTES, PAYMENTS, PEOPLE, Row, day, deliver, deliveries, open_small, write_catalog

GOOD: list[Row] = [("A1", "甲", 1, None), ("A2", "乙", 2, None), ("A3", "丙", 3, None), ("A4", "丁", 4, None)]
BY = {"actor": "处长", "reason": "经核实"}


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    opened = open_small(tmp_path)
    yield opened
    opened.store.close()


def engine(committed: Callable[[str], None] = lambda layer: None) -> Engine:
    return Engine(validator=validate, hooks=Hooks(committed=committed))


def give(district: District, name: str, rows: list[Row], **more: Any) -> str:
    """Deliver and process one file; its state afterwards."""
    deliver(district.settings.inbox, name, rows, **more)
    run_folder(district, district.settings.inbox, engine())
    return deliveries(district)[name].state


def current(district: District, resource: str = PEOPLE) -> dict[str, tuple[Any, ...]]:
    frame = read(district.lake, "warehouse", resource)
    return {row["code"]: (row["name"], row["amount"], row["_stale"]) for row in frame.to_dicts()}


def problems(district: District, resource: str = PEOPLE, state: str = "open") -> set[tuple[str, str]]:
    register = read(district.lake, "problems", resource).filter(pl.col("state") == state)
    return set(register.select("rule", "key").iter_rows())


def audit(district: District, action: str) -> list[tuple[str, str, str]]:
    with district.store.session(read_only=True) as session:
        found = session.scalars(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id))
        return [(event.object_id, event.actor, event.reason) for event in found]


# what holds a delivery --------------------------------------------------------------------------------------------------
def test_the_drop_guard_lets_its_limit_through_and_not_one_more(district: District) -> None:
    assert give(district, f"people_{day(1)}.csv", GOOD) == "done"
    assert give(district, f"people_{day(2)}.csv", GOOD[:2]) == "done"  # half of four: the limit itself
    assert set(current(district)) == {"A1", "A2"}
    assert give(district, f"people_{day(3)}.csv", [("B1", "甲", 1, None)]) == "held"  # both gone
    assert set(current(district)) == {"A1", "A2"}
    assert problems(district) == {("delivery.shrink", "")}


def test_a_correction_is_exempt_from_the_guard_and_patches_by_key(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    assert give(district, f"people_fix_{day(1)}.csv", [("A2", "乙", 20, None)]) == "done"
    assert {code: values[1] for code, values in current(district).items()} == {"A1": 1, "A2": 20, "A3": 3, "A4": 4}


def test_a_held_snapshot_released_is_judged_in_full(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    name = f"people_{day(2)}.csv"
    assert give(district, name, [("A1", "甲", 999, None)]) == "held"
    assert problems(district) == {("delivery.shrink", "")}, "a held delivery raises only what held it"
    route(district)
    identifier = deliveries(district)[name].id
    with pytest.raises(OperationRefused, match="需要理由"):
        operations.release(district, identifier, engine(), actor="处长", reason="  ")
    outcomes = operations.release(district, identifier, engine(), **BY)
    assert [(outcome.delivery, outcome.state) for outcome in outcomes] == [(identifier, "done")]
    assert current(district) == {"A1": ("甲", 1, True)}, "the failing row's last good version stays, stale"
    assert problems(district) == {("amount.range", "A1")}
    assert audit(district, "delivery.release") == [(identifier, "处长", "经核实")]
    with pytest.raises(OperationRefused, match="状态是“已入仓”，不是“暂停”"):
        operations.release(district, identifier, engine(), **BY)
    assert route(district).closed == 1  # the guard's ticket


def test_missing_required_columns_cannot_be_released(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    name = f"people_{day(2)}.csv"
    assert give(district, name, [("A1", 5)], header="编号,数量") == "held"
    before = tables(district)
    identifier = deliveries(district)[name].id
    with pytest.raises(OperationRefused, match="名称") as refused:
        operations.release(district, identifier, engine(), **BY)
    assert refused.value.hint
    assert tables(district) == before
    assert deliveries(district)[name].state == "held"
    assert audit(district, "delivery.release") == []
    with district.store.session(read_only=True) as session:
        released = session.scalars(select(Operation).where(Operation.kind == "release")).all()
        assert [operation.state for operation in released] == ["failed"], "a refused release overrules nothing later"


def test_a_missing_optional_column_says_nothing(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    assert give(district, f"people_{day(2)}.csv", [(c, n) for c, n, *_ in GOOD], header="编号,名称") == "done"
    assert {code: values[1] for code, values in current(district).items()} == {"A1": 1, "A2": 2, "A3": 3, "A4": 4}


def test_an_older_snapshot_arriving_late_is_held_and_can_be_released(district: District) -> None:
    give(district, f"people_{day(3)}.csv", GOOD)
    late = f"people_{day(2)}.csv"
    assert give(district, late, [*GOOD[:3], ("A4", "丁", 44, None)]) == "held"
    assert f"people_{day(3)}.csv" in deliveries(district)[late].state_reason
    assert current(district)["A4"][1] == 4
    operations.release(district, deliveries(district)[late].id, engine(), **BY)
    assert current(district)["A4"][1] == 44
    moment = FixedClock(NOON).now()
    assert as_of(district.lake, district.resource(PEOPLE), moment).collect()["code"].is_unique().all()


def test_versions_of_one_row_never_overlap(district: District) -> None:
    """A correction of an earlier day comes after a later list: it counts from the later list on, so every moment shows one version."""
    give(district, f"people_{day(1)}.csv", GOOD)
    give(district, f"people_{day(3)}.csv", [("A1", "甲", 10, None), *GOOD[1:3]])
    give(district, f"people_fix_{day(2)}.csv", [("A1", "甲", 20, None), ("A4", "丁", 40, None)])
    resource = district.resource(PEOPLE)
    seen = {}
    for number in (1, 2, 3, 4):
        frame = as_of(district.lake, resource, NOON.replace(day=number)).collect()
        assert frame["code"].is_unique().all(), f"day {number}"
        seen[number] = dict(frame.select("code", "amount").iter_rows())
    assert seen[1] == seen[2] == {"A1": 1, "A2": 2, "A3": 3, "A4": 4}
    assert seen[3] == seen[4] == {"A1": 20, "A2": 2, "A3": 3, "A4": 40}


# keys that cannot be read, rows that fail -----------------------------------------------------------------------------
def test_an_unreadable_key_defers_deletions_until_a_clean_snapshot(district: District) -> None:
    give(district, f"people_{day(1)}.csv", [*GOOD[:3], ("A4", "丁", 400, None)])  # A4 never was good
    give(district, f"people_{day(2)}.csv", GOOD)
    give(district, f"people_{day(3)}.csv", [*GOOD[:3], ("A4", "丁", 400, None)])
    assert current(district)["A4"] == ("丁", 4, True)
    name = f"people_{day(4)}.csv"
    assert give(district, name, [*GOOD[:2], (None, "丙", 3, None)]) == "done"
    counts = deliveries(district)[name].counts
    assert counts is not None
    assert (counts["deleted"], counts["deletions_deferred"], counts["quarantined"]) == (0, 1, 1)
    assert set(current(district)) == {"A1", "A2", "A3", "A4"}
    assert current(district)["A4"] == ("丁", 4, True), "nothing new is known of A4: it stays stale, its problem open"
    assert ("amount.range", "A4") in problems(district)
    quarantined = read(district.lake, "quarantine", PEOPLE)
    assert set(quarantined["code"]) == {None, "A4"}
    assert give(district, f"people_{day(5)}.csv", GOOD[:2]) == "done"
    assert set(current(district)) == {"A1", "A2"}
    assert problems(district) == set()
    assert read(district.lake, "quarantine", PEOPLE).height == 0


def test_a_quarantined_row_keeps_its_last_good_version_and_becomes_fresh_again(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    give(district, f"people_{day(2)}.csv", [("A1", "甲", 101, None), *GOOD[1:]])
    assert current(district)["A1"] == ("甲", 1, True)
    assert read(district.lake, "quarantine", PEOPLE)["code"].to_list() == ["A1"]
    give(district, f"people_{day(3)}.csv", GOOD)  # as on day 1
    assert current(district)["A1"] == ("甲", 1, False)
    assert read(district.lake, "quarantine", PEOPLE).height == 0
    assert problems(district) == set()
    assert read(district.lake, "history", PEOPLE).height == 0, "its content never changed"


# withdrawing ---------------------------------------------------------------------------------------------------------
SEQUENCE: dict[str, list[Row]] = {
    f"people_{day(1)}.csv": GOOD,
    f"people_{day(2)}.csv": [("A1", "甲", 500, None), ("A2", "乙乙", 2, None), ("A5", "戊", 5, None)],
    f"people_fix_{day(2)}.csv": [("A1", "甲", 50, None), ("A3", "丙", None, "补")],
    f"people_{day(4)}.csv": [("A1", "甲", 50, None), ("A2", "乙", 2, None), ("A5", "一个过长的名称啊啊", 501, None)],
}


@pytest.mark.parametrize("rebuilt", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", list(SEQUENCE))
def test_withdrawn_exactly(tmp_path: Path, name: str, rebuilt: bool) -> None:
    """The tables equal those of a district that never got the delivery; also after an earlier rebuild (the fold starts from nothing)."""
    used, never = open_small(tmp_path / "used"), open_small(tmp_path / "never", catalog_dirs=(write_catalog(tmp_path / "catalog"),))
    with used.store, never.store:
        for file, rows in SEQUENCE.items():
            assert give(used, file, rows) == "done"
            if file != name:
                give(never, file, rows)
        route(used)
        identifier = deliveries(used)[name].id
        if rebuilt:
            before = tables(used)
            operations.reprocess(used, deliveries(used)[f"people_{day(1)}.csv"].id, engine(), **BY)
            assert tables(used) == before, "reprocessing under the same rules changes nothing"
        operations.withdraw(used, identifier, engine(), **BY)
        after, expected = tables(used), tables(never)
        raw = [row for row in after.pop(f"raw/{PEOPLE}") if row["_delivery"] != identifier]
        assert raw == expected.pop(f"raw/{PEOPLE}"), "what was received stays on record"
        register = after.pop(f"problems/{PEOPLE}")
        standing = expected.pop(f"problems/{PEOPLE}")
        assert [row for row in register if row in standing] == standing
        for row in register:
            if row not in standing:  # only the withdrawn delivery knew it: on record, closed
                assert (row["state"], row["first_delivery"]) == ("closed", identifier)
                assert row["closing"] == "withdrawn" or row["closed_delivery"] != identifier
        assert after == expected
        assert deliveries(used)[name].state == "withdrawn"
        assert audit(used, "delivery.withdraw") == [(identifier, "处长", "经核实")]
        route(used)
        with used.store.session(read_only=True) as session:
            of_it = session.scalars(select(Ticket).where(Ticket.delivery_id == identifier, Ticket.state == "open")).all()
            open_problems = {row["problem_id"] for row in register if row["state"] == "open" and row["first_delivery"] == identifier}
            assert not of_it
            assert not open_problems
        with pytest.raises(OperationRefused, match="已撤回"):
            operations.withdraw(used, identifier, engine(), **BY)


def test_an_item_taken_out_of_the_catalogue_stops_no_reprocessing(tmp_path: Path) -> None:
    """Its column stays in the tables, empty in what is written anew."""
    name = f"people_{day(2)}.csv"
    with (used := open_small(tmp_path)).store:
        give(used, f"people_{day(1)}.csv", [("A1", "甲", 1, "注"), ("A2", "乙", 2, "注")])
        give(used, name, [("A1", "甲", 11, "注"), ("A2", "乙", 200, "注")])
    for entry in (tmp_path / "catalog" / "resources").glob("*/*.yaml"):
        lines = entry.read_text(encoding="utf-8").splitlines(keepends=True)
        entry.write_text("".join(line for line in lines if "name: remark" not in line), encoding="utf-8")
    with (used := open_small(tmp_path)).store:
        (outcome,) = operations.reprocess(used, deliveries(used)[name].id, engine(), **BY)
        assert outcome.state == "done"
        raw = read(used.lake, "raw", PEOPLE)
        assert dict(raw.group_by("_delivery").agg(pl.col("remark").drop_nulls().len()).iter_rows()) == {
            deliveries(used)[f"people_{day(1)}.csv"].id: 2, outcome.delivery: 0,
        }  # fmt: skip
        assert current(used) == {"A1": ("甲", 11, False), "A2": ("乙", 2, True)}


def test_a_pending_delivery_is_withdrawn_without_a_trace(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    before = tables(district)
    deliver(district.settings.inbox, f"people_{day(2)}.csv", GOOD[:3])
    receive(district)
    name = f"people_{day(2)}.csv"
    assert operations.withdraw(district, deliveries(district)[name].id, engine(), **BY) == []
    assert run_pending(district, engine()) == []
    assert tables(district) == before
    assert audit(district, "delivery.withdraw") == [(deliveries(district)[name].id, "处长", "经核实")]


def test_withdrawing_a_held_delivery_closes_what_it_raised(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    name = f"people_{day(2)}.csv"
    assert give(district, name, GOOD[:1]) == "held"
    route(district)
    operations.withdraw(district, deliveries(district)[name].id, engine(), **BY)
    assert problems(district) == set()
    assert problems(district, state="closed") == {("delivery.shrink", "")}
    assert route(district).closed == 1


def test_a_withdrawn_file_can_be_delivered_again_under_another_name(district: District) -> None:
    give(district, f"payments_{day(1)}.csv", GOOD[:2])
    operations.withdraw(district, deliveries(district)[f"payments_{day(1)}.csv"].id, engine(), **BY)
    assert current(district, PAYMENTS) == {}
    assert give(district, f"payments_{day(1)}_again.csv", GOOD[:2]) == "done"
    assert set(current(district, PAYMENTS)) == {"A1", "A2"}


# other rules ----------------------------------------------------------------------------------------------------------
def test_reprocessing_under_tighter_rules_revalidates_unchanged_rows(tmp_path: Path) -> None:
    with open_small(tmp_path).store:
        first = open_small(tmp_path)
        give(first, f"people_{day(1)}.csv", [("A1", "甲", 80, None), ("A2", "乙", 2, None)])
        give(first, f"people_{day(2)}.csv", [("A1", "甲", 80, None), ("A2", "乙", 3, None)])
        identifier = deliveries(first)[f"people_{day(2)}.csv"].id
        first.store.close()
        write_catalog(tmp_path / "catalog", most=50)
        tightened = open_district(first.settings, clock=FixedClock(NOON))
        operations.reprocess(tightened, identifier, engine(), **BY)
        assert current(tightened) == {"A1": ("甲", 80, True), "A2": ("乙", 3, False)}
        assert problems(tightened) == {("amount.range", "A1")}
        assert audit(tightened, "delivery.reprocess") == [(identifier, "处长", "经核实")]
        # from the first delivery on, under the tighter rule, A1 never was good
        operations.reprocess(tightened, deliveries(tightened)[f"people_{day(1)}.csv"].id, engine(), **BY)
        assert current(tightened) == {"A2": ("乙", 3, False)}
        assert [row["code"] for row in tables(tightened)[f"history/{PEOPLE}"]] == ["A2"]
        tightened.store.close()


def test_reprocessing_after_a_withdrawal_starts_from_the_archive(district: District) -> None:
    for name, rows in SEQUENCE.items():
        give(district, name, rows)
    known = deliveries(district)
    operations.withdraw(district, known[f"people_{day(2)}.csv"].id, engine(), **BY)
    before = tables(district)
    outcomes = operations.reprocess(district, known[f"people_{day(4)}.csv"].id, engine(), **BY)
    assert [outcome.file for outcome in outcomes] == [name for name in SEQUENCE if name != f"people_{day(2)}.csv"]
    assert tables(district) == before


def test_what_is_not_processed_cannot_be_reprocessed(district: District) -> None:
    deliver(district.settings.inbox, f"people_{day(1)}.csv", GOOD)
    receive(district)
    identifier = deliveries(district)[f"people_{day(1)}.csv"].id
    with pytest.raises(OperationRefused, match="待处理"):
        operations.reprocess(district, identifier, engine(), **BY)


def test_changed_by_tells_what_a_delivery_did(district: District) -> None:
    for name, rows in SEQUENCE.items():
        give(district, name, rows)
    done = changed_by(district.lake, district.resource(PEOPLE), deliveries(district)[f"people_{day(2)}.csv"].id)
    assert done["inserted"]["code"].to_list() == ["A5"]
    assert done["changed"]["code"].to_list() == ["A2"]
    assert set(done["deleted"]["code"]) == {"A3", "A4"}


# another writer --------------------------------------------------------------------------------------------------------
def test_another_writers_change_is_a_conflict_and_never_overwritten(district: District) -> None:
    give(district, f"people_{day(1)}.csv", GOOD)
    deliver(district.settings.inbox, f"people_{day(2)}.csv", [("A1", "甲", 11, None), *GOOD[1:]])
    path = str(address(district.lake, "warehouse", PEOPLE))

    def meddle(layer: str) -> None:
        if layer == "problems" or layer == "results":
            DeltaTable(path).update(predicate="code = 'A2'", updates={"amount": "77"})

    _, outcomes = run_folder(district, district.settings.inbox, engine(committed=meddle))
    assert [outcome.state for outcome in outcomes] == ["failed"]
    assert "another writer" in outcomes[0].why
    found = deliveries(district)[f"people_{day(2)}.csv"]
    assert (found.state, found.attempts) == ("pending", 1)
    assert current(district)["A2"][1] == 77, "the other writer's change stands"
    assert current(district)["A1"][1] == 1
    delivered = set(read(district.lake, "raw", PEOPLE)["_delivery"])
    assert found.id not in delivered, "nothing half-done is left"
    assert [outcome.state for outcome in run_pending(district, engine())] == ["done"]
    assert current(district)["A1"][1] == 11
    assert current(district)["A2"][1] == 2


def test_a_failure_behind_the_commit_point_is_no_failure(district: District) -> None:
    """Delta may fail after its commit (a checkpoint that cannot be written): the delivery is in the warehouse, once."""
    deliver(district.settings.inbox, f"people_{day(1)}.csv", GOOD)

    def burst(layer: str) -> None:
        if layer == "warehouse":
            raise OSError("cannot write the checkpoint")

    _, outcomes = run_folder(district, district.settings.inbox, engine(committed=burst))
    assert [outcome.state for outcome in outcomes] == ["done"]
    assert deliveries(district)[f"people_{day(1)}.csv"].state == "done"
    assert run_pending(district, engine()) == []
    assert read(district.lake, "raw", PEOPLE).height == len(GOOD)


def test_neighbours_are_untouched_by_operations(district: District) -> None:
    give(district, f"notes_{day(1)}.csv", GOOD, agency="other_bureau")
    give(district, f"people_{day(1)}.csv", GOOD)
    versions = {layer: DeltaTable(str(address(district.lake, layer, NOTES))).version() for layer in ("warehouse", "problems", "results")}
    operations.withdraw(district, deliveries(district)[f"people_{day(1)}.csv"].id, engine(), **BY)
    assert versions == {layer: DeltaTable(str(address(district.lake, layer, NOTES))).version() for layer in versions}
    assert current(district) == {}


def test_a_compacted_warehouse_does_not_disturb_later_rebuilds(district: District) -> None:
    """Housekeeping adds versions that are no operation's."""
    for name, rows in list(SEQUENCE.items())[:2]:
        give(district, name, rows)
    path = str(address(district.lake, "warehouse", PEOPLE))
    write_deltalake(path, read(district.lake, "warehouse", PEOPLE).to_arrow(), mode="overwrite")
    for name, rows in list(SEQUENCE.items())[2:]:
        give(district, name, rows)
    identifier = deliveries(district)[f"people_fix_{day(2)}.csv"].id
    operations.withdraw(district, identifier, engine(), **BY)
    assert current(district)["A1"][1] == 50
    assert "A3" not in current(district)
