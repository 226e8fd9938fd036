"""The state folder may lie anywhere: below Chinese names and blanks the lake is written, read, queried and routed all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from districtlake.delivery.district import open_district
from districtlake.errors import DistrictLakeError
from districtlake.warehouse.sql import query
from pipelines.routing import route
from tests.running import run_folder, tables
from tests.small_district import PEOPLE, day, deliver, open_small, small_settings


def test_a_state_folder_below_chinese_names_and_blanks(tmp_path: Path) -> None:
    district = open_small(tmp_path / "公共 数据")
    inbox = tmp_path / "in"
    deliver(inbox, f"people_{day(1)}.csv", [("A1", "甲", 10, None), ("A2", "乙", -5000, None)])
    _, outcomes = run_folder(district, inbox)
    deliver(inbox, f"people_{day(2)}.csv", [("A1", "丙", 10, None), ("A2", "乙", 20, None)])
    _, again = run_folder(district, inbox)
    assert [o.state for o in (*outcomes, *again)] == ["done", "done"], [o.why for o in (*outcomes, *again)]
    assert any(rows for name, rows in tables(district).items() if name.startswith("warehouse/"))
    assert query(district.lake, district.catalog.resources, f"select count(*) from {PEOPLE}").item() == 2
    assert query(district.lake, district.catalog.resources, f"select count(*) from {PEOPLE}__history").item() == 3
    assert route(district).seen[PEOPLE] > 0
    district.store.close()


def test_a_percent_sign_in_the_path_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DistrictLakeError, match="percent sign") as refused:
        open_district(small_settings(tmp_path / "per%cent"))
    assert "DISTRICTLAKE_STATE" in refused.value.hint


def test_a_state_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    settings.state.mkdir()
    settings.outbox.write_text("a file in the way", encoding="utf-8")
    with pytest.raises(DistrictLakeError, match="outbox cannot be made"):
        open_district(settings)
