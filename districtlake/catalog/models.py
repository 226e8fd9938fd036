"""The shape of a catalogue: agencies, data elements, code lists, resources. Frozen; an unknown key is an error.

A resource is the unit of everything: its nine fields are those of Article 10 of the measures, its items refer to data
elements described by the 17 attributes of DB33/T 2426-2022.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from districtlake.catalog.authority import Fact
from districtlake.catalog.comparisons import Comparison
from districtlake.catalog.marts import Library, Mart, MartColumn
from districtlake.catalog.parts import (
    COLUMN_ARGUMENTS,
    DIMENSION_TITLES,
    Aspect,
    Check,
    Cycle,
    Dimension,
    Frozen,
    Identifier,
    Mode,
    NonEmpty,
    OnFailure,
    RuleId,
    SampleQuery,
    Sensitivity,
    Severity,
    Terms,
    compiled,
    normal_text,
)
from districtlake.catalog.sources import Database, ManifestSource, Operation, Source
from districtlake.standards.division_code import fault_of_code
from districtlake.standards.division_history import FIRST_YEAR, Edition, Editions

__all__ = [
    "COLUMN_ARGUMENTS", "DELIVERY_COLUMNS", "DIMENSION_TITLES", "DIVISIONS", "Agency", "Aspect", "Catalog", "Check", "CodeList", "Comparison", "Cycle", "Database", "Dimension", "Element",
    "Fact", "Frozen", "Identifier", "Item", "Library", "ManifestSource", "Mart", "MartColumn", "Mode", "NonEmpty", "OnFailure", "Opening", "Operation", "Reference", "Resource", "RuleId",
    "SampleQuery", "Sensitivity", "Severity", "Sharing", "Source", "Terms",
]  # fmt: skip


class Agency(Frozen):
    """A responsible body (Articles 2 and 5)."""

    id: Identifier
    name: NonEmpty
    kind: Literal["administrative_organ", "public_institution", "social_organisation", "public_service_enterprise", "town_or_street"]
    uscc: str | None = None
    contact: str | None = None  # a role mailbox, never a person
    security_officer: str | None = None  # Article 31: the post, never a personal name


DIVISIONS = "gb_t_2260"
"""The code list of divisions; absent, and before its first version, the table of ``standards.division_history`` holds."""


class CodeList(Frozen):
    """A list of codes with its source and validity. ``partial`` lists cannot prove a code wrong: "not evaluated".

    ``earlier``: the versions before it, the oldest first, each in force from its first day until the next one's.
    """

    id: Identifier
    name: NonEmpty
    source: NonEmpty | None = None
    version: NonEmpty = "1"  # raised by ``districtlake reference import``; earlier ones lie in standards/codes/earlier/<list>
    valid_from: date | None = None
    valid_to: date | None = None
    partial: bool = False
    remark: str = ""
    codes: dict[str, str]  # code -> name
    synonyms: dict[str, str] = Field(default_factory=dict)  # other spellings -> code
    earlier: tuple[CodeList, ...] = ()  # put there by the loader from standards/codes/earlier/<list>

    def on(self, day: date) -> CodeList:
        """The version in force on a day; before the first day of the oldest version, the oldest."""
        return next((one for one, first, _ in reversed(self.spans) if first is None or first <= day), self)

    @property
    def spans(self) -> tuple[tuple[CodeList, date | None, date | None], ...]:
        """(version, first day, last day) of every version that was ever in force, the oldest first; None: open."""
        versions = (*self.earlier, self)
        found: list[tuple[CodeList, date | None, date | None]] = []
        for number, one in enumerate(versions):
            later = [next_.valid_from for next_ in versions[number + 1 :]]
            if any(first is None or (one.valid_from is not None and first <= one.valid_from) for first in later):
                continue  # replaced on its first day: a correction
            ends = min((first for first in later if first is not None), default=None)
            found.append((one, one.valid_from if found else None, ends - timedelta(days=1) if ends is not None else one.valid_to))
        return tuple(found)

    @model_validator(mode="after")
    def _source_or_partial(self) -> CodeList:
        if self.source is None and not self.partial:
            raise ValueError(f"code list {self.id} has no source; name it under 'source', or write 'partial: true'")
        return self

    @model_validator(mode="after")
    def _codes_of_divisions(self) -> CodeList:
        for code in self.codes if self.id == DIVISIONS else ():
            if fault := fault_of_code(code):
                raise ValueError(f"{code} in {self.id}: {fault}; correct or delete it")
        return self

    @model_validator(mode="after")
    def _synonyms_lead_to_codes(self) -> CodeList:
        for spelling, code in self.synonyms.items():
            if code not in self.codes:
                raise ValueError(f"synonym '{spelling}' leads to '{code}', which is no code of {self.id}; correct one of the two")
            if spelling in self.codes and spelling != code:
                raise ValueError(f"synonym '{spelling}' is itself a code of {self.id}; delete the synonym")
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError(f"valid_from {self.valid_from} lies after valid_to {self.valid_to}; correct one of the two")
        return self


class Element(Frozen):
    """A data element by the 7 basic and 10 extended attributes of DB33/T 2426-2022, and how its cells are cleansed.

    ``kind`` names a cleanser of ``districtlake.standards``; ``options`` are passed to it (checked when the catalogue is).
    """

    # 7 basic attributes
    id: Identifier  # 标识符
    name: NonEmpty  # 中文名称
    name_en: str  # 英文名称
    definition: str  # 定义
    data_type: Literal["C", "N", "D", "DT", "B"]  # 数据类型
    format: str  # 数据格式
    domain: str  # 值域
    # 10 extended attributes
    object_class: str = ""  # 对象类词
    representation: str = ""  # 表示词
    sensitivity: Sensitivity = "L1"  # 敏感级别
    unit: str = ""  # 计量单位
    relations: str = ""  # 关系
    source_agency: str = ""  # 公共数据来源机构
    application: str = ""  # 所属应用
    remark: str = ""  # 备注
    version: str = "1.0"  # 版本
    published: date | None = None  # 发布日期
    # how a cell becomes a value
    kind: Identifier
    codes: Identifier | None = None  # a code list, for kind: code
    missing: tuple[str, ...] = ()  # spellings of "no value" besides the blank, e.g. 无 不详 /
    options: dict[str, Any] = Field(default_factory=dict)
    cleansing: tuple[str, ...] | None = None  # ids of repairs in their order; None: the order of the kind


class Sharing(Frozen):
    """Article 16: a class below unconditional needs a reason and a legal basis."""

    class_: Annotated[Literal["unconditional", "restricted", "none"], Field(alias="class")]
    reason: str = ""
    legal_basis: str = ""
    scenarios: tuple[str, ...] = ()

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _reasoned(self) -> Sharing:
        if self.class_ != "unconditional" and not (self.reason and self.legal_basis):
            raise ValueError(f"sharing class '{self.class_}' needs 'reason' and 'legal_basis' (Article 16, third paragraph); add both")
        return self


class Opening(Frozen):
    """Articles 21 and 25: open is the rule, an exception states its reason."""

    class_: Annotated[Literal["unconditional", "conditional", "none"], Field(alias="class")]
    reason: str = ""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _reasoned(self) -> Opening:
        if self.class_ != "unconditional" and not self.reason:
            raise ValueError(f"opening class '{self.class_}' needs a 'reason' (Articles 21, 25 and 32); add it")
        return self


class Reference(Frozen):
    resource: str  # agency.resource
    item: Identifier


class Item(Frozen):
    """One data item (数据项). Its header in a delivery is its title, its name, or one of ``aliases``."""

    name: Identifier
    title: NonEmpty
    element: Identifier
    required: bool = False
    aliases: tuple[str, ...] = ()
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    max_length: int | None = None
    pattern: str | None = None
    missing: tuple[str, ...] = ()
    references: Reference | None = None
    severity: Severity = "critical"
    on_failure: OnFailure = "quarantine"
    rules: dict[Aspect, Terms] = Field(default_factory=dict)  # terms of single rules among those the item implies
    sensitivity: Sensitivity | None = None  # default: the element's
    # kept in raw and cleansed, but neither compared with nor stored in the warehouse: a change of it alone is no change of
    # the row (序号 is renumbered in every edition of a list)
    volatile: bool = False

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Item:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is greater than max {self.max:g}; swap them")
        return self

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        return compiled(value)

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if "__" in value:
            raise ValueError("two underscores in a row are reserved; use one")
        return value


DELIVERY_COLUMNS = ("_file", "_sheet", "_row", "_extra")
"""The columns that stand beside the items in raw and cleansed frames."""


class Resource(Frozen):
    """One entry of the unified catalogue. The nine fields of Article 10 are marked."""

    agency: Identifier
    name: Identifier  # its file's name
    code: Annotated[str, Field(pattern=r"^[1-3][0-9]{2}[0-9]{3}[0-9]*/[0-9]+$")]  # 类 项 目 细目 / sequence
    title: NonEmpty
    description: str = ""
    business: NonEmpty  # 1 业务名称
    system: NonEmpty  # 2 信息系统名称
    items: Annotated[tuple[Item, ...], Field(min_length=1)]  # 3 数据项名称
    storage_format: Literal["electronic_file", "spreadsheet", "database", "image", "stream", "self_describing", "service"]  # 4
    sharing: Sharing  # 5
    opening: Opening  # 6
    provision: Annotated[tuple[Literal["api", "exchange", "analysis"], ...], Field(min_length=1)]  # 7 提供方式 (Article 19)
    update_cycle: Cycle  # 8
    provided_from: date | None = None  # 应提供起始日期: from here on a resource that never came is overdue by its cycle
    sharing_term: date | Literal["permanent"]  # 9 共享期限
    owner: str = ""  # a role mailbox; default: the agency's contact
    key: tuple[Identifier, ...] = ()  # empty: no natural key, the row's fingerprint is its identity
    source: Source
    checks: tuple[Check, ...] = ()
    queries: tuple[SampleQuery, ...] = ()  # to begin with; shown in the data dictionary
    engine: Literal["embedded", "spark"] | None = None  # who carries its deliveries; None: DISTRICTLAKE_ENGINE
    file: str = ""  # where this entry was read from, for error messages

    @property
    def id(self) -> str:
        return f"{self.agency}.{self.name}"

    def item(self, name: str) -> Item:
        return next(item for item in self.items if item.name == name)

    @property
    def item_names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.items)

    @model_validator(mode="after")
    def _coherent(self) -> Resource:
        names = [item.name for item in self.items]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"items named twice: {', '.join(twice)}; give each its own name")
        unknown = [name for name in self.key if name not in names]
        if unknown:
            raise ValueError(f"key names {', '.join(unknown)}, which is no item; items are {', '.join(names)}")
        if not self.key and self.source.mode != "append":
            raise ValueError("a resource without a key can only be delivered in mode: append (its rows have no identity to update)")
        if not self.key and self.source.corrections:
            raise ValueError("a resource without a key cannot be corrected by key; delete 'corrections' or declare a key")
        operation = self.source.operation
        if operation is not None:
            spelt = {normal_text(text): item.name for item in self.items for text in (item.title, item.name, *item.aliases)}
            if (item_name := spelt.get(normal_text(operation.column))) is not None:
                raise ValueError(
                    f"the operation column '{operation.column}' is also item {item_name}; it says what to do, it is no data: delete the item"
                )
        fleeting = [name for name in self.key if self.item(name).volatile]
        if fleeting:
            raise ValueError(f"key item {', '.join(fleeting)} is volatile; a key identifies the row and cannot be left out")
        for check in self.checks:
            for item in check.items or ():
                if item not in names:
                    raise ValueError(f"check {check.expect} blames {item}, which is no item; items are {', '.join(names)}")
            for column in check.columns:
                if column.removesuffix("__status") not in names and column not in DELIVERY_COLUMNS:
                    raise ValueError(f"check {check.expect} names column {column}, which is no item; items are {', '.join(names)}")
        return self


class Catalog(Frozen):
    """Everything the catalogue folders say, loaded and cross-checked."""

    agencies: dict[str, Agency]
    elements: dict[str, Element]
    code_lists: dict[str, CodeList]
    resources: dict[str, Resource]  # by "agency.resource"
    libraries: dict[str, Library] = Field(default_factory=dict)
    marts: dict[str, Mart] = Field(default_factory=dict)  # by "library.mart"
    comparisons: dict[str, Comparison] = Field(default_factory=dict)
    facts: dict[str, Fact] = Field(default_factory=dict)  # the one-source matrix

    def element_of(self, item: Item) -> Element:
        return self.elements[item.element]

    def code_list_of(self, item: Item, day: date | None = None) -> CodeList | None:
        """The code list of the item's element, the version in force on ``day`` (None: the latest); None when it has none."""
        codes = self.element_of(item).codes
        if codes is None:
            return None
        return self.code_lists[codes] if day is None else self.code_lists[codes].on(day)

    @property
    def divisions(self) -> Editions:
        """The editions of division codes that the catalogue holds, the oldest first."""
        held = self.code_lists.get(DIVISIONS)
        if held is None:
            return ()
        return tuple(
            Edition((one.valid_from or date(FIRST_YEAR, 1, 1)).year, tuple(sorted(int(code) for code in one.codes)), one.partial)
            for one, _, _ in held.spans
        )

    def resources_of(self, agency: str) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources.values() if resource.agency == agency)

    def sensitivity_of(self, item: Item) -> Sensitivity:
        return item.sensitivity or self.element_of(item).sensitivity
