"""Writing a district: layout, encodings, determinism, continuation, refusals."""

from __future__ import annotations

import codecs
import csv
import json
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from districtlake.demo import RESOURCES, DemoError, Generated, generate, generator, next_day, read_ground_truth, read_leads
from districtlake.demo.faults import FAULTS

FIRST = date(2025, 3, 3)


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(tmp_path_factory.mktemp("district"), seed=11, days=5, first_day=FIRST, size=600)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _find(district: Generated, part: str) -> list[Path]:
    return [path for path in district.files if part in path.name]


def test_files_lie_by_day_and_agency_and_every_resource_comes_when_announced(district: Generated) -> None:
    assert district.days == tuple(date(2025, 3, day) for day in range(3, 8))
    assert all(path.is_file() for path in district.files)
    assert {path.relative_to(district.folder).parts[0] for path in district.files} == {"inbox"}
    days = {
        part: [path.parts[-3] for path in _find(district, part)]
        for part in (
            "户籍人口基本信息",
            "户籍人口更正",
            "死亡注销",
            "市场主体登记",
            "食品经营许可",
            "企业职工参保",
            "低生活保障对象",
            "低生活保障更正",
        )
    }
    every = [f"2025-03-0{day}" for day in range(3, 8)]
    assert days == {
        "户籍人口基本信息": every,
        "户籍人口更正": ["2025-03-05"],
        "死亡注销": every,
        "市场主体登记": every,
        "食品经营许可": every,
        "企业职工参保": ["2025-03-03", "2025-03-06"],
        "低生活保障对象": ["2025-03-03", "2025-03-06"],
        "低生活保障更正": ["2025-03-05"],
    }
    assert {path.name for path in district.folder.iterdir()} == {"inbox", "ground_truth.jsonl", "ground_truth_leads.jsonl", "district.json"}
    for path in district.files:
        assert path.stem.endswith(path.parts[-3].replace("-", ""))


def test_encodings_are_what_is_promised(district: Generated) -> None:
    for path in _find(district, "户籍人口") + _find(district, "最低生活保障"):
        content = path.read_bytes()
        content.decode("gb18030")
        with pytest.raises(UnicodeDecodeError):
            content.decode("utf-8")
    for path in _find(district, "户籍人口基本信息"):
        with pytest.raises(UnicodeDecodeError):
            path.read_bytes().decode("gbk")  # 䶮 and 𠮷 are only in GB18030
    for path in _find(district, "死亡注销"):
        assert path.read_bytes().startswith(codecs.BOM_UTF8)
        path.read_bytes().decode("utf-8-sig")
    for path in _find(district, "食品经营许可"):
        assert not path.read_bytes().startswith(codecs.BOM_UTF8)
        assert "许可证编号" in path.read_bytes().decode("utf-8")


def test_excel_has_titles_above_the_header_true_dates_and_a_total_below(district: Generated) -> None:
    for path, header, row in (
        (_find(district, "市场主体")[0], "统一社会信用代码", 3),
        (_find(district, "企业职工参保")[0], "公民身份号码", 4),
    ):
        sheet = openpyxl.load_workbook(path).worksheets[0]
        assert sheet.cell(row, 1).value == header
        assert sheet.cell(1, 1).value not in (None, header)
        assert str(sheet.cell(sheet.max_row, 1).value).startswith("合计")
    dates = list(openpyxl.load_workbook(_find(district, "市场主体")[0]).worksheets[0]["F"][3:-1])
    assert sum(cell.is_date for cell in dates) > 0.8 * len(dates)
    assert any(isinstance(cell.value, str) for cell in dates)


def test_headers_drift_on_their_days_only(district: Generated) -> None:
    headers = {path.parts[-3]: path.read_bytes().decode("gb18030").splitlines()[0] for path in _find(district, "户籍人口基本信息")}
    assert {day for day, header in headers.items() if "族别" in header} == {"2025-03-04"}
    assert all(("民族" in header) != ("族别" in header) for header in headers.values())
    widths = {path.parts[-3]: openpyxl.load_workbook(path).worksheets[0].max_column for path in _find(district, "市场主体")}
    assert {day for day, width in widths.items() if width == 10} == {"2025-03-05"}
    assert set(widths.values()) == {9, 10}


def test_hard_but_valid_people_and_codes_are_always_there_and_never_faulty(district: Generated) -> None:
    path = _find(district, "户籍人口基本信息")[0]
    with path.open(encoding="gb18030", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [row["公民身份号码"].strip().upper() for row in rows]
    for region, year in (("330203", "19"), ("330204", "1971"), ("330227", "19"), ("330212", "19"), ("330283", "19"), ("830000", "")):
        assert any(number.startswith(region + year) for number in numbers)
    assert any(number[10:14] == "0229" for number in numbers)
    assert any(number.endswith("X") for number in numbers)
    names = "".join(row["姓名"] for row in rows)
    assert all(char in names for char in "䶮𠮷")
    assert any(dot in names for dot in "·•・．")
    codes = [str(cell.value).strip() for cell in openpyxl.load_workbook(_find(district, "市场主体")[0]).worksheets[0]["A"]]
    assert any(code.upper().startswith("N2") for code in codes)
    assert any(any(char.isalpha() for char in code[2:17]) for code in codes)


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path, district: Generated) -> None:
    again = generate(tmp_path / "again", seed=11, days=5, first_day=FIRST, size=600)
    assert _bytes(again.folder) == _bytes(district.folder)
    assert again.faults == district.faults
    other = generate(tmp_path / "other", seed=12, days=1, first_day=FIRST, size=600)
    assert all(_bytes(other.folder)[name] != content for name, content in _bytes(district.folder).items() if name in _bytes(other.folder))


def test_next_day_gives_what_one_more_day_would_have(tmp_path: Path, district: Generated) -> None:
    target = tmp_path / "grown"
    generate(target, seed=11, days=1, first_day=FIRST, size=600)
    for day in range(4, 8):
        step = next_day(target)
        assert step.days == (date(2025, 3, day),)
        assert {path.parts[-3] for path in step.files} == {f"2025-03-0{day}"}
    assert _bytes(target) == _bytes(district.folder)


def test_a_choice_of_resources_changes_no_byte_of_them_and_is_remembered(tmp_path: Path, district: Generated) -> None:
    chosen = ("market_regulation.food_licences", "public_security_bureau.deaths", "market_regulation.business_entities")
    generate(tmp_path, seed=11, days=4, first_day=FIRST, size=600, resources=chosen)
    next_day(tmp_path)
    whole = {name: content for name, content in _bytes(district.folder).items() if name.startswith("inbox")}
    few = {name: content for name, content in _bytes(tmp_path).items() if name.startswith("inbox")}
    assert few == {name: content for name, content in whole.items() if Path(name).name[:4] in ("食品经营", "死亡注销", "市场主体")}
    assert {line.resource for line in read_ground_truth(tmp_path)} == {name.split(".")[1] for name in chosen}
    assert {lead.rule for lead in read_leads(tmp_path)} == {"C5"}, "what needs a resource that is not delivered is left out"
    with pytest.raises(DemoError, match=r"no resource health_bureau\.nothing"):
        generate(tmp_path / "other", seed=11, first_day=FIRST, resources=["health_bureau.nothing"])


def test_every_resource_comes_and_every_comparison_has_its_leads(district: Generated) -> None:
    assert len(RESOURCES) == 26
    assert {f"{line.agency}.{line.resource}" for line in read_ground_truth(district.folder)} == set(RESOURCES)
    leads = read_leads(district.folder)
    assert {lead.rule for lead in leads} == {f"C{number}" for number in range(1, 9)}
    identity = [(lead.rule, *lead.left_key.values(), *lead.right_key.values()) for lead in leads if lead.first_day]
    assert len(identity) == len(set(identity)), "a lead is new once"


def test_a_hundred_persons_make_a_district_too(tmp_path: Path) -> None:
    made = generate(tmp_path, seed=5, days=6, first_day=FIRST, size=100)
    assert {path.parts[-2] for path in made.files} == {name.split(".")[0] for name in RESOURCES}


def test_files_are_announced_before_they_are_written(tmp_path: Path) -> None:
    told: list[tuple[date, str, int]] = []
    made = generate(tmp_path, seed=5, days=1, first_day=FIRST, size=100, progress=lambda *file: told.append(file))
    assert [name for _, name, _ in told] == [path.name for path in made.files]
    assert told[0] == (FIRST, "户籍人口基本信息_20250303.csv", 100)


def test_days_already_there_are_left_alone_and_missing_ones_added(tmp_path: Path, district: Generated) -> None:
    generate(tmp_path, seed=11, days=2, first_day=FIRST, size=600)
    sample = next(path for path in (tmp_path / "inbox").rglob("*.csv"))
    sample.unlink()
    rest = generate(tmp_path, seed=11, days=5, first_day=FIRST, size=600)
    assert rest.days == district.days[2:]
    assert not sample.exists()
    nothing = generate(tmp_path, seed=11, days=3, first_day=FIRST, size=600)
    assert (nothing.days, nothing.files, nothing.faults) == ((), (), 0)
    assert json.loads((tmp_path / "district.json").read_text())["days"] == 5


def test_a_day_interrupted_before_it_counted_is_written_again_without_doubles(
    tmp_path: Path, district: Generated, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path, seed=11, days=4, first_day=FIRST, size=600)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(generator, "_save", killed)
    with pytest.raises(KeyboardInterrupt):
        next_day(tmp_path)
    monkeypatch.undo()
    next_day(tmp_path)
    assert _bytes(tmp_path) == _bytes(district.folder)


def test_leftovers_of_a_killed_process_do_no_harm(tmp_path: Path) -> None:
    generate(tmp_path, seed=1, days=1, first_day=FIRST, size=200)
    (tmp_path / ".writing").mkdir()
    (tmp_path / ".writing" / "half.csv").write_text("half")
    next_day(tmp_path)
    assert not (tmp_path / ".writing").exists()
    assert not list(tmp_path.rglob("half.csv"))


def test_an_interruption_on_the_very_first_day_leaves_a_district_that_can_be_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generator, "write_day", full)
    with pytest.raises(OSError, match="No space"):
        generate(tmp_path / "a", seed=1, days=1, first_day=FIRST, size=200)
    monkeypatch.undo()
    next_day(tmp_path / "a")
    generate(tmp_path / "b", seed=1, days=1, first_day=FIRST, size=200)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")


def test_a_folder_with_other_deliveries_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "inbox" / "health_bureau").mkdir(parents=True)
    with pytest.raises(DemoError, match="not of a demonstration district"):
        generate(tmp_path, seed=1, days=1, first_day=FIRST, size=200)
    assert [path.name for path in tmp_path.rglob("*")] == ["inbox", "health_bureau"]


def test_another_district_in_the_folder_is_refused(tmp_path: Path) -> None:
    generate(tmp_path, seed=1, days=1, first_day=FIRST, size=200)
    before = _bytes(tmp_path)
    for asked in ({"seed": 2}, {"size": 201}, {"first_day": date(2025, 3, 4)}, {"resources": RESOURCES[:3]}):
        with pytest.raises(DemoError, match=r"district\.json describes a") as caught:
            generate(tmp_path, **{"seed": 1, "days": 2, "first_day": FIRST, "size": 200, **asked})  # type: ignore[arg-type]
        assert caught.value.hint
    assert _bytes(tmp_path) == before


def test_no_district_a_broken_state_or_an_impossible_size_is_said(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="holds no demonstration district"):
        next_day(tmp_path)
    with pytest.raises(DemoError, match="cannot be made"):
        generate(tmp_path, seed=1, days=0, first_day=FIRST)
    with pytest.raises(DemoError, match="cannot be made"):
        generate(tmp_path, seed=1, first_day=FIRST, size=99)
    (tmp_path / "district.json").write_text("{}")
    with pytest.raises(DemoError, match="is not the state"):
        next_day(tmp_path)


def test_count_of_faults_is_the_lines_with_a_rule(district: Generated) -> None:
    truth = read_ground_truth(district.folder)
    assert district.faults == sum(line.rule is not None for line in truth)
    assert {line.fate for line in truth if line.rule is None} == {"duplicate", "footer"}


def test_every_kind_of_fault_is_seeded_within_five_days(district: Generated) -> None:
    seeded = {(line.resource, line.fault, line.item) for line in read_ground_truth(district.folder) if line.rule}
    declared = {
        (resource, kind.slug, item)
        for resource, kinds in FAULTS.items()
        for kind in kinds
        for item in (kind.item, *(item for item, _, _ in kind.also))
    }
    assert seeded == declared


def test_faults_are_new_once_carried_afterwards_and_some_are_corrected(district: Generated) -> None:
    lines = [line for line in read_ground_truth(district.folder) if line.resource == "population" and line.rule]
    new = {day: sum(line.day == day and line.first_day for line in lines) for day in {line.day for line in lines}}
    carried = {day: sum(line.day == day and not line.first_day for line in lines) for day in new}
    assert carried["2025-03-03"] == 0
    assert all(count > 0 for count in new.values())
    assert all(carried[day] > 0 for day in sorted(new)[1:])
    assert not any(line.item == "citizen_id" and line.rule == "citizen_id.conforms" for line in lines if line.day > "2025-03-05")
