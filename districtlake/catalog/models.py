"""The shape of a catalogue: agencies, data elements, code lists, resources. Frozen; an unknown key is an error.

A resource is the unit of everything: its nine fields are those of Article 10 of the measures, its items refer to data
elements described by the 17 attributes of DB33/T 2426-2022.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

Dimension = Literal["normativity", "completeness", "accuracy", "consistency", "timeliness", "accessibility"]
"""The six dimensions of GB/T 36344-2018: 规范性 完整性 准确性 一致性 时效性 可访问性."""
Severity = Literal["critical", "warning", "info"]
OnFailure = Literal["report", "quarantine", "hold"]
Mode = Literal["snapshot", "incremental", "append"]
Cycle = Literal["realtime", "daily", "weekly", "monthly", "quarterly", "half_yearly", "yearly", "irregular", "never"]
Sensitivity = Literal["L1", "L2", "L3", "L4"]

DIMENSION_TITLES: dict[str, str] = {
    "normativity": "规范性",
    "completeness": "完整性",
    "accuracy": "准确性",
    "consistency": "一致性",
    "timeliness": "时效性",
    "accessibility": "可访问性",
}


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Agency(Frozen):
    """A responsible body (Articles 2 and 5)."""

    id: Identifier
    name: str
    kind: Literal["administrative_organ", "public_institution", "social_organisation", "public_service_enterprise", "town_or_street"]
    uscc: str | None = None
    contact: str | None = None  # a role mailbox, never a person
    security_officer: str | None = None  # Article 31: the post, never a personal name


class CodeList(Frozen):
    """A list of codes with its source and validity. ``partial`` lists cannot prove a code wrong: "not evaluated"."""

    id: Identifier
    name: str
    source: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    partial: bool = False
    remark: str = ""
    codes: dict[str, str]  # code -> name
    synonyms: dict[str, str] = {}  # other spellings -> code

    @model_validator(mode="after")
    def _source_or_partial(self) -> CodeList:
        if self.source is None and not self.partial:
            raise ValueError(f"code list {self.id} has no source: name it under 'source', or write 'partial: true'")
        return self


class Element(Frozen):
    """A data element by the 7 basic and 10 extended attributes of DB33/T 2426-2022, and how its cells are cleansed.

    ``kind`` names a cleanser of ``districtlake.standards``; ``options`` are passed to it (checked when the catalogue is).
    """

    # 7 basic attributes
    id: Identifier  # 标识符
    name: str  # 中文名称
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
    options: dict[str, Any] = {}


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
            raise ValueError(f"sharing class '{self.class_}' needs 'reason' and 'legal_basis' (Article 16, third paragraph)")
        return self


class Opening(Frozen):
    """Articles 21 and 25: open is the rule, an exception states its reason."""

    class_: Annotated[Literal["unconditional", "conditional", "none"], Field(alias="class")]
    reason: str = ""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="after")
    def _reasoned(self) -> Opening:
        if self.class_ != "unconditional" and not self.reason:
            raise ValueError(f"opening class '{self.class_}' needs a 'reason' (Articles 21, 25 and 32)")
        return self


class Reference(Frozen):
    resource: str  # agency.resource
    item: Identifier


class Item(Frozen):
    """One data item (数据项). Its header in a delivery is its title, its name, or one of ``aliases``."""

    name: Identifier
    title: str
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
    sensitivity: Sensitivity | None = None  # default: the element's

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            re.compile(value)
        return value

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if "__" in value:
            raise ValueError("two underscores in a row are reserved; use one")
        return value


class Source(Frozen):
    """How the agency delivers. Globs match the file's name (or its path below the agency's folder), case-insensitively."""

    files: tuple[str, ...]
    mode: Mode
    corrections: tuple[str, ...] = ()  # globs of files that hold corrected rows only
    max_shrink: Annotated[float, Field(ge=0, le=1)] | None = 0.1  # snapshot: largest share of keys that may vanish; None: any
    period: str | None = None  # regex over the file name; groups year, month, day give the data's date
    sheet: str | None = None  # the sheet with the data; default: every sheet that has the header
    encoding: str | None = None  # declared only when the ladder BOM, UTF-8, GB18030 does not do
    delimiter: str | None = None

    @field_validator("files", "corrections", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("max_shrink", mode="before")
    @classmethod
    def _percent(cls, value: object) -> object:
        if isinstance(value, str) and value.strip().endswith("%"):
            return float(value.strip()[:-1]) / 100
        return value


class Check(Frozen):
    """A declared rule: any GX expectation by its own name, with GX's own keyword arguments beside ours."""

    model_config = ConfigDict(frozen=True, extra="allow")

    expect: str
    id: Identifier | None = None
    title: str | None = None  # plain Chinese, told to the agency
    items: tuple[Identifier, ...] | None = None  # the items to blame; default: the columns named in the arguments
    on_failure: OnFailure = "report"
    severity: Severity = "warning"
    dimension: Dimension = "accuracy"
    version: int = 1

    @property
    def arguments(self) -> dict[str, Any]:
        """GX's keyword arguments, ``mostly``, ``row_condition`` and ``ignore_row_if`` included."""
        return dict(self.model_extra or {})


class Resource(Frozen):
    """One entry of the unified catalogue. The nine fields of Article 10 are marked."""

    agency: Identifier
    name: Identifier  # its file's name
    code: Annotated[str, Field(pattern=r"^[1-3][0-9]{2}[0-9]{3}[0-9]*/[0-9]+$")]  # 类 项 目 细目 / sequence
    title: str
    description: str = ""
    business: str  # 1 业务名称
    system: str  # 2 信息系统名称
    items: tuple[Item, ...]  # 3 数据项名称
    storage_format: Literal["electronic_file", "spreadsheet", "database", "image", "stream", "self_describing", "service"]  # 4
    sharing: Sharing  # 5
    opening: Opening  # 6
    provision: tuple[Literal["api", "exchange", "analysis"], ...]  # 7 提供方式 (Article 19)
    update_cycle: Cycle  # 8
    sharing_term: date | Literal["permanent"]  # 9 共享期限
    owner: str = ""  # a role mailbox; default: the agency's contact
    key: tuple[Identifier, ...] = ()  # empty: no natural key, the row's fingerprint is its identity
    source: Source
    checks: tuple[Check, ...] = ()
    engine: Literal["embedded"] = "embedded"
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
        for check in self.checks:
            for item in check.items or ():
                if item not in names:
                    raise ValueError(f"check {check.expect} blames {item}, which is no item; items are {', '.join(names)}")
        return self


class Catalog(Frozen):
    """Everything the catalogue folders say, loaded and cross-checked."""

    agencies: dict[str, Agency]
    elements: dict[str, Element]
    code_lists: dict[str, CodeList]
    resources: dict[str, Resource]  # by "agency.resource"

    def element_of(self, item: Item) -> Element:
        return self.elements[item.element]

    def sensitivity_of(self, item: Item) -> Sensitivity:
        return item.sensitivity or self.element_of(item).sensitivity
