"""Rules about a delivery as a whole. They are decided while it is processed; the outcome is recorded like any other rule's."""

from __future__ import annotations

from typing import Any

from districtlake.catalog.models import Resource
from districtlake.errors import DistrictLakeError
from districtlake.quality.own_expectations import OWN
from districtlake.quality.rules import Rule
from districtlake.quality.validation import RuleResult
from districtlake.standards.masking import mask_numbers


def _rule(name: str, title: str, dimension: str, **fields: Any) -> Rule:
    fields = {"severity": "critical", "on_failure": "hold", **fields}
    return Rule(
        id=f"delivery.{name}", title=title, items=(), expectation=f"expect_delivery_{name}", arguments={},
        dimension=dimension, scope="table", **fields,  # type: ignore[arg-type]
    )  # fmt: skip


READABLE = _rule("readable", "交付的文件应当可读。", "accessibility")
COLUMNS = _rule("columns", "文件应当包含目录规定的全部必填数据项。", "normativity")
ORDER = _rule("order", "交付的数据日期不得早于已入仓的数据。", "timeliness")
SHRINK = _rule("shrink", "全量交付不得大幅减少。", "completeness")

MANIFEST = _rule("manifest", "交付应当与对账清单一致。", "completeness")
OPERATIONS = _rule("operations", "操作标识应当与现有数据相符。", "consistency", severity="warning", on_failure="report")

ALL = (READABLE, COLUMNS, ORDER, SHRINK, MANIFEST)
"""Rules about every delivery; ``of`` says which those of one resource are."""
WAIVABLE = frozenset({ORDER.id, SHRINK.id, MANIFEST.id})
"""What an operator may overrule by releasing a held delivery; without readable file or required columns there is nothing to release."""


def opens_a_problem(rule: Rule) -> bool:
    """Whether a failed rule about a delivery's rows as a whole opens one problem of the delivery without stopping it (ADR 18)."""
    own = OWN.get(rule.expectation)
    return rule.scope == "table" and rule.on_failure != "hold" and not (own is not None and own.supervised)


UNREADABLE = {
    "ingestion.empty": "文件是空的，请重新导出后报送。",
    "ingestion.encoding": "文件编码既不是UTF-8也不是GB18030，请按其中一种编码重新导出。",
    "ingestion.nul": "文件含有空字节，不是文本文件，请重新导出。",
    "ingestion.header": "找不到目录规定的表头（数据项名称），请核对是否报送了正确的文件和工作表。",
    "ingestion.sheet": "找不到目录规定的工作表，请核对文件。",
    "ingestion.format": "文件格式不受支持，请另存为xlsx或CSV后报送。",
    "ingestion.json": "文件不是合法的JSON，请由业务系统重新导出，不要手工编辑。",
    "ingestion.records": "JSON中找不到目录规定位置的记录，请按约定的结构报送。",
    "ingestion.too_deep": "JSON嵌套过深，请按一条记录一个对象的平面结构报送。",
    "ingestion.encrypted": "文件已加密，请取消密码后报送。",
    "ingestion.damaged": "文件已损坏或不完整，请重新导出后报送。",
    "ingestion.packed": "压缩包无法读取，请直接报送其中的文件。",
    "ingestion.line_too_long": "文件中有一行（或一条记录）过长，请核对换行后重新导出。",
    "ingestion.too_large": "文件过大，请分批报送。",
    "ingestion.too_many_columns": "列数过多，请核对分隔符后重新导出。",
}
"""By the reader's error code, what the agency is told; docs/formats.md lists the same."""


def unreadable(error: DistrictLakeError) -> str:
    """Why a file cannot be read, as its agency is told: a sentence and remedy in Chinese, then the engineers' detail."""
    return f"{UNREADABLE.get(error.code, '文件无法读取，请重新导出后报送。')}（{mask_numbers(str(error))}）"


def of(resource: Resource) -> tuple[Rule, ...]:
    """The rules about a delivery of one resource."""
    return (*ALL, OPERATIONS) if resource.source.operation is not None else ALL


def passed(rule: Rule) -> RuleResult:
    return RuleResult(rule, "passed", evaluated=1, failed=0)


def failed(rule: Rule, reason: str) -> RuleResult:
    return RuleResult(rule, "failed", evaluated=1, failed=1, reason=reason)
