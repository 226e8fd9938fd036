"""What rules say of other resources: their rows are joined by the executors, and every verdict is the embedded engine's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from districtlake.delivery.district import District, open_district
from districtlake.distributed import references
from districtlake.warehouse.tables import address
from tests.running import engine, run_folder
from tests.small_district import NOTES, PEOPLE, Row, day, deliver, open_small, small_settings
from tests.spark.same_tables import assert_same, state_of, told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_ENDS = "resource: other_bureau.notes, dimension: consistency"
CHECKS = f"""
  - {{id: code.known, expect: expect_column_values_to_exist_in_resource, column: code, item: code, on_failure: quarantine, {_ENDS}}}
  - {{id: amount.known, expect: expect_column_values_to_exist_in_resource, column: amount, item: amount, severity: info, {_ENDS}}}
  - {{id: amount.text, expect: expect_column_values_to_exist_in_resource, column: amount, item: name, severity: info, {_ENDS}}}
  - {{id: code.mostly, expect: expect_column_values_to_exist_in_resource, column: code, item: code, mostly: 0.4, severity: info, {_ENDS}}}
  - {{id: code.some, expect: expect_column_values_to_exist_in_resource, column: code, item: code, severity: info, {_ENDS},
     row_condition: 'amount > 7', condition_parser: pandas}}
  - {{id: name.now, expect: expect_multicolumn_values_to_equal_resource, column_list: [name, code], item: name, key: [code], {_ENDS}}}
  - {{id: amount.now, expect: expect_multicolumn_values_to_equal_resource, column_list: [amount, code, remark], item: amount,
     key: [code, remark], {_ENDS}}}
  - {{id: name.then, expect: expect_multicolumn_values_to_equal_resource, column_list: [name, code], item: name, key: [code],
     as_of: data_date, normalise: text, {_ENDS}}}
  - {{id: name.person, expect: expect_multicolumn_values_to_equal_resource, column_list: [name, code], item: name, key: [code],
     as_of: '2026-03-02', normalise: person_name, {_ENDS}, row_condition: 'amount > 7', condition_parser: pandas}}
"""


def opened(folder: Path, **changes: Any) -> District:
    first = open_small(folder)
    first.store.close()
    entry = folder / "catalog" / "resources" / f"{PEOPLE.replace('.', '/')}.yaml"
    text = entry.read_text(encoding="utf-8")
    if "code.known" not in text:
        entry.write_text(text.rstrip("\n") + CHECKS, encoding="utf-8")
    return open_district(small_settings(folder, **changes), clock=first.clock)


@pytest.fixture(params=["embedded", "spark"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[District]:
    changes = request.getfixturevalue("on_spark") if request.param == "spark" else {}
    district = opened(tmp_path, **changes)
    yield district
    district.store.close()


def rows(rng: random.Random, count: int, amounts: tuple[object, ...] = (7, 8, 9, 30, "", "五")) -> list[Row]:
    def one(code: str) -> Row:
        name = rng.choice(["张三", " 张 三", "李·四", "李四", "", "7", "8.0", "+30"])
        return (code, name, rng.choice(amounts), rng.choice(["x", "x", "", "y"]))

    codes = [f"A{n}" for n in sorted(rng.sample(range(50), count))]
    return [one(code) for code in [*codes, codes[0], ""]]


def night(district: District, seed: int) -> list[tuple[object, ...]]:
    """The neighbour comes first with what it knows; then people refer to it, and once more when it has moved on."""
    rng, inbox, outcomes = random.Random(seed), district.settings.inbox, []
    for number in (2, 4):
        deliver(inbox, f"notes_{day(number)}.csv", rows(rng, 40, (7, 8, 30)), agency="other_bureau")
        outcomes += run_folder(district, inbox, engine())[1]
        deliver(inbox, f"people_{day(number)}.csv", rows(rng, 46))
        outcomes += run_folder(district, inbox, engine())[1]
    assert [(one.file, one.why) for one in outcomes if one.state != "done"] == []
    return told(outcomes)


@pytest.mark.parametrize("seed", range(2))
def test_every_rule_about_another_resource_says_the_same_on_both_engines(seed: int, tmp_path: Path, on_spark: dict[str, object]) -> None:
    found = []
    for name, changes in (("embedded", {}), ("spark", on_spark)):
        district = opened(tmp_path / name, **changes)
        try:
            outcomes = night(district, seed)
            found.append((state_of(district), outcomes))
        finally:
            district.store.close()
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    results = found[0][0][f"results/{PEOPLE}"]
    asked = {row["rule"] for row in results if row["evaluated"] and row["failed"] and row["failed"] != row["evaluated"]}
    mine = {line.partition("{id: ")[2].partition(",")[0] for line in CHECKS.splitlines() if "{id: " in line}
    assert mine <= asked, f"no example both passes and fails: {mine - asked}"


def test_no_row_of_another_resource_comes_to_the_driver(
    tmp_path: Path, on_spark: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: object) -> None:
        raise AssertionError("the rows were brought")

    monkeypatch.setattr(references.RowsElsewhere, "brought", never)
    monkeypatch.setattr(District, "reference_records", never)
    district = opened(tmp_path, **on_spark)
    try:
        night(district, 5)
    finally:
        district.store.close()


def test_a_lost_file_of_another_resource_is_told_as_such(either: District) -> None:
    deliver(either.settings.inbox, f"notes_{day(2)}.csv", rows(random.Random(1), 30), agency="other_bureau")
    run_folder(either, either.settings.inbox, engine())
    for part in address(either.lake, "warehouse", NOTES).glob("*.parquet"):
        part.unlink()
    deliver(either.settings.inbox, f"people_{day(2)}.csv", rows(random.Random(2), 30))
    _, (outcome,) = run_folder(either, either.settings.inbox, engine())
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert (outcome.error.code, NOTES in outcome.error.message) == ("validation.reference_unreadable", True), outcome.error.message
    assert outcome.error.retryable


def test_a_damaged_file_of_another_resource_is_told_as_such(either: District) -> None:
    deliver(either.settings.inbox, f"notes_{day(2)}.csv", rows(random.Random(1), 30), agency="other_bureau")
    run_folder(either, either.settings.inbox, engine())
    for part in address(either.lake, "warehouse", NOTES).glob("*.parquet"):
        part.write_bytes(b"\0" * part.stat().st_size)
    deliver(either.settings.inbox, f"people_{day(2)}.csv", rows(random.Random(2), 30))
    _, (outcome,) = run_folder(either, either.settings.inbox, engine())
    assert outcome.state == "failed"
    assert outcome.error is not None
    assert (outcome.error.code, NOTES in outcome.error.message) == ("validation.reference_unreadable", True), outcome.error.message
