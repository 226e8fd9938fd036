"""Rules about a delivery as a whole. They are decided while it is processed; the outcome is recorded like any other rule's."""

from __future__ import annotations

from districtlake.quality.rules import Rule
from districtlake.quality.validation import RuleResult


def _rule(name: str, title: str, dimension: str) -> Rule:
    return Rule(
        id=f"delivery.{name}", title=title, items=(), expectation=f"expect_delivery_{name}", arguments={}, severity="critical",
        dimension=dimension, on_failure="hold", scope="table",  # type: ignore[arg-type]
    )  # fmt: skip


READABLE = _rule("readable", "交付的文件应当可读。", "accessibility")
COLUMNS = _rule("columns", "文件应当包含目录规定的全部必填数据项。", "normativity")
ORDER = _rule("order", "交付的数据日期不得早于已入仓的数据。", "timeliness")
SHRINK = _rule("shrink", "全量交付不得大幅减少。", "completeness")

ALL = (READABLE, COLUMNS, ORDER, SHRINK)
WAIVABLE = frozenset({ORDER.id, SHRINK.id})
"""What an operator may overrule by releasing a held delivery; without readable file or required columns there is nothing to release."""


def passed(rule: Rule) -> RuleResult:
    return RuleResult(rule, "passed", evaluated=1, failed=0)


def failed(rule: Rule, reason: str) -> RuleResult:
    return RuleResult(rule, "failed", evaluated=1, failed=1, reason=reason)
