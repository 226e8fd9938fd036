"""Drafts of all resources: each made without its own entry, then compared with it, loaded, checked and run through a night."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from districtlake.catalog.check import check_catalog
from districtlake.catalog.globs import matches
from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import Resource
from districtlake.clock import FixedClock
from districtlake.delivery.district import open_district
from districtlake.demo import generate
from districtlake.drafting.draft import Draft, draft
from districtlake.drafting.entry import write
from districtlake.ingestion.header import normal
from districtlake.ingestion.limits import Limits
from districtlake.settings import PROJECT_ROOT
from tests.demonstration import MORNING, settings_of
from tests.running import run_folder

CATALOG = load_catalog([PROJECT_ROOT / "catalog"])
REAL = PROJECT_ROOT.parent / "shared" / "data" / "deliveries"
FEW = ("market_regulation.food_licences", "public_security_bureau.population", "housing_bureau.public_rental_leases")


def _drafted(resources: list[str], inbox: Path) -> Iterator[tuple[Resource, Draft]]:
    for id_ in resources:
        resource = CATALOG.resources[id_]
        globs = (*resource.source.files, *resource.source.corrections)
        files = [
            path for root in (inbox, REAL) for path in sorted(root.rglob(f"{resource.agency}/*")) if any(matches(glob, path.name) for glob in globs)
        ]  # fmt: skip
        if files:
            alone = CATALOG.model_copy(update={"resources": {key: value for key, value in CATALOG.resources.items() if key != id_}})
            yield resource, draft(files, resource.agency, alone, date(2026, 3, 6), limits=Limits(), name=resource.name)


def _catalogue_of(drafts: list[Draft], folder: Path) -> Path:
    """A catalogue with nothing but drafts."""
    for part in ("standards", "policy"):
        shutil.copytree(PROJECT_ROOT / "catalog" / part, folder / part)
    shutil.copy(PROJECT_ROOT / "catalog" / "agencies.yaml", folder)
    for number, one in enumerate(drafts, 1):
        one.code = f"399999/{number:06d}"  # each was drafted without the others, so several were given the same free code
        write(one, folder)
    return folder


def _run(drafts: list[Draft], inbox: Path, tmp_path: Path) -> dict[str, int]:
    """Rows in the warehouse after a night over the drafts, by resource; everything delivered is accounted for."""
    folder = _catalogue_of(drafts, tmp_path / "catalog")
    wrong = [f"{finding.file} {finding.key} {finding.problem}" for finding in check_catalog([folder]) if finding.level == "error"]
    assert not wrong, "\n".join(wrong)
    settings = settings_of(tmp_path / "state").model_copy(update={"catalog_dirs": (folder,)})
    district = open_district(settings, clock=FixedClock(MORNING))
    try:
        _, outcomes = run_folder(district, inbox)
        accepted: dict[str, int] = {}
        for outcome in outcomes:
            assert outcome.state in ("done", "held"), outcome
            accepted.setdefault(outcome.resource, 0)
        for id_ in accepted:
            found = district.reference_values(id_, district.catalog.resources[id_].items[0].name)
            accepted[id_] = 0 if found is None else len(found)
        return accepted
    finally:
        district.store.close()


def test_drafts_run_through_a_night(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    generate(demo, seed=20260302, days=2, first_day=date(2026, 3, 2), size=200)
    drafts = [one for _, one in _drafted(list(FEW), demo / "inbox")]
    assert sorted(one.id for one in drafts) == sorted(FEW)
    accepted = _run(drafts, demo / "inbox", tmp_path)
    assert set(accepted) == set(FEW)
    assert all(accepted.values())


@pytest.mark.slow
def test_every_draft_loads_runs_and_finds_most_of_what_was_declared(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    generate(demo, seed=20260302, days=4, first_day=date(2026, 3, 2), size=300)
    pairs = list(_drafted(list(CATALOG.resources), demo / "inbox"))
    keys = elements = kinds = items = keyed = 0
    for resource, one in pairs:
        declared = {normal(text): item for item in resource.items for text in (item.title, item.name, *item.aliases)}
        named = [declared.get(normal(item.title)) for item in one.items]
        if resource.key:
            keyed += 1
            keys += one.found.key is not None and {item.name for at in one.found.key.places if (item := named[at])} == set(resource.key)
        for found, item in zip(one.items, named, strict=True):
            if item is not None:
                items += 1
                elements += found.element == item.element
                kinds += found.kind == CATALOG.element_of(item).kind
    assert keys >= 0.7 * keyed, f"{keys} of {keyed} keys"
    assert elements >= 0.6 * items, f"{elements} of {items} elements"
    assert kinds >= 0.85 * items, f"{kinds} of {items} kinds"
    accepted = _run([one for _, one in pairs], demo / "inbox", tmp_path)
    assert len(accepted) >= 26
    assert sum(bool(rows) for rows in accepted.values()) >= 0.9 * len(accepted)
