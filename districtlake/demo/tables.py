"""The six resources: their items, headers and keys, and the record that is one row of one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from districtlake.demo import spelling as s
from districtlake.demo.spelling import Cell
from districtlake.demo.vocabulary import ETHNICITIES

Fate = Literal["quarantine", "report"]
Role = Literal["stable", "mobile", "faulty"]
"""stable: may be referred to, so never vanishes and never carries a fault; mobile: may vanish; faulty: may carry a fault."""


@dataclass(frozen=True)
class Column:
    item: str
    header: str
    spell: s.Spell


@dataclass(frozen=True)
class Table:
    agency: str
    resource: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    places: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {column.item: place for place, column in enumerate(self.columns)})

    @property
    def headers(self) -> list[str]:
        return [column.header for column in self.columns]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault sitting in a record since the delivery of day ``since``.

    ``text`` replaces the cell of ``item``; ``also`` are further cells spoiled with it, (item, rule, text) each.
    ``twin`` is the other row of a conflicting pair: same key, other content.
    """

    slug: str
    item: str
    rule: str
    fate: Fate
    since: int
    text: str = ""
    also: tuple[tuple[str, str, str], ...] = ()
    twin: dict[str, Any] | None = None


@dataclass(slots=True)
class Record:
    """One row as the agency keeps it: true values, the hand it is written in, and what is wrong with it."""

    values: dict[str, Any]
    style: int
    role: Role
    since: int  # day index of its first delivery
    fault: Fault | None = None
    cells: list[Cell] | None = None  # as written last time; None when anything changed

    def change(self, style: int, **values: Any) -> None:
        self.values.update(values)
        self.restyle(style)

    def restyle(self, style: int) -> None:
        self.style, self.cells = style, None

    def spoil(self, fault: Fault) -> None:
        self.fault, self.cells = fault, None

    def heal(self, style: int) -> None:
        self.fault = None
        self.restyle(style)


def written(table: Table, record: Record) -> list[Cell]:
    """The record's cells as the agency writes them today. The same until the record changes."""
    if record.cells is None:
        record.cells = _spelled(table, record.values, record.style)
        if record.fault is not None and record.fault.twin is None:
            for item, _, text in ((record.fault.item, "", record.fault.text), *record.fault.also):
                record.cells[table.places[item]] = text
    return record.cells


def written_twin(table: Table, record: Record) -> list[Cell]:
    """The second row of a conflicting pair, in another hand."""
    assert record.fault is not None
    assert record.fault.twin is not None
    return _spelled(table, {**record.values, **record.fault.twin}, record.style ^ 1)


def _spelled(table: Table, values: dict[str, Any], style: int) -> list[Cell]:
    rng = Random(style)
    return [column.spell(values[column.item], rng) for column in table.columns]


_SEX = s.coded({"男": ("1", "M", "男性"), "女": ("2", "F", "女性")})
_ETHNICITY = s.coded({name: (code, name.removesuffix("族")) for code, name, _ in ETHNICITIES})
_LABEL = s.coded({})

POPULATION = Table(
    "public_security_bureau",
    "population",
    (
        Column("citizen_id", "公民身份号码", s.spell_identifier),
        Column("name", "姓名", s.spell_name),
        Column("sex", "性别", _SEX),
        Column("ethnicity", "民族", _ETHNICITY),
        Column("birth_date", "出生日期", s.spell_date),
        Column("address", "户籍地址", s.spell_address),
        Column("household_no", "户号", s.spell_optional),
        Column("status", "户籍状态", _LABEL),
    ),
    ("citizen_id",),
)
DEATHS = Table(
    "public_security_bureau",
    "deaths",
    (
        Column("citizen_id", "公民身份号码", s.spell_identifier),
        Column("death_date", "死亡日期", s.spell_date),
        Column("cancellation_date", "注销日期", s.spell_date),
    ),
    ("citizen_id",),
)
BUSINESS_ENTITIES = Table(
    "market_regulation",
    "business_entities",
    (
        Column("uscc", "统一社会信用代码", s.spell_identifier),
        Column("name", "名称", s.spell_text),
        Column("entity_type", "主体类型", _LABEL),
        Column("legal_representative", "法定代表人", s.spell_name),
        Column("registered_capital", "注册资本(万元)", s.spell_amount_cell),
        Column("established_date", "成立日期", s.spell_true_date),
        Column("industry", "行业代码", s.spell_text),
        Column("address", "住所", s.spell_text),
        Column("status", "登记状态", _LABEL),
    ),
    ("uscc",),
)
FOOD_LICENCES = Table(
    "market_regulation",
    "food_licences",
    (
        Column("licence_no", "许可证编号", s.spell_text),
        Column("uscc", "统一社会信用代码", s.spell_identifier),
        Column("name", "经营者名称", s.spell_text),
        Column("address", "经营场所", s.spell_address),
        Column("valid_from", "有效期起", s.spell_date),
        Column("valid_to", "有效期止", s.spell_date),
    ),
    ("licence_no",),
)
INSURED_PERSONS = Table(
    "human_resources_bureau",
    "insured_persons",
    (
        Column("citizen_id", "公民身份号码", s.spell_identifier),
        Column("uscc", "单位统一社会信用代码", s.spell_identifier),
        Column("insurance_type", "险种", _LABEL),
        Column("start_date", "参保日期", s.spell_date),
        Column("end_date", "停保日期", s.spell_optional_date),
        Column("status", "参保状态", _LABEL),
        Column("contribution_base", "缴费基数", s.spell_amount_cell),
    ),
    ("citizen_id", "uscc", "insurance_type"),
)
LOW_INCOME = Table(
    "civil_affairs_bureau",
    "low_income_persons",
    (
        Column("citizen_id", "公民身份号码", s.spell_identifier),
        Column("household_no", "低保户编号", s.spell_text),
        Column("name", "姓名", s.spell_name),
        Column("persons", "家庭人数", s.spell_count),
        Column("monthly_amount", "月保障金", s.spell_amount),
        Column("start_date", "起始日期", s.spell_date),
        Column("status", "保障状态", _LABEL),
    ),
    ("citizen_id", "household_no"),
)
TABLES = (POPULATION, DEATHS, BUSINESS_ENTITIES, FOOD_LICENCES, INSURED_PERSONS, LOW_INCOME)
