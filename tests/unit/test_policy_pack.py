"""The policy pack says what the measures say, and a wrong pack is refused with file, key and remedy."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from districtlake.errors import CatalogError
from districtlake.policy.pack import load_policies, load_policy
from districtlake.settings import PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "catalog" / "policy" / "haishu_2021.yaml"


def written(folder: Path, text: str, name: str = "pack.yaml") -> Path:
    (folder / "policy").mkdir(parents=True, exist_ok=True)
    (folder / "policy" / name).write_text(text, encoding="utf-8")
    return folder


def changed(folder: Path, file: str = "pack.yaml", **changes: object) -> Path:
    """The shipped pack with values replaced; keys with dots reach into it."""
    data = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    for key, value in changes.items():
        *path, last = key.split("__")
        place = data
        for step in path:
            place = place[step]
        place[last] = value
    return written(folder, yaml.safe_dump(data, allow_unicode=True), file)


def test_the_shipped_pack_holds_the_numbers_of_the_measures() -> None:
    pack = load_policy([PROJECT_ROOT / "catalog"])
    assert (pack.id, pack.document.number, pack.document.status) == ("haishu_2021", "海政办发〔2021〕47号", "repealed")
    assert pack.note == "流程依据《暂行办法》（已废止）"
    assert (pack.deadlines.problem_handling.title, pack.deadlines.problem_handling.article) == ("5个工作日", "第二十七条第三款")
    assert pack.deadlines.problem_ceiling.title == "60个自然日"
    assert (pack.deadlines.provider_opinion.title, pack.deadlines.provider_opinion.article) == ("5个工作日", "第十七条第二款")
    assert list(pack.dispositions.values.values()) == ["完成整改", "确认无误", "沟通解决"]
    assert pack.counting.receipt_day_counted.value is False
    assert pack.counting.ceiling_moves_to_working_day.value is False
    assert list(pack.required_fields.values.values()) == [
        "业务名称", "信息系统名称", "数据项名称", "存储格式", "共享属性", "开放属性", "提供方式", "更新周期", "共享期限",
    ]  # fmt: skip


def test_grace_is_marked_internal_and_matches_the_domain() -> None:
    grace = load_policy([PROJECT_ROOT / "catalog"]).update_grace
    assert grace.basis == "internal"
    assert grace.cycles == {
        "realtime": timedelta(hours=1), "daily": timedelta(1), "weekly": timedelta(1), "monthly": timedelta(5),
        "quarterly": timedelta(10), "half_yearly": timedelta(10), "yearly": timedelta(10), "irregular": None, "never": None,
    }  # fmt: skip


def test_a_pack_is_frozen() -> None:
    pack = load_policy([PROJECT_ROOT / "catalog"])
    with pytest.raises(ValueError, match="frozen"):
        pack.deadlines.problem_handling.days = 6  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "key", "remedy"),
    [
        ({"deadlines__problem_handling__days": 0}, "deadlines.problem_handling.days", "Correct"),
        ({"deadlines__problem_handling__days": "5"}, "deadlines.problem_handling.days", "Correct"),
        ({"deadlines__problem_handling__article": ""}, "deadlines.problem_handling.article", "Correct"),
        ({"deadlines__problem_handling__dasy": 5}, "deadlines.problem_handling.dasy", "Delete"),
        ({"update_grace__cycles": {"daily": "P1D"}}, "update_grace.cycles", "Write one line for each"),
        ({"effective_to": "2021-01-01"}, "effective_to", "Leave effective_to empty"),
        ({"note": "流程依据《暂行办法》"}, "note", "已废止"),
    ],
)
def test_a_wrong_value_names_file_key_and_remedy(tmp_path: Path, change: dict[str, object], key: str, remedy: str) -> None:
    with pytest.raises(CatalogError) as caught:
        load_policy([changed(tmp_path, **change)])
    assert "policy/pack.yaml" in caught.value.message
    assert key in caught.value.message
    assert remedy in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: a\nid: b\n", "key 'id' is written twice"),
        ("id: [\n", "line"),
        ("", "holds no keys"),
        ("effective_from: 2026-02-31\n", "day is out of range"),
    ],
)
def test_a_file_that_is_no_pack_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        load_policy([written(tmp_path, text)])


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "pack.yaml").write_bytes("name: 暂行办法".encode("gb18030"))
    with pytest.raises(CatalogError, match=r"policy/pack.yaml: byte \d+ is not UTF-8"):
        load_policy([tmp_path])


def test_no_pack_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"No policy pack in .*policy"):
        load_policy([tmp_path])


def test_the_pack_of_the_day_is_chosen_and_the_latest_without_a_day(tmp_path: Path) -> None:
    changed(tmp_path, "one.yaml", effective_to="2027-01-01")
    changed(tmp_path, "two.yaml", version="2.0", effective_from="2027-01-01", deadlines__problem_handling__days=7)
    assert load_policy([tmp_path], on=date(2026, 12, 31)).version == "1.0"
    assert load_policy([tmp_path], on=date(2027, 1, 1)).version == "2.0"
    assert load_policy([tmp_path]).deadlines.problem_handling.days == 7
    assert len(load_policies([tmp_path])) == 2
    with pytest.raises(CatalogError, match="applies on 2020-01-01"):
        load_policy([tmp_path], on=date(2020, 1, 1))


def test_the_same_version_twice_is_refused(tmp_path: Path) -> None:
    changed(tmp_path, "one.yaml")
    changed(tmp_path, "two.yaml", name="另一个")
    with pytest.raises(CatalogError, match="already defined"):
        load_policy([tmp_path])


def test_two_packs_of_one_day_are_refused(tmp_path: Path) -> None:
    changed(tmp_path, "one.yaml")
    changed(tmp_path, "two.yaml", id="other")
    with pytest.raises(CatalogError, match="both take effect"):
        load_policy([tmp_path])
