"""Laws of cleansing, for every kind: idempotent, each cell by itself, and a change log that is neither short nor long."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from districtlake.catalog.models import CodeList
from districtlake.standards.kind import DISTINCT_FROM
from districtlake.standards.kinds import KINDS, CleanedColumn
from districtlake.standards.repairs import DECLARABLE, unsettled
from tests.cells import column, context

SEX = CodeList(
    id="sex", name="性别", source="标准", codes={"0": "未知", "1": "男", "2": "女", "Ａ": "全角"}, synonyms={"M": "1", "ｍ": "1"}
)
GIVEN = {
    "code": {"codes": SEX},
    "date": {"not_after": "today"},
    "integer": {"unit": "人"},
    "decimal": {"unit": "万元"},
    "identifier": {"pattern": "^[0-9A-Z-]+$"},
}
few = settings(deadline=None, max_examples=20)  # for each of fifteen kinds, up to forty cells each time
many = settings(deadline=None)
every_kind = pytest.mark.parametrize("kind", list(KINDS))

# Characters at which the repairs bite, and cells that are nearly right.
_CHARS = (
    "0123456789XxABeE.,-/:+ 年月日元十廿一二〇张三·•・．（）０１Ａｘ－，／万人无男女锟斤拷?*𠮷Tt%#'’"
    "\u3000\u00a0\u200b\ufeff\n\r\t\u202e\ufffd\ue000\U000e0100"
)
_NEAR = [
    "330203195006150018",
    "33021319700615001X",
    "110105491231002",
    "3.30203E+17",
    "91330203MA2AFAAA4Y",
    "00294339-5",
    "330203001",
    "2021-01-02",
    "2021/1/2 10:30",
    "二〇二一年一月二日",
    "民国110年1月2日",
    "44554",
    "1900-01-01",
    "1,206.50",
    "12万元",
    "12.0",
    "1.23457E+05",
    "0574-87123456",
    "+86 138-1234-5678",
    "阿依古丽 • 买买提",
    "海曙区\n南门街道 12 号",
    "无",
    "—",
    "男",
]
_cells = st.one_of(
    st.none(),
    st.text(_CHARS, max_size=24),
    st.text(max_size=8),
    st.sampled_from(_NEAR),
    st.builds(
        lambda near, place, char: near[:place] + char + near[place + 1 :],
        st.sampled_from(_NEAR),
        st.integers(0, 18),
        st.sampled_from(_CHARS),
    ),
    st.builds(
        lambda near, before, after: before + near + after, st.sampled_from(_NEAR), st.text(_CHARS, max_size=3), st.text(_CHARS, max_size=3)
    ),
)
_columns = st.lists(_cells, max_size=40)


def _clean(kind: str, cells: list[str | None]) -> CleanedColumn:
    return column(kind, cells, missing=("无", "-", "0"), **GIVEN.get(kind, {}))


def _rows(result: CleanedColumn) -> list[tuple[object, ...]]:
    return list(zip(*(part.to_list() for part in (result.value, result.text, result.status, result.rule)), strict=True))


@every_kind
@few
@given(cells=_columns)
def test_cleansing_twice_alters_nothing_more(kind: str, cells: list[str | None]) -> None:
    once = _clean(kind, cells)
    twice = _clean(kind, once.text.to_list())
    assert twice.text.to_list() == once.text.to_list()
    assert twice.rule.null_count() == len(cells)
    assert twice.value.to_list() == once.value.to_list()
    assert twice.status.to_list() == once.status.to_list()


@every_kind
@few
@given(cells=_columns)
def test_the_log_holds_exactly_the_altered_cells(kind: str, cells: list[str | None]) -> None:
    result = _clean(kind, cells)
    altered = [before != after for before, after in zip(cells, result.text.to_list(), strict=True)]
    assert [rule is not None for rule in result.rule.to_list()] == altered
    assert result.altered.tolist() == [row for row, flag in enumerate(altered) if flag]


@every_kind
@few
@given(cells=_columns)
def test_the_delivered_text_is_rebuilt_from_the_cleansed_and_the_log(kind: str, cells: list[str | None]) -> None:
    result = _clean(kind, cells)
    rebuilt = result.text.to_list()
    before = result.raw.gather(result.altered.tolist()).to_list()  # what the log keeps of an altered cell
    for row, text in zip(result.altered.tolist(), before, strict=True):
        rebuilt[row] = text
    assert rebuilt == cells


@every_kind
def test_every_repair_has_a_name_of_its_own_and_a_version(kind: str) -> None:
    repairs = KINDS[kind].repairs
    assert len({repair.id for repair in repairs}) == len(repairs)
    assert all(repair.title and repair.version >= 1 for repair in repairs)


@every_kind
def test_the_order_of_each_kind_settles_at_once(kind: str) -> None:
    assert unsettled(KINDS[kind].repairs) is None


@few
@given(data=st.data(), kind=st.sampled_from(list(KINDS)), cells=_columns)
def test_any_declared_order_that_is_let_in_keeps_the_laws(data: st.DataObject, kind: str, cells: list[str | None]) -> None:
    """Rules left out, taken from other kinds, in another order: idempotent and completely logged, or refused when the catalogue is read."""
    choice = list(dict.fromkeys([*(repair.id for repair in KINDS[kind].repairs), *DECLARABLE]))
    declared = tuple(data.draw(st.lists(st.sampled_from(choice), unique=True, max_size=6)))
    given_ = {**GIVEN.get(kind, {}), "cleansing": declared}
    if KINDS[kind].faults_of(context(kind, **given_).element):  # type: ignore[arg-type]
        assert unsettled(KINDS[kind].repairs_of(context(kind, **given_).element)) is not None  # type: ignore[arg-type]
        return
    once = column(kind, cells, **given_)  # type: ignore[arg-type]
    assert [rule is not None for rule in once.rule.to_list()] == [
        before != after for before, after in zip(cells, once.text.to_list(), strict=True)
    ]
    used = {name for rule in once.rule.drop_nulls() for name in rule.split("+")}
    own = {repair.id for repair in KINDS[kind].conversions(context(kind, **given_))}  # type: ignore[arg-type]
    assert used <= {*declared, *own, "missing.blank", "missing.spelling"}


@every_kind
@few
@given(cells=_columns)
def test_each_cell_by_itself(kind: str, cells: list[str | None]) -> None:
    """The same whatever stands above and below: order and splits of the rows cannot matter."""
    together = _rows(_clean(kind, cells))
    assert _rows(_clean(kind, cells[::-1])) == together[::-1]
    middle = len(cells) // 2
    assert _rows(_clean(kind, cells[:middle])) + _rows(_clean(kind, cells[middle:])) == together


@every_kind
@few
@given(cells=st.lists(_cells, min_size=1, max_size=8))
def test_many_repeated_cells_are_treated_as_few(kind: str, cells: list[str | None]) -> None:
    if not KINDS[kind].distinct:
        return
    times = 2 * DISTINCT_FROM // len(cells) + 1
    assert _rows(_clean(kind, cells * times)) == _rows(_clean(kind, cells)) * times


@every_kind
@few
@given(cells=_columns)
def test_a_status_for_every_value_and_a_value_for_every_sound_status(kind: str, cells: list[str | None]) -> None:
    result = _clean(kind, cells)
    for value, text, status, _ in _rows(result):
        assert (status is None) == (text is None)
        if text is None:
            assert value is None
        if status == "ok":
            assert value is not None


@many
@given(day=st.dates(date(1000, 1, 1), date(9998, 12, 31)))
def test_every_day_in_every_spelling(day: date) -> None:
    spellings = [
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month:02}.{day.day:02}",
        f"{day.year}{day.month:02}{day.day:02}" if 1000 <= day.year < 3000 else str(day),
        f"{day.year}年{day.month}月{day.day}日",
        f"{day} 00:00:00",
    ]
    result = column("date", spellings, placeholders=[])
    assert result.value.to_list() == [day] * len(spellings)


@many
@given(number=st.decimals(-(10**16) + 1, 10**16 - 1, places=2))
def test_no_decimal_loses_a_digit(number: object) -> None:
    result = column("decimal", [f"{number}", f"{number:,}", f"{number}000"])
    assert result.value.to_list() == [number] * 3


@many
@given(number=st.integers(-(2**63), 2**63 - 1))
def test_no_integer_loses_a_digit(number: int) -> None:
    assert column("integer", [str(number), f"{number:,}", f"{number}.0"]).value.to_list() == [number] * 3


@many
@given(mantissa=st.from_regex(r"\A-?[1-9](\.[0-9]{1,8})?\Z"), exponent=st.integers(0, 20))
def test_scientific_notation_is_exact_or_an_error(mantissa: str, exponent: int) -> None:
    result = column("integer", [f"{mantissa}E+{exponent:02}"])
    written = len(mantissa.lstrip("-").replace(".", "")) - 1
    value = result.value.item()
    assert value is None or (exponent <= written and value * 10**written == int(mantissa.replace(".", "")) * 10**exponent)
    assert (exponent <= written) or result.status.item() == "scientific_notation"


@many
@given(cells=st.lists(st.text(max_size=12), max_size=20))
def test_no_han_character_is_ever_exchanged(cells: list[str]) -> None:
    """Repairs of text remove, and replace blanks, breaks, dots, full-width letters and digits; every other character stays, in order."""
    for kind in ("text", "name", "org_name", "address"):
        han = pl.Series(cells, dtype=pl.String).str.extract_all(r"\p{Han}").list.join("")
        assert column(kind, cells).text.fill_null("").str.extract_all(r"\p{Han}").list.join("").to_list() == han.to_list()
