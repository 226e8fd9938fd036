"""Tables held open: brought up to date each time, at old versions when asked, and the lake's tables open fast however long they live."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from districtlake.catalog.load import load_catalog
from districtlake.settings import PROJECT_ROOT
from districtlake.warehouse import tables
from districtlake.warehouse.commit import Commits, read, versions

RESOURCE = "public_security_bureau.deaths"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    catalog = load_catalog((PROJECT_ROOT / "catalog",))
    tables.ensure_tables(tmp_path, catalog.resources[RESOURCE], catalog)
    return tmp_path


def row(lake: Path, delivery: str) -> pl.DataFrame:
    columns = read(lake, "changes", RESOURCE)
    return pl.DataFrame({name: [delivery if name == "_delivery" else None] for name in columns.columns}, schema=columns.schema)


def append(lake: Path, delivery: str) -> None:
    Commits(lake, RESOURCE, versions(lake, RESOURCE), 1).append("changes", row(lake, delivery))


def test_held_tables_are_opened_once(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Counted(DeltaTable):
        def __init__(self, path: str, **options: object):
            opened.append(path)
            super().__init__(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tables, "DeltaTable", Counted)
    with tables.tables_held_open():
        for _ in range(3):
            tables.open_table(lake, "changes", RESOURCE)
        with tables.tables_held_open():  # an inner block is part of the outer one
            tables.open_table(lake, "changes", RESOURCE)
    assert len(opened) == 1
    tables.open_table(lake, "changes", RESOURCE)
    assert len(opened) == 2


def test_what_others_and_we_write_is_seen_and_old_versions_stay(lake: Path) -> None:
    with tables.tables_held_open():
        assert read(lake, "changes", RESOURCE).height == 0
        append(lake, "d1")
        assert read(lake, "changes", RESOURCE)["_delivery"].to_list() == ["d1"]
        DeltaTable(str(tables.address(lake, "changes", RESOURCE))).restore(0)  # another process undoes it
        assert read(lake, "changes", RESOURCE).height == 0
        assert read(lake, "changes", RESOURCE, 1)["_delivery"].to_list() == ["d1"]
        assert versions(lake, RESOURCE)["changes"] == 2


def test_the_log_is_condensed_often_and_never_cut(lake: Path) -> None:
    with tables.tables_held_open():
        for number in range(11):
            append(lake, f"d{number}")
    log = tables.address(lake, "changes", RESOURCE) / "_delta_log"
    assert sorted(log.glob("*.checkpoint.parquet"))
    assert len(list(log.glob("*.json"))) == 12
    for layer in tables.LAYERS:
        configuration = DeltaTable(str(tables.address(lake, layer, RESOURCE))).metadata().configuration
        assert configuration["delta.enableExpiredLogCleanup"] == "false"
        assert ("delta.enableChangeDataFeed" in configuration) == (layer == "warehouse")


def test_an_empty_register_over_an_empty_one_writes_nothing(lake: Path) -> None:
    empty = read(lake, "quarantine", RESOURCE)
    Commits(lake, RESOURCE, versions(lake, RESOURCE), 1).overwrite("quarantine", empty)
    assert versions(lake, RESOURCE)["quarantine"] == 0
