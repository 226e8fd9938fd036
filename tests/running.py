"""Running a district in this process, without Dagster: receive a folder and process it day by day, as the nightly run does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine, Hooks, Outcome, process_resource
from districtlake.delivery.receive import Received, receive
from districtlake.warehouse.commit import read

SIX = (
    "civil_affairs_bureau.low_income_persons",
    "human_resources_bureau.insured_persons",
    "market_regulation.business_entities",
    "market_regulation.food_licences",
    "public_security_bureau.deaths",
    "public_security_bureau.population",
)
"""Of the demonstration's 26 resources those that show every part of the way; ``test_ground_truth`` runs all of them."""


def engine(outcome: Callable[[Outcome], None] = lambda outcome: None, committed: Callable[[str], None] = lambda layer: None) -> Engine:
    from districtlake.distributed.carrier import spark_carrier
    from expectations.validate import validate

    return Engine(validator=validate, hooks=Hooks(outcome=outcome, committed=committed), carriers={"spark": spark_carrier})


def run_folder(district: District, folder: Path, with_engine: Engine | None = None) -> tuple[Received, list[Outcome]]:
    """Receive a folder and process everything that waits, day by day, providers first."""
    received = receive(district, folder)
    return received, run_pending(district, with_engine)


def run_pending(district: District, with_engine: Engine | None = None) -> list[Outcome]:
    with_engine = with_engine or engine()
    outcomes: list[Outcome] = []
    waiting = [w for w in ledger.waiting(district.store) if w.resource in district.catalog.resources]
    days = sorted({w.data_date for w in waiting}, key=lambda day: (day is not None, day))
    rank = {"public_security_bureau": 0, "market_regulation": 1}
    for day in days:
        resources = sorted({w.resource for w in waiting if w.data_date == day}, key=lambda r: (rank.get(r.split(".")[0], 2), r))
        for resource in resources:
            outcomes += process_resource(district, resource, with_engine, through=day)
    return outcomes


def tables(district: District) -> dict[str, list[dict[str, object]]]:
    """Every table of the lake as sorted rows: what two runs must agree on."""
    from deltalake import DeltaTable

    from districtlake.warehouse.tables import LAYERS, address

    found: dict[str, list[dict[str, object]]] = {}
    for resource in sorted(district.catalog.resources):
        for layer in LAYERS:
            if DeltaTable.is_deltatable(str(address(district.lake, layer, resource))):
                rows = read(district.lake, layer, resource).to_dicts()
                found[f"{layer}/{resource}"] = sorted(rows, key=lambda row: repr(sorted(row.items(), key=lambda cell: cell[0])))
    return found
