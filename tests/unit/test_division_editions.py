"""Editions of division codes from the catalogue: years by a naive reading, the context that carries them, import and revert by command."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from districtlake.catalog.load import load_catalog
from districtlake.catalog.models import DIVISIONS
from districtlake.cleansing.plan import plan_of
from districtlake.cli.app import app
from districtlake.quality.fingerprints import rule_set
from districtlake.standards.division_history import Edition, built_in_codes, in_use
from tests.small_district import PEOPLE, environment, small_settings

POOL = [330203, 330204, 330212, 330213, 339901, 339902]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(2024, 2030), st.lists(st.sampled_from(POOL), unique=True), st.booleans()), max_size=3),
    st.sampled_from(POOL), st.integers(2015, 2033),
)  # fmt: skip
def test_years_by_a_naive_reading(imports: list[tuple[int, list[int], bool]], code: int, year: int) -> None:
    editions = tuple(Edition(first, tuple(sorted(codes)), partial) for first, codes, partial in sorted(imports, key=lambda one: one[0]))
    used = bool(in_use(np.array([code]), np.array([year]))[0])
    for one in editions:
        named = code in one.codes
        if year == one.year:
            used = used or named  # through the year of its end, and from the beginning of the year in which it came
        elif year > one.year:
            used = named or (one.partial and used)
    assert bool(in_use(np.array([code]), np.array([year]), editions)[0]) == used


def test_a_new_year_is_imported_used_and_taken_back(tmp_path: Path) -> None:
    place = small_settings(tmp_path)
    entry = place.catalog_dirs[0] / "resources" / "registry_bureau" / "people.yaml"
    text = entry.read_text(encoding="utf-8")
    entry.write_text(
        text.replace("{name: remark, title: 备注, element: remark}", "{name: place, title: 区划, element: division_code}"), encoding="utf-8"
    )
    codes = {**built_in_codes(), "339901": "新设区"}
    gone = codes.pop("330203")
    path = tmp_path / "区划2027.csv"
    path.write_text("代码,名称\n" + "".join(f"{code},{name}\n" for code, name in codes.items()), encoding="utf-8")
    run = CliRunner(env=environment(place))
    arguments = ["reference", "import", str(path), "--list", DIVISIONS, "--valid-from", "2027-01-01", "--yes"]
    assert "source" in str(run.invoke(app, arguments).exception)
    before = load_catalog(place.catalog_dirs)

    assert "330203" in run.invoke(app, ["reference", "show", DIVISIONS]).stdout
    done = run.invoke(app, [*arguments, "--source", "民政部"])
    assert done.exit_code == 0, done.output
    assert f"新增 1，删除 1，改名 0，不变 {len(codes) - 1}" in done.stdout
    assert gone in done.stdout

    after = load_catalog(place.catalog_dirs)
    people = after.resources[PEOPLE]
    column = next(one for one in pickle.loads(pickle.dumps(plan_of(people, after, date(2027, 3, 1)))).columns if one.item == "place")
    status = column.cleanser.clean(pl.Series(["330203", "339901", "339902"]), column.context).status
    assert status.to_list() == ["ok", "ok", "unknown_region"]  # a number given under a code stays valid
    then = [in_use(np.array([330203, 339901]), np.full(2, year), after.divisions).tolist() for year in (2026, 2027, 2028)]
    assert then == [[True, False], [True, True], [False, True]]
    day = date(2026, 3, 6)
    was, now = rule_set(before.resources[PEOPLE], before, day).fingerprints, rule_set(people, after, day).fingerprints
    assert {rule for rule in was if was[rule] != now[rule]} == {"place.conforms", "place.plausible"}

    path.write_text("代码,名称\n339902,又一新区\n", encoding="utf-8")
    part = run.invoke(app, ["reference", "import", str(path), "--list", DIVISIONS, "--valid-from", "2028-01-01", "--keep", "--yes"])
    assert f"新增 1，删除 0，改名 0，不变 {len(codes)}" in part.stdout
    assert run.invoke(app, ["reference", "revert", DIVISIONS, "--yes"]).exit_code == 0
    assert load_catalog(place.catalog_dirs).code_lists == after.code_lists
    assert run.invoke(app, ["reference", "revert", DIVISIONS, "--yes"]).exit_code == 0
    assert load_catalog(place.catalog_dirs) == before


def test_what_is_no_division_is_refused_with_its_row(tmp_path: Path) -> None:
    run = CliRunner(env=environment(small_settings(tmp_path)))
    for code, said in (("330203001", "six digits"), ("990000", "no province")):
        path = tmp_path / "codes.csv"
        path.write_text(f"代码,名称\n330203,海曙区\n{code},某地\n", encoding="utf-8")
        refused = run.invoke(app, ["reference", "import", str(path), "--list", DIVISIONS, "--source", "试", "--yes"])
        assert refused.exit_code != 0
        assert said in str(refused.exception)
        assert "row 3" in str(refused.exception)
