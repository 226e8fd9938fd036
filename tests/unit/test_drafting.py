"""A draft of a catalogue entry from files nobody described: what is suggested, on which evidence, and what never is in it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from districtlake.catalog.check import check_catalog
from districtlake.catalog.load import load_catalog
from districtlake.demo.identifiers import citizen_id
from districtlake.drafting.draft import Draft, draft
from districtlake.drafting.entry import existing, files_of, tried, write
from districtlake.drafting.names import in_words, resource_name
from districtlake.errors import NotFound, OperationRefused
from districtlake.ingestion.limits import Limits
from districtlake.settings import PROJECT_ROOT
from tests.small_district import write_catalog

TODAY = date(2026, 3, 6)
HEADER = "序号,许可证编号,持证人身份证号,性别,出生日期,发证日期,届满日期,经营面积（㎡）,保证金(万元),车型,颜色,备注说明,联系人"
KINDS = ("轿车", "货车", "客车")


def _person(number: int) -> tuple[str, str, str]:
    birth = f"19{50 + number % 50}{1 + number % 12:02d}{1 + number % 28:02d}"
    return citizen_id("330203", birth, number % 1000), "男" if number % 2 else "女", f"{birth[:4]}-{birth[4:6]}-{birth[6:]}"


def _row(place: int, number: int) -> str:
    citizen, sex, birth = _person(number)
    kind = KINDS[number % 3]
    cells = (
        place, f"CZ2026{number:05d}", citizen, sex, birth, f"2024-0{1 + number % 9}-15", f"2027-0{1 + number % 9}-14", 20 + number % 300,
        f"{1 + number % 9}.5", kind, {"轿车": "红", "货车": "蓝", "客车": "白"}[kind], f"说明文字第{number}条", f"王{'强伟芳敏'[number % 4]}",
    )  # fmt: skip
    return ",".join(map(str, cells))


def _file(folder: Path, name: str, numbers: range, header: str = HEADER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join([header, *(_row(at, number) for at, number in enumerate(numbers, 1))]) + "\n", encoding="utf-8")
    return path


def _draft(files: list[Path], catalog: Path, **given: object) -> Draft:
    return draft(files, "registry_bureau", load_catalog([catalog]), TODAY, limits=Limits(), **given)  # type: ignore[arg-type]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "catalog")


@pytest.fixture
def drafted(tmp_path: Path, catalog: Path) -> Draft:
    files = [_file(tmp_path, f"车辆许可_2026030{day}.csv", range(day, 150 + day)) for day in (1, 2, 3)]
    return _draft(files, catalog, name="vehicle_licences")


def test_what_columns_are(drafted: Draft) -> None:
    items = {item.title: item for item in drafted.items}
    assert items["序号"].volatile
    assert items["持证人身份证号"].kind == "citizen_id"
    assert items["性别"].element == "sex"
    assert items["经营面积（㎡）"].element == "area"
    assert items["保证金(万元)"].element == "money_wan"
    assert items["届满日期"].kind == "date"
    own = items["车型"].own
    assert own is not None
    assert own.codes is not None
    assert set(own.codes) == set(KINDS)
    assert items["许可证编号"].bounds["pattern"] == "^CZ202[0-9]{6}$"
    assert items["经营面积（㎡）"].bounds["min"] == 0
    assert items["经营面积（㎡）"].bounds["max"] >= 319
    assert all(re.fullmatch("[a-z][a-z0-9_]*", item.name) for item in drafted.items)
    assert len({item.name for item in drafted.items}) == len(drafted.items)


def test_what_columns_say_together(drafted: Draft) -> None:
    names = {item.title: item.name for item in drafted.items}
    assert drafted.found.key is not None
    assert [drafted.items[at].title for at in drafted.found.key.places] == ["许可证编号"]
    assert drafted.found.key.evidence == "支持 450/450"
    assert drafted.found.mode == "snapshot"
    assert drafted.update_cycle[0] == "daily"
    said = {(check["expect"], check["column_A"], check["column_B"]): evidence for check, evidence in drafted.found.checks}
    assert said["expect_column_pair_birth_date_to_match_citizen_id", names["出生日期"], names["持证人身份证号"]] == "支持 450/450"
    assert ("expect_column_pair_sex_to_match_citizen_id", names["性别"], names["持证人身份证号"]) in said
    assert ("expect_column_pair_values_a_to_be_greater_than_b", names["届满日期"], names["发证日期"]) in said
    assert any(note.startswith("“车型”决定“颜色”") for note in drafted.found.notes)


def test_no_value_of_a_person_is_in_it(drafted: Draft) -> None:
    text = "\n".join(files_of(drafted).values())
    people = [part for number in range(1, 155) for part in _person(number) if len(part) > 4]
    assert not [value for value in people if value in text]
    assert not [name for name in ("王强", "王伟", "王芳", "王敏") if name in text]


def test_exceptions_are_counted_and_keep_nothing_from_being_suggested(tmp_path: Path, catalog: Path) -> None:
    path = _file(tmp_path, "车辆许可_20260301.csv", range(100))
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5].replace(",2027-", ",2021-", 1)  # ends before it begins
    lines[7] = lines[7].replace("CZ2026", "待补")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = _draft([path], catalog)
    order = [evidence for check, evidence in found.found.checks if check["id"].endswith("not_before_issue_date")]
    assert order == ["支持 99/100，例外 1"]
    licence = next(item for item in found.items if item.title == "许可证编号")
    assert "格式：支持 99/100，例外 1" in licence.evidence
    assert found.found.mode == "snapshot"
    assert "仅一份文件" in found.found.mode_evidence


def test_files_that_share_no_keys_are_increments(tmp_path: Path, catalog: Path) -> None:
    files = [_file(tmp_path, f"车辆许可_2026030{day}.csv", range(day * 200, day * 200 + 50)) for day in (1, 2, 3)]
    assert _draft(files, catalog).found.mode == "incremental"


def test_a_table_without_anything_that_identifies_a_row_is_appended(tmp_path: Path, catalog: Path) -> None:
    path = tmp_path / "观测.csv"
    path.write_text("类型,读数\n" + "".join(f"{'甲乙'[n % 2]},{n % 7}.5\n" for n in range(60)), encoding="utf-8")
    found = _draft([path], catalog)
    assert found.found.key is None
    assert found.source["mode"] == "append"
    assert tried(found, [catalog], Limits())[1][0].rows == 60


def test_it_loads_reads_its_files_and_passes_the_check(drafted: Draft, catalog: Path) -> None:
    _, read = tried(drafted, [catalog], Limits())
    assert [(one.rows, one.missing, one.error) for one in read] == [(150, (), "")] * 3
    assert existing(drafted, catalog) == []
    before = (catalog / "standards" / "elements.yaml").read_text(encoding="utf-8")
    write(drafted, catalog)
    after = (catalog / "standards" / "elements.yaml").read_text(encoding="utf-8")
    assert after.startswith(before.rstrip("\n"))
    assert len(yaml.safe_load(after)) == len(yaml.safe_load(before)) + len(drafted.own)
    findings = [finding for finding in check_catalog([catalog]) if "vehicle_licences" in finding.file]
    assert not [finding for finding in findings if finding.level == "error"]
    assert {finding.key for finding in findings if "待填" in finding.problem} >= {"business", "system", "sharing.reason", "opening.reason"}
    assert existing(drafted, catalog)
    write(drafted, catalog)  # again: the register does not grow
    assert (catalog / "standards" / "elements.yaml").read_text(encoding="utf-8") == after
    resource = load_catalog([catalog]).resources["registry_bureau.vehicle_licences"]
    assert {item.name for item in resource.items if item.on_failure != "report"} == set(resource.key)


def test_references_come_from_the_warehouse(tmp_path: Path, catalog: Path) -> None:
    import polars as pl

    path = _file(tmp_path, "车辆许可_20260301.csv", range(100))
    text = (PROJECT_ROOT / "catalog" / "resources" / "public_security_bureau" / "population.yaml").read_text(encoding="utf-8")
    (catalog / "resources" / "registry_bureau" / "population.yaml").write_text(text, encoding="utf-8")
    there = pl.Series([_person(number)[0] for number in range(90)])
    found = _draft([path], catalog, values=lambda resource, item: there if resource.endswith("population") else None)
    holder = next(item for item in found.items if item.kind == "citizen_id")
    assert holder.references == ("registry_bureau.population", "citizen_id")
    assert any("例外 10" in one for one in holder.evidence)
    unseen = _draft([path], catalog)
    assert any("尚未入仓" in note for note in unseen.found.notes)


def test_other_files_in_the_folder_are_named_and_left_out(tmp_path: Path, catalog: Path) -> None:
    good = _file(tmp_path, "车辆许可_20260301.csv", range(50))
    other = tmp_path / "车辆许可_20260302.csv"
    other.write_text("甲,乙,丙\n1,2,3\n4,5,6\n", encoding="utf-8")
    empty = tmp_path / "车辆许可_20260303.csv"
    empty.write_bytes(b"")
    correction = _file(tmp_path, "车辆许可更正_20260304.csv", range(3))
    found = _draft([good, other, empty, correction], catalog)
    assert [sample.path.name for sample in found.gathered.samples] == [good.name]
    assert any(other.name in remark for remark in found.remarks)
    assert any(empty.name in remark for remark in found.remarks)
    assert found.source["corrections"] == ["车辆许可更正*.csv"]
    assert found.source["files"] == "车辆许可*.csv"


def test_refusals(tmp_path: Path, catalog: Path) -> None:
    path = _file(tmp_path, "车辆许可_20260301.csv", range(5))
    with pytest.raises(NotFound):
        draft([path], "nobody", load_catalog([catalog]), TODAY, limits=Limits())
    with pytest.raises(OperationRefused):
        _draft([path], catalog, name="people")
    with pytest.raises(OperationRefused):
        _draft([path], catalog, name="Déjà")
    bare = tmp_path / "裸.csv"
    bare.write_text("1,2\n3,4\n5,6\n", encoding="utf-8")
    with pytest.raises(OperationRefused):
        _draft([bare], catalog)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("登记日期", "registration_date"),
        ("经营面积（㎡）", ""),
        ("stationCode", "station_code"),
        ("PM2.5", "pm2_5"),
        ("2020", ""),
        ("罕见词", ""),
    ],
)
def test_titles_in_words(title: str, name: str) -> None:
    assert in_words(title) == name


def test_names_of_resources_are_free() -> None:
    assert resource_name("投诉登记_202603", {"complaint_registration"}) == "complaint_registration_2"
    assert resource_name("某某", set()) == "draft"


def _drafted(text: str, name: str, tmp_path: Path, catalog: Path) -> Draft:
    (tmp_path / name).write_text(text, encoding="utf-8")
    made = _draft([tmp_path / name], catalog)
    _, read = tried(made, [catalog], Limits())
    assert [(one.error, one.missing) for one in read] == [("", ())]
    return made


def test_days_that_differ_by_chance_are_no_key_and_those_of_a_series_are(tmp_path: Path, catalog: Path) -> None:
    days = [f"2024-{1 + at % 12:02d}-{1 + at % 28:02d}" for at in range(60)]
    text = "".join(f"石碶{at % 5},{day}\n" for at, day in enumerate(days))
    assert len(set(days)) == 60
    by_chance = _drafted("街道,检查日期\n" + text, "检查.csv", tmp_path, catalog).found.key
    assert by_chance is None or len(by_chance.places) > 1
    series = "".join(f"{at * 7},{day}\n" for at, day in enumerate(sorted(days)))
    key = _drafted("客流,统计日期\n" + series, "客流.csv", tmp_path, catalog).found.key
    assert key is not None
    assert key.places == (1,)


def test_numbers_counted_anew_in_each_group_are_data_and_times_of_day_are_kept(tmp_path: Path, catalog: Path) -> None:
    rows = "".join(f"{1 + at // 20}路,{1 + at % 20},站{at},2024-01-0{1 + at % 9} 1{at % 10}:30\n" for at in range(80))
    made = _drafted("线路,站序,站名,到站时刻\n" + rows, "站点.csv", tmp_path, catalog)
    assert [item.volatile for item in made.items] == [False] * 4
    assert made.items[3].kind != "date"


def test_names_and_values_that_yaml_would_read_otherwise(tmp_path: Path, catalog: Path) -> None:
    problems = ("路灯不亮\n已报修: 是", "无灯", "占道")
    rows = "".join(f'2024-{at:04d},"{problems[at % 3]}",https://a.example/{at}\n' for at in range(90))
    made = _drafted("号,问题,接口地址\n" + rows, "清单.csv", tmp_path, catalog)
    assert made.items[0].name == "no"
    assert made.found.key is not None
    assert [item.kind for item in made.items] == ["identifier", "text", "text"]


def test_records_deep_in_a_document_are_declared(tmp_path: Path, catalog: Path) -> None:
    rows = ",".join(f'{{"编号":"A{at:03d}","数":{at}}}' for at in range(30))
    assert _drafted(f'{{"result":{{"data":{{"list":[{rows}]}}}}}}', "表.json", tmp_path, catalog).source["records"] == "result.data.list"


def test_an_element_whose_precision_does_not_hold_the_numbers_is_not_taken(tmp_path: Path, catalog: Path) -> None:
    small = _drafted("编号,浓度\n" + "".join(f"A{at:03d},{at % 90}.5\n" for at in range(60)), "浓度.csv", tmp_path, catalog)
    write(small, catalog)
    large = _drafted("编号,预算数\n" + "".join(f'B{at:03d},"{at + 1},234,567.89"\n' for at in range(60)), "预算.csv", tmp_path, catalog)
    assert large.items[1].cleaned is not None
    assert large.items[1].cleaned.value.null_count() == 0
