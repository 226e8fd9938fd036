"""The SQL of marts and comparisons in Spark's words: what is reworded, and what is refused with its line. (tests/spark holds the results.)"""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from districtlake.catalog.load import read_catalog
from districtlake.comparison.matching import macros
from districtlake.marts.check import check_marts
from districtlake.marts.translation import OWN_FUNCTIONS, NotPortable, function_in_spark, in_spark, obstacles_of
from tests.small_district import write_catalog
from tests.small_marts import TOTALS_YAML, write_marts


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select a from x.t", "SELECT `a` FROM `in__x__t` AS `t`"),
        ("select x.t.a from x.t", "SELECT `t`.`a` FROM `in__x__t` AS `t`"),
        ("select u.a from x.t u join kept using (k)", "SELECT `u`.`a` FROM `in__x__t` AS `u` JOIN `kept` USING (`k`)"),
        ("select 1 as a, 2 as b union all by name select 3 as b", "SELECT 1 AS `a`, 2 AS `b` UNION ALL SELECT NULL AS `a`, 3 AS `b`"),
        ("select mode(a order by a) from x.t", "SELECT MODE() WITHIN GROUP (ORDER BY `a` NULLS LAST) FROM `in__x__t` AS `t`"),
        (
            "select any_value(a) filter (b) from x.t",
            "SELECT ANY_VALUE(`a`, TRUE) FILTER(WHERE `b`) FROM `in__x__t` AS `t`",
        ),
        ("select d + interval (3) day from x.t", "SELECT `d` + INTERVAL '3' DAY FROM `in__x__t` AS `t`"),
        (
            "select * from x.t qualify row_number() over (partition by a order by b) = 1",
            "SELECT * FROM `in__x__t` AS `t` QUALIFY ROW_NUMBER() OVER (PARTITION BY `a` ORDER BY `b` NULLS LAST) = 1",
        ),
    ],
)  # fmt: skip
def test_words_of_duckdb_become_words_of_spark(sql: str, said: str) -> None:
    assert in_spark(sql) == said


@pytest.mark.parametrize(
    ("sql", "line", "problem"),
    [
        ("select\n  date_sub('year', a, b) as n\nfrom x.t", 2, "date_sub() means something else in Spark"),
        ("select\n  list_aggregate(a, 'kurtosis') as n\nfrom x.t", 2, "no function of Spark"),
        ("select 1,\n  date_diff('month', a, b)\nfrom x.t", 2, "counts boundaries"),
        ("select\n\n mode(a) from x.t", 3, "mode() does not say"),
        ("select * from x.t\nunion all by name\nselect * from x.u", 1, "UNION BY NAME over *"),
        ("select\n dayofweek(d) from x.t", 2, "begins with 0"),
        ("select\n avg(n) from x.t", 2, "avg() of decimals"),
        ("select\n log(n) from x.t", 2, "base 10"),
        ("select a from x.t\nwhere a ~ '[0-9]'", 2, "matches the whole text"),
        ("select\n list(a order by b) from x.t", 2, "no order"),
        ("select\n java_method('java.lang.System', a) from x.t", 2, "java_method() is no function"),
        ("select * from\n  read_csv('/etc/passwd')", 2, "no function of Spark"),
    ],
)
def test_what_spark_cannot_say_with_the_same_meaning_is_refused_with_its_line(sql: str, line: int | None, problem: str) -> None:
    found = obstacles_of(sql)
    assert any(problem in one.problem and one.line == line and one.remedy for one in found), found
    with pytest.raises(NotPortable):
        in_spark(sql)


def test_an_expression_of_this_file_that_both_can_say_is_no_obstacle() -> None:
    assert obstacles_of("select date_diff('day', a, b), mode(a order by a), regexp_full_match(a, '[0-9]+') from x.t") == []


def test_macros_over_texts_become_functions_of_the_session() -> None:
    said = [function_in_spark(one) for one in sqlglot.parse(macros(), dialect="duckdb") if isinstance(one, exp.Create)]
    assert {text.split(" (")[0].split()[-1] for text in said} == OWN_FUNCTIONS
    assert all(" RETURNS STRING RETURN " in text for text in said)


@pytest.mark.parametrize(("engine", "levels"), [("", ["warning"]), ("engine: spark\n", ["error"]), ("engine: embedded\n", [])])
def test_the_catalogue_check_says_what_spark_cannot_carry(tmp_path: Path, engine: str, levels: list[str]) -> None:
    folder = write_catalog(tmp_path / "catalog")
    sql = "select name,\n  cast(1 as bigint) as people, cast(1 as bigint) as amount, any_value(list_sum([1])) as paid\nfrom registry_bureau.people\ngroup by name"
    write_marts(folder, totals=sql)
    mart = next(folder.rglob("totals.yaml"))
    mart.write_text(TOTALS_YAML.partition("incremental:")[0] + engine, encoding="utf-8")
    found = [one for one in check_marts(read_catalog([folder])) if "Spark" in one.problem]
    assert [one.level for one in found] == levels
    assert all(one.key == "line 2" and one.remedy for one in found)
