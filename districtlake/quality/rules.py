"""A rule: what must hold, how grave its failure is, and what then happens to the row. The unit that results, problems and tickets speak of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from districtlake.catalog.models import Dimension, OnFailure, Severity
from districtlake.standards.kind import STATUS_SUFFIX

__all__ = ["OPERATION_COLUMN", "OPERATION_WORDS", "REFERENCE_EXPECTATION", "STATUS_SUFFIX", "Rule"]

OPERATION_COLUMN = "_operation"
"""Of a frame that is judged: what the row does, where its resource declares an operation column."""
OPERATION_WORDS = ("insert", "update", "delete")

REFERENCE_EXPECTATION = "expect_column_values_to_exist_in_resource"
"""Our own expectation: (column, resource, item); evaluated against the referred resource's warehouse table."""


@dataclass(frozen=True)
class Rule:
    """One executable rule of a resource.

    Attributes:
        id: unique within the resource and stable across versions, e.g. ``citizen_id.conforms``, ``key.unique``.
        title: one plain Chinese sentence that the agency reads.
        items: the catalogue items to blame (empty for rules about the whole delivery).
        expectation: GX's snake_case name, e.g. ``expect_column_values_to_not_be_null``.
        arguments: GX's keyword arguments; columns are those of the cleansed frame.
        scope: "row" rules give a verdict on each row, "table" rules one on the delivery.
        tolerance: "not_worse": the check fails only when the share of failing rows is larger than at the delivery last judged by the same
            version. A share stands in ``arguments`` as GX's ``mostly`` and is kept here to be told. Neither moves a row.
        effective_from, effective_until: first and last day of judging (Asia/Shanghai) on which the rule is evaluated; None: always.
        evaluable: False when the rule cannot be decided (a partial code list); it is then reported "not evaluated".
    """

    id: str
    title: str
    items: tuple[str, ...]
    expectation: str
    arguments: dict[str, Any] = field(hash=False)
    severity: Severity = "critical"
    dimension: Dimension = "accuracy"
    on_failure: OnFailure = "quarantine"
    scope: Literal["row", "table"] = "row"
    version: int = 1
    tolerance: Literal["not_worse"] | float | None = None
    effective_from: date | None = None
    effective_until: date | None = None
    evaluable: bool = True
    not_evaluated_because: str = ""

    def in_force(self, day: date) -> bool:
        """Whether the rule is evaluated on a day of Asia/Shanghai."""
        return self.why_not_in_force(day) == ""

    def why_not_in_force(self, day: date) -> str:
        """The sentence on why the rule is not evaluated on ``day``; empty when it is in force."""
        if self.effective_from is not None and day < self.effective_from:
            return f"规则自{self.effective_from}起生效"
        if self.effective_until is not None and day > self.effective_until:
            return f"规则已于{self.effective_until}后失效"
        return ""
