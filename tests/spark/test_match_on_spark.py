"""``match:`` on Spark: every step makes the same of a value as on the embedded engine, and a comparison finds the same leads by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from districtlake.catalog.match_steps import MATCH_STEPS
from districtlake.comparison.compare import Compared, compare
from districtlake.comparison.matching import macros, matched_sql
from districtlake.delivery.district import District
from districtlake.marts.carriers import carrier
from districtlake.marts.sources import Inputs
from districtlake.settings import Engine
from districtlake.warehouse.leads import LEADS, read_leads
from tests.small_comparison import YAML, write_comparison
from tests.small_district import day, deliver, open_small
from tests.small_marts import process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore:.*pandas.*")]  # pyspark knows no pandas 3 yet
HARD = (
    None, "", " ", "　", "\t", "\u00a0", "\u200b\ufeff", "  a b ", "　西门　街道　", "西门\n街道", "a\r\nb", "\x1f1", "\x851", "\u2028x\u2029", "\u180ex", "\u2003 x\u2003",
    "\u200d", "Ａｂ１２３（）", "ａｂｃＸ", "！～", "\uff5f", "ﾊﾝｶｸ", "￥", "'", "''", "\\", "$1", "\\1", "%_", "[]", "()", "［］", "【】〔〕",
    "𠮷野", "𠮷", "👨\u200d👩\u200d👧", "😀", "e\u0301", "é", "İ", "ı", "ς", "ǆ", "ä", "Ω", "ÿ",
    "买买提·艾力", "买买提•艾力", "买买提．艾力", "买买提。艾力", "·", "•・．‧∙⋅・●。",
    "000", "0", "00120", "０012", "-0", "0x", "〇", "一二三", "壹佰", "１２３", "٣", "३३",
    "11010519491231002x", "11010519491231002X", "110105491231002", "110105491231996", "110105491231999", "１１０１０５４９１２３１００２", "11010549123100",
    "1101054912310022", "110105 491231002", " 110105491231002", "11010549123100x",
    "91330203MA2GQXXX0T", "91330203ma2gqxxx0t", "91330203-MA2GQXXX0T", "MA2GQXXX-0", "MA2GQXXX0", "ma2gqxxx-0", "MA2GQXXX", "9133 0203 MA2G QXXX 0T",
    "91330203MA2GQXXX0", "𠮷1330203MA2GQXXX0", "12345678𠮷",
    "3", "33", "330", "3302", "33020", "330203", "3302030", "330203007", "330203007001", "330203000", "330203007000", "330203000000", "330200000000",
    "330000000000", "000000000000", "3302030070010", "33 02 03", "３３０２０３", "330203abc", "330203.0", "a330203", "33020٣",
    "宁波市某某有限责任公司", "宁波市某某有限公司（分公司）", "宁波市某某（集团）有限公司", "某某有限 责任公司", "有限责任公司", "某某[一]公司",
    "海曙区", "海曙", "市", "省", "某市", "市市", "宁波市", "宁波市市", "广西壮族自治区", "香港特别行政区", "西门街道办事处", "西门街道", "城关镇", "镇乡", "乡镇县", "黔东南苗族侗族自治州",
    "海曙区 ", "ａ区", "𠮷区", "𠮷𠮷区", "a\nb区",
    "浙江省宁波市海曙区西门街道北斗河路1号", "宁波市海曙区西门街道", "海曙区西门街道", "西门街道", "街道", "石碶街道", "海曙区高桥镇", "海曙区章水镇某村", "新疆维吾尔自治区伊犁哈萨克自治州伊宁市某乡1组",
    "宁波市北斗河路1号", "海曙区北斗河路", "某省某市某区某县某街道", "一二三四五六七八九市西门街道", "𠮷市𠮷𠮷区𠮷街道", "海曙区\n西门街道", "海曙区西门街道石碶街道", "Ａ区Ｂ街道",
    "x" * 5000, "海" * 3000 + "区西门街道", "0" * 4000, " " * 3000 + "a" + " " * 3000, "·" * 2000, "(" * 1000 + "有限责任公司" * 500,
)  # fmt: skip
"""Nulls, blanks of every sort, widths, surrogates, capitals of other scripts (not ß, ŉ, ﬁ, whose capitals are several letters in Spark: ADR 27), numerals of other scripts, codes of wrong lengths, long texts."""
TWICE = (("text", "division_name"), ("width", "citizen_id"), ("trim", "leading_zeros"), ("text", "org_name"), ("blanks", "org_code"), ("width", "division_full"),
         ("text", "address_street"), ("division_town", "division_full"))  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Iterator[District]:
    opened = open_small(tmp_path)
    yield opened
    opened.store.close()


def test_every_step_makes_the_same_of_every_value(small: District, on_spark: dict[str, object]) -> None:
    chains = [*((step,) for step in MATCH_STEPS), *TWICE]
    columns = ", ".join(f"{matched_sql(steps, 's')} as c{n}" for n, steps in enumerate(chains))
    sql = f"select id, {columns} from given"
    found: dict[Engine, pl.DataFrame] = {}
    for engine, changes in (("embedded", {}), ("spark", on_spark)):
        district = replace(small, settings=small.settings.model_copy(update=changes))
        with carrier(Inputs(district), engine) as carried:
            carried.define(macros())
            carried.frame("given", pl.DataFrame({"id": range(len(HARD)), "s": HARD}, schema={"id": pl.Int64, "s": pl.String}))
            carried.seal()
            found[engine] = carried.rows(sql).sort("id")
    differing = {}
    for number, steps in enumerate(chains):
        ours, theirs = (found[engine][f"c{number}"].to_list() for engine in ("embedded", "spark"))
        apart = [(HARD[row], ours[row], theirs[row]) for row in range(len(HARD)) if ours[row] != theirs[row]]
        if apart:
            differing[steps] = [tuple(str(one)[:40] for one in each) for each in apart]
    assert differing == {}
    made = found["embedded"].drop("id")
    assert all(made[column].drop_nulls().n_unique() > 1 for column in made.columns), "a step made nothing of any value"


PEOPLE = [("001", "张 三", 1, ""), ("002", "李四", 2, ""), ("０03", "某某有限责任公司", 3, ""), ("4", "𠮷·野", 4, ""), (" 5", "Ａb", 5, "")]
NOTES = [
    ("1", "张三", 9, ""),
    ("2", "李思", 8, ""),
    ("003", "某某有限公司", 7, ""),
    ("0004", "𠮷野", 6, ""),
    ("5", "AB", 1, ""),
    ("6", "x", 1, ""),
]
_OF_THE_RUN = {"run", "first_run", "closed_run", "first_seen_at", "closed_at", "seen_at", "last_run", "last_seen_at"}


def nights(folder: Path, yaml: str, **changes: object) -> tuple[list[pl.DataFrame], list[tuple[object, ...]]]:
    """Two nights of one comparison, the second after changes on both sides: leads after each, and what was said of each."""
    write_comparison(folder / "catalog", yaml)
    with (district := open_small(folder)).store:
        computing = replace(district, settings=district.settings.model_copy(update=changes))
        leads, said = [], []
        for number, (people, notes) in enumerate(
            ((PEOPLE, NOTES), ([*PEOPLE[:3], ("4", "野", 4, "")], [*NOTES[:4], ("5", "ac", 1, "")])), 2
        ):
            deliver(district.settings.inbox, f"people_{day(number)}.csv", people)
            deliver(district.settings.inbox, f"notes_{day(number)}.csv", notes, agency="other_bureau")
            process(district, district.settings.inbox)
            (done,) = compare(computing)
            said.append(_without_time(done))
            leads.append(read_leads(district.lake).sort("lead_id").drop(_OF_THE_RUN & set(LEADS)))
        return leads, said


def _without_time(done: Compared) -> tuple[object, ...]:
    return (done.outcome, done.reason, done.mode, done.why_full, done.keys, done.opened, done.closed, done.open)


@pytest.mark.parametrize("name", ["[text, dots]", "[org_name]", "[width, case]"])
def test_a_comparison_by_match_finds_the_same_leads_in_full_and_by_what_changed(
    tmp_path: Path, on_spark: dict[str, object], name: str
) -> None:
    yaml = YAML.replace("flag_when:", f"match:\n  code: [trim, width, leading_zeros]\n  name: {name}\nflag_when:").replace(
        ", matching: name", ""
    )
    ours, said = nights(tmp_path / "embedded", yaml)
    theirs, told = nights(tmp_path / "spark", yaml, **on_spark)
    assert told == said
    assert [one[0] for one in said] == ["compared", "compared"], said
    assert [one[2] for one in said] == ["full", "incremental"], said
    for embedded, spark in zip(ours, theirs, strict=True):
        assert embedded.height
        assert_frame_equal(spark, embedded, check_exact=True)
