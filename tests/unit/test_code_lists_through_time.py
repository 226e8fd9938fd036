"""Several versions of a code list at hand: which one is in force on a day, by which one a delivery is judged, and what SQL tells."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from districtlake.catalog.code_list_versions import apply, next_version, revert
from districtlake.catalog.load import load_catalog, read_catalog
from districtlake.catalog.models import CodeList
from districtlake.cli.app import app
from districtlake.clock import FixedClock
from districtlake.delivery.district import open_district
from districtlake.marts.system import SYSTEM_TABLES
from districtlake.warehouse.commit import read
from tests.small_district import NOON, PEOPLE, day, deliver, environment, small_settings
from tests.small_marts import process

SEX = "gb_t_2261_1"
BASE = date(2020, 1, 1)
DAYS = st.integers(0, 40).map(lambda n: BASE + timedelta(days=n))
LABELS = st.dictionaries(st.sampled_from("123456"), st.sampled_from("甲乙丙"), min_size=1)


def version(number: int, first: date | None, codes: dict[str, str]) -> CodeList:
    return CodeList(id="list", name="表", source="标准", version=str(number), valid_from=first, codes=codes)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(DAYS, LABELS), max_size=5), LABELS, DAYS, st.booleans())
def test_the_version_in_force_by_a_naive_reading(
    imports: list[tuple[date, dict[str, str]]], base: dict[str, str], asked: date, open_: bool
) -> None:
    imports = sorted(imports, key=lambda one: one[0])
    versions = [version(0, None if open_ else BASE + timedelta(days=2), base)]
    versions += [
        version(number, first, codes) for number, (first, codes) in enumerate(imports, 1) if open_ or first >= BASE + timedelta(days=2)
    ]
    latest = versions[-1].model_copy(update={"earlier": tuple(versions[:-1])})
    oldest = [one for one in versions if one.valid_from == versions[0].valid_from][-1]  # corrected on its first day
    by_day = dict.fromkeys((BASE + timedelta(days=n) for n in range(41)), oldest)
    for one in versions[1:]:  # each import holds from its day on, whatever stood there before
        by_day |= {each: one for each in by_day if one.valid_from is not None and each >= one.valid_from}
    assert latest.on(asked).codes == by_day[asked].codes
    told = [one for one, first, last in latest.spans if (first is None or first <= asked) and (last is None or asked <= last)]
    assert [one.version for one in told] == [by_day[asked].version]


@settings(deadline=None, max_examples=12)
@given(st.lists(LABELS, min_size=1, max_size=4))
def test_imports_taken_back_leave_nothing(tmp_path_factory: pytest.TempPathFactory, imports: list[dict[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("lists")
    first = next_version(None, "list", {"1": "甲"}, valid_from=BASE, name="表", source="标准")
    path = apply(first, [folder])
    stood = [path.read_bytes()]
    for number, codes in enumerate(imports, 1):
        current = read_catalog([folder]).catalog.code_lists["list"]
        apply(next_version(current, "list", codes, valid_from=BASE + timedelta(days=number)), [folder])
        loaded = read_catalog([folder]).catalog.code_lists["list"]
        assert loaded.on(BASE + timedelta(days=number)).codes == codes
        assert loaded.on(BASE).codes == {"1": "甲"}
        stood.append(path.read_bytes())
    for before in reversed(stood[:-1]):
        revert("list", [folder])
        assert path.read_bytes() == before
    assert not [*(path.parent / "earlier").rglob("*.yaml")]


def test_a_broken_earlier_version_is_a_fault_with_its_file(tmp_path: Path) -> None:
    folder = small_settings(tmp_path).catalog_dirs[0]
    kept = folder / "standards" / "codes" / "earlier" / SEX / "1.yaml"
    kept.parent.mkdir(parents=True)
    kept.write_text("name: 性别\ncolour: red\n", encoding="utf-8")
    loaded = read_catalog([folder])
    assert any(fault.file.endswith("1.yaml") and fault.hint for fault in loaded.faults)
    assert loaded.catalog.code_lists[SEX].earlier == ()


def test_a_delivery_is_judged_by_the_list_in_force_on_the_day_its_data_speak_of(tmp_path: Path) -> None:
    place = small_settings(tmp_path)
    path = place.catalog_dirs[0] / "resources" / "registry_bureau" / "people.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("{name: remark, title: 备注, element: remark}", "{name: sex, title: 性别, element: sex}"), encoding="utf-8"
    )
    codes = tmp_path / "性别.csv"
    codes.write_text("代码,名称\n0,未知的性别\n1,男性\n3,第三\n9,未说明的性别\n", encoding="utf-8")
    run = CliRunner(env=environment(place))
    arguments = ["reference", "import", str(codes), "--list", SEX, "--valid-from", "2026-03-04", "--yes"]

    header = "编号,名称,数量,性别"
    district = open_district(place, clock=FixedClock(NOON))
    deliver(place.inbox, f"people_{day(2)}.csv", [("001", "甲", 1, "女性"), ("002", "乙", 1, "3")], header)
    process(district, place.inbox)
    assert read(district.lake, "warehouse", PEOPLE).select("code", "sex").rows() == [("001", "2")]
    district.store.close()

    done = run.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "仓内含删除的代码 1 行，隔离中含新增的代码 1 行" in done.stdout
    assert "第三" in run.invoke(app, ["reference", "show", SEX]).stdout
    assert "女性" in run.invoke(app, ["reference", "show", SEX, "--on", "2026-03-03"]).stdout

    district = open_district(place, clock=FixedClock(NOON))
    assert load_catalog(place.catalog_dirs).code_lists[SEX].on(date(2026, 3, 3)).codes["2"] == "女性"
    deliver(place.inbox, f"people_{day(3)}.csv", [("001", "甲", 2, "2"), ("002", "乙", 1, "3")], header)
    process(district, place.inbox)
    assert read(district.lake, "warehouse", PEOPLE).select("code", "amount", "sex").rows() == [("001", 2, "2")]
    deliver(place.inbox, f"people_{day(5)}.csv", [("001", "甲", 3, "2"), ("002", "乙", 1, "3")], header)
    process(district, place.inbox)
    standing = read(district.lake, "warehouse", PEOPLE).sort("code").select("code", "amount", "sex", "_stale").rows()
    assert standing == [("001", 2, "2", True), ("002", 1, "3", False)]
    history = SYSTEM_TABLES["code_history"].frame(district)
    told = history.filter(pl.col("code_list") == SEX, pl.col("code").is_in(["2", "3"])).select("code", "valid_from", "valid_to").rows()
    assert told == [("2", None, date(2026, 3, 3)), ("3", date(2026, 3, 4), None)]
    district.store.close()
