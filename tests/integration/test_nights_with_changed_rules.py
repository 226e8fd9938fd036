"""Three nights as people start them, a rule changed before the second: asked by itself, told everywhere, idle afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.home import dagster_home
from tests.integration.test_nightly import child, nightly
from tests.small_district import NOON, PAYMENTS, day, deliver, small_settings

# What Dagster's own page of the resource shows of its last events.
SEEN = """
import json
import dagster as dg
key = lambda layer: dg.AssetKey(["registry_bureau", "payments", layer])
with dg.DagsterInstance.get() as instance:
    made = instance.get_latest_materialization_event(key("quarantine")).asset_materialization
    [noted] = instance.fetch_observations(key("warehouse"), limit=1).records
    before = instance.get_latest_materialization_event(key("warehouse")).asset_materialization
    values = {name: value.value for name, value in made.metadata.items()}
    print(json.dumps({"told": made.description, "noted": noted.asset_observation.description, "values": values, "delivered": before.description}))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rule_changed_between_two_nights(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    deliver(settings.inbox, f"payments_{day(1)}.csv", [("A1", "甲", 1, None), ("A2", "乙", 60, None), ("A3", "丙", 150, None)])
    first = nightly(settings, settings.inbox, NOON)
    assert (first["success"], first["revalidated"]) == (True, [])
    entry = settings.catalog_dirs[0] / "resources" / f"{PAYMENTS.replace('.', '/')}.yaml"
    text = entry.read_text(encoding="utf-8")
    assert "max: 100" in text
    entry.write_text(text.replace("max: 100", "max: 50"), encoding="utf-8")

    second = nightly(settings, settings.inbox, NOON + timedelta(days=1))
    assert second["success"] is True
    assert second["deliveries"] == []
    [told] = second["revalidated"]
    assert (told["resource"], told["rows"], told["quarantined"], told["released"], told["opened"]) == (PAYMENTS, 3, 1, 0, 1)
    assert "amount.range" in told["why"]
    assert second["tickets"]["opened"] == 1, "what was found goes to the agency the same night"
    report = (settings.outbox / second["report"]["html"]).read_text(encoding="utf-8")
    assert "amount.range" in report
    assert "核对 3 行" in report
    seen = child(settings, "-c", SEEN, DAGSTER_HOME=str(dagster_home(settings)))
    assert seen.returncode == 0, seen.stderr[-3000:]
    shown = json.loads(seen.stdout.splitlines()[-1])
    assert shown["told"] == shown["noted"]
    assert "amount.range" in shown["told"]
    assert (shown["values"]["rows"], shown["values"]["opened"], shown["values"]["dagster/row_count"]) == (3, 1, 2)
    assert "重新校验" not in (shown["delivered"] or ""), "the warehouse's freshness is that of what was delivered"

    third = nightly(settings, settings.inbox, NOON + timedelta(days=2))
    assert (third["success"], third["revalidated"], third["deliveries"], third["tickets"]["opened"]) == (True, [], [], 0)
    assert {entry["level"] for entry in third["attention"]} <= {"warning"}, "only that a night of noon comes after the hour of the settings"
