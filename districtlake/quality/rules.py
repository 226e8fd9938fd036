"""A rule: what must hold, how grave its failure is, and what then happens to the row. The unit that results, problems and tickets speak of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from districtlake.catalog.models import Dimension, OnFailure, Severity
from districtlake.standards.kind import STATUS_SUFFIX

__all__ = ["REFERENCE_EXPECTATION", "STATUS_SUFFIX", "Rule"]

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
    evaluable: bool = True
    not_evaluated_because: str = ""
