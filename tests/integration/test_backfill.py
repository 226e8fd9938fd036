"""Backfill and re-run: as a function, and as the jobs that Dagster's launchpad offers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from assets.resources import ProcessConfig
from districtlake.clock import FixedClock
from districtlake.delivery import operations
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Engine
from districtlake.errors import NotFound, OperationRefused, ValidationFailed
from districtlake.store.tables import AuditEvent
from districtlake.warehouse.commit import read
from pipelines.jobs import OPERATOR_JOBS, BackfillAction, DeliveryAction, backfill_resource, reprocess_delivery
from pipelines.nightly_job import NightConfig
from tests.plain_validator import validate
from tests.running import run_folder, tables
from tests.small_district import NOON, PEOPLE, Row, day, deliver, deliveries, open_small, write_catalog

DAYS: dict[int, list[Row]] = {
    1: [("A1", "甲", 80, None), ("A2", "乙", 2, None)],
    2: [("A1", "甲", 80, None), ("A2", "乙", 60, None)],
    3: [("A1", "甲", 8, None), ("A2", "乙", 3, None)],
}
BY = {"actor": "处长", "reason": "规则已更正"}


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    """Three days delivered under a rule that was tightened since: amounts up to 50."""
    first = open_small(tmp_path)
    for number, rows in DAYS.items():
        deliver(first.settings.inbox, f"people_{day(number)}.csv", rows)
    run_folder(first, first.settings.inbox, Engine(validator=validate))
    first.store.close()
    write_catalog(tmp_path / "catalog", most=50)
    opened = open_district(first.settings, clock=FixedClock(NOON))
    yield opened
    opened.store.close()


def quarantined(district: District) -> dict[str, int]:
    return {name: (row.counts or {})["quarantined"] for name, row in deliveries(district).items()}


def audited(district: District) -> list[tuple[str, str, str]]:
    with district.store.session(read_only=True) as session:
        found = session.scalars(select(AuditEvent).where(AuditEvent.action == "delivery.reprocess").order_by(AuditEvent.id))
        return [(event.object_id, event.actor, event.reason) for event in found]


def test_a_range_is_processed_anew_in_order_with_what_builds_upon_it(district: District) -> None:
    outcomes = operations.backfill(district, PEOPLE, Engine(validator=validate), since=date(2026, 3, 2), until=date(2026, 3, 2), **BY)
    assert [outcome.file for outcome in outcomes] == [f"people_{day(2)}.csv", f"people_{day(3)}.csv"]
    assert quarantined(district) == {f"people_{day(1)}.csv": 0, f"people_{day(2)}.csv": 2, f"people_{day(3)}.csv": 0}
    assert audited(district) == [(deliveries(district)[f"people_{day(2)}.csv"].id, "处长", "规则已更正")]
    operations.backfill(district, PEOPLE, Engine(validator=validate), since=date(2026, 1, 1), **BY)
    assert quarantined(district) == {f"people_{day(1)}.csv": 1, f"people_{day(2)}.csv": 2, f"people_{day(3)}.csv": 0}
    assert sorted(read(district.lake, "warehouse", PEOPLE)["amount"].to_list()) == [3, 8]


def test_a_range_that_means_nothing_is_refused_and_says_what_there_is(district: District) -> None:
    before = tables(district)
    engine = Engine(validator=validate)
    with pytest.raises(OperationRefused, match="没有2026-04-01至…的交付") as refused:
        operations.backfill(district, PEOPLE, engine, since=date(2026, 4, 1), **BY)
    assert "2026-03-01至2026-03-03" in refused.value.hint
    with pytest.raises(OperationRefused, match="结束早于开始"):
        operations.backfill(district, PEOPLE, engine, since=date(2026, 3, 2), until=date(2026, 3, 1), **BY)
    with pytest.raises(OperationRefused, match="需要理由"):
        operations.backfill(district, PEOPLE, engine, since=date(2026, 3, 1), actor="处长", reason=" ")
    with pytest.raises(NotFound):
        operations.backfill(district, "no_bureau.nothing", engine, since=date(2026, 3, 1), **BY)
    assert tables(district) == before
    assert audited(district) == []


def test_what_failed_is_tried_again_at_once(tmp_path: Path) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValidationFailed("out of order")

    with (district := open_small(tmp_path)).store:
        deliver(district.settings.inbox, f"people_{day(1)}.csv", DAYS[1])
        run_folder(district, district.settings.inbox, Engine(validator=broken))
        found = deliveries(district)[f"people_{day(1)}.csv"]
        assert (found.state, found.attempts) == ("pending", 1)
        (outcome,) = operations.reprocess(district, found.id, Engine(validator=validate), **BY)
        assert outcome.state == "done"
        deliver(district.settings.inbox, f"people_{day(2)}.csv", DAYS[2])
        run_folder(district, district.settings.inbox, Engine(validator=broken))
        (_, outcome) = operations.backfill(district, PEOPLE, Engine(validator=validate), since=date(2026, 3, 1), **BY)
        assert (outcome.file, outcome.state) == (f"people_{day(2)}.csv", "done")
        assert read(district.lake, "warehouse", PEOPLE).sort("code")["amount"].to_list() == [80, 60]


# the launchpad ----------------------------------------------------------------------------------------------------------
def launched(district: District, job: dg.JobDefinition, op: str, **config: str) -> tuple[bool, str]:
    """Whether the job succeeded, and the sentence it failed with."""
    result = job.execute_in_process(
        resources={"district": district, "engine": Engine(validator=validate)}, raise_on_error=False,
        run_config={"ops": {op: {"config": {"actor": "处长", "reason": "规则已更正", **config}}}},
    )  # fmt: skip
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    data = failures[0].user_failure_data if failures else None
    return result.success, (data.description or "") if data else ""


def test_the_launchpads_backfill_asks_to_confirm_and_answers_in_sentences(district: District) -> None:
    asked = {"resource": PEOPLE, "since": "2026-03-01", "confirm": PEOPLE}
    before = tables(district)
    for changed, sentence in (
        ({"confirm": ""}, f"再次输入“{PEOPLE}”"),
        ({"since": "3月1日"}, "since 处的“3月1日”不是日期"),
        ({"reason": " "}, "操作需要理由"),
        ({"actor": " "}, "操作人"),
        ({"since": "2026-04-01"}, "2026-03-01至2026-03-03"),
        ({"resource": "x.y", "confirm": "x.y"}, "没有资源x.y。"),
    ):
        success, told = launched(district, backfill_resource, "backfill", **{**asked, **changed})
        assert (success, sentence in told) == (False, True), told
    assert tables(district) == before
    assert launched(district, backfill_resource, "backfill", **asked) == (True, "")
    assert quarantined(district)[f"people_{day(1)}.csv"] == 1


def test_the_launchpads_rerun_of_a_delivery(district: District) -> None:
    identifier = deliveries(district)[f"people_{day(2)}.csv"].id
    success, told = launched(district, reprocess_delivery, "reprocess", delivery=identifier, confirm="people")
    assert (success, "没有做任何改动" in told) == (False, True)
    assert launched(district, reprocess_delivery, "reprocess", delivery=identifier, confirm=identifier) == (True, "")
    assert quarantined(district)[f"people_{day(2)}.csv"] == 2


@pytest.mark.parametrize("form", [DeliveryAction, BackfillAction, NightConfig, ProcessConfig])
def test_every_field_of_the_launchpads_forms_explains_itself_in_chinese(form: type[dg.Config]) -> None:
    assert form.model_fields
    for name, field in form.model_fields.items():
        assert any("\u4e00" <= character <= "\u9fff" for character in field.description or ""), name
    assert all(job.description for job in OPERATOR_JOBS)
