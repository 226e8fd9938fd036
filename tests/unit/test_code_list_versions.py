"""Versions of code lists: the difference before, the undo after, and refusals that change nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from districtlake.catalog.code_list_versions import apply, difference, earlier_of, file_of, next_version, read_list, revert
from districtlake.catalog.load import load_catalog
from districtlake.cli.app import app
from districtlake.delivery.district import open_district
from districtlake.errors import NotFound, OperationRefused
from districtlake.ingestion.limits import Limits
from districtlake.inspection.codes import codes_of
from districtlake.quality.fingerprints import rule_set
from districtlake.store.tables import AuditEvent
from tests.small_district import environment, small_settings, write_catalog

SEX = "gb_t_2261_1"
DAY = date(2026, 3, 6)


@pytest.fixture
def dirs(tmp_path: Path) -> list[Path]:
    return [write_catalog(tmp_path / "catalog")]


def test_difference_apply_and_revert(dirs: list[Path]) -> None:
    path = file_of(SEX, dirs)
    assert path is not None
    before, current = path.read_text(encoding="utf-8"), read_list(path, SEX)
    new = next_version(current, SEX, {"0": "未知", "1": "男性", "5": "女性变更", "'": "撇号"}, valid_from=DAY)
    differs = difference(current, new)
    assert differs.added == {"5": "女性变更", "'": "撇号"}
    assert set(differs.removed) == {"2", "9"}
    assert differs.renamed == {"0": ("未知的性别", "未知")}
    assert differs.synonyms_lost == {text: code for text, code in current.synonyms.items() if code in ("2", "9")}
    assert differs.fields == {"valid_from": (str(current.valid_from), str(DAY))}
    apply(new, dirs)
    loaded = load_catalog(dirs).code_lists[SEX]
    assert loaded.model_copy(update={"earlier": ()}) == new
    assert [one.codes for one in loaded.earlier] == [current.codes]
    assert loaded.version == "2"
    assert [read_list(one, SEX).codes for one in earlier_of(SEX, dirs)] == [current.codes]
    revert(SEX, dirs)
    assert path.read_text(encoding="utf-8") == before
    with pytest.raises(NotFound):
        revert(SEX, dirs)


def test_a_changed_list_makes_the_rules_of_its_users_judge_again(dirs: list[Path], tmp_path: Path) -> None:
    text = (dirs[0] / "resources" / "registry_bureau" / "people.yaml").read_text(encoding="utf-8")
    text = text.replace("{name: remark, title: 备注, element: remark}", "{name: sex, title: 性别, element: sex}")
    (dirs[0] / "resources" / "registry_bureau" / "people.yaml").write_text(text, encoding="utf-8")
    catalog = load_catalog(dirs)
    people = catalog.resources["registry_bureau.people"]
    before = rule_set(people, catalog, DAY).fingerprints
    apply(next_version(catalog.code_lists[SEX], SEX, {"1": "男性", "2": "女性"}, valid_from=DAY), dirs)
    after = rule_set(people, load_catalog(dirs), DAY).fingerprints
    assert {rule for rule in before if before[rule] != after[rule]} == {"sex.conforms"}


def test_refusals(dirs: list[Path]) -> None:
    current = load_catalog(dirs).code_lists[SEX]
    for given in ({"codes": {}}, {"valid_from": date(1990, 1, 1)}, {"version": "1"}):
        with pytest.raises(OperationRefused):
            next_version(current, SEX, **{"codes": {"1": "男"}, "valid_from": DAY, **given})  # type: ignore[arg-type]
    with pytest.raises(OperationRefused):
        next_version(None, "nowhere", {"1": "男"}, valid_from=DAY)
    assert next_version(None, "new_list", {"1": "男"}, valid_from=DAY, name="新表", source="标准").version == "1"


@pytest.mark.parametrize("text", ["甲,乙\n1,2\n3,4\n", "代码,名称\n1,男\n1,女\n", "代码,名称\n1,\n2,女\n"])
def test_files_that_are_no_list_of_codes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OperationRefused):
        codes_of(path, "x", Limits())


def test_the_command_shows_asks_applies_and_is_audited(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    run = CliRunner(env=environment(settings))
    path = tmp_path / "性别.csv"
    path.write_text("代码,名称\n0,未知的性别\n1,男性\n2,女性\n3,其他\n", encoding="utf-8")
    arguments = ["reference", "import", str(path), "--list", SEX, "--valid-from", "2026-03-01"]
    refused = run.invoke(app, arguments, input="n\n")
    assert refused.exit_code != 0
    assert "新增 1，删除 1，改名 0，不变 3" in refused.stdout
    assert "3" not in load_catalog(settings.catalog_dirs).code_lists[SEX].codes
    done = run.invoke(app, [*arguments, "--yes"])
    assert done.exit_code == 0, done.output
    assert load_catalog(settings.catalog_dirs).code_lists[SEX].codes["3"] == "其他"
    assert run.invoke(app, ["reference", "show", SEX]).stdout.count("旧版本 1") == 1
    assert SEX in run.invoke(app, ["reference", "list", "--json"]).stdout
    later = ["reference", "import", str(path), "--list", SEX, "--valid-from", "2026-04-01", "--yes"]  # a day to come
    assert run.invoke(app, later).exit_code == 0
    assert run.invoke(app, ["reference", "revert", SEX, "--yes"]).exit_code == 0
    assert run.invoke(app, ["reference", "revert", SEX, "--yes"]).exit_code == 0
    assert "3" not in load_catalog(settings.catalog_dirs).code_lists[SEX].codes
    district = open_district(settings)
    with district.store.session(read_only=True) as session:
        kept = session.scalars(select(AuditEvent.action).where(AuditEvent.object_kind == "code_list").order_by(AuditEvent.id)).all()
    district.store.close()
    assert kept == ["reference.import", "reference.import", "reference.revert", "reference.revert"]
