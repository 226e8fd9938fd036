"""What a validator returns, and what it must be. The implementation with Great Expectations lives in ``expectations``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import polars as pl

from districtlake.errors import DistrictLakeError
from districtlake.quality.rules import Rule

if TYPE_CHECKING:
    from districtlake.quality.tolerance import Baseline


@runtime_checkable
class Elsewhere(Protocol):
    """Rows of another resource that lie where an engine keeps the judged rows, too: they are compared there and not brought here."""

    def is_empty(self) -> bool: ...

    def brought(self) -> pl.DataFrame:
        """All of them, in this process."""
        ...


@dataclass(frozen=True)
class Known:
    """Keys that rows of another resource have.

    Attributes:
        rows: of the other resource.
        keys: those rows -> ``key_0`` and, where a row is compared by two keys, ``key_1``; without nulls. It travels to the rows.
    """

    rows: Elsewhere
    keys: Callable[[pl.DataFrame], pl.DataFrame]


ReferenceLookup = Callable[[str, str], pl.Series | Elsewhere | None]
"""(resource id, item) -> the values now in that resource's warehouse table; None when it was never delivered.

Raises ``ReferenceUnreadable`` when the table does not open.
"""


class ReferenceUnreadable(DistrictLakeError):
    """Another resource's table does not open: its trouble must not become that of those who refer to it."""

    code = "validation.reference_unreadable"
    retryable = True


@dataclass(frozen=True)
class RuleResult:
    """One rule on one delivery.

    Attributes:
        outcome: "passed" | "failed" by GX's ``success`` (so ``mostly`` counts) | "not_evaluated".
        evaluated: B of GB/T 36344, the rows the rule applied to (nulls and excluded rows not counted); None for table rules without one.
        failed: rows among them that break the rule (B - A); for table rules 0 or 1.
        observed: GX's observed value of an aggregate rule, made JSON-safe. Never a cell of a sensitive item.
        reason: why it was not evaluated, or what a tolerance compared.
        baseline: the earlier judgement that ``tolerance: not_worse`` compared it with.
        unfused_seconds: seconds the slow way took, where the engine's one pass does not know the rule; None where it does.
    """

    rule: Rule
    outcome: Literal["passed", "failed", "not_evaluated"]
    evaluated: int | None = None
    failed: int = 0
    observed: Any = None
    reason: str = ""
    unfused_seconds: float | None = None
    baseline: Baseline | None = None


@dataclass(frozen=True)
class Validation:
    """A validated frame.

    Attributes:
        results: one per rule, in the order given.
        failures: columns ``_index`` (UInt32, row position in the validated frame) and ``rule`` (String): one line for each
            row and row-scope rule that fails, also where ``mostly`` lets the check as a whole pass.
    """

    results: tuple[RuleResult, ...]
    failures: pl.DataFrame


class Validator(Protocol):
    def __call__(self, resource: str, frame: pl.DataFrame, rules: Sequence[Rule], references: ReferenceLookup) -> Validation:
        """Judge ``frame``. Raises ``ValidationFailed`` when the engine cannot give a verdict: nothing may pass then."""
        ...
