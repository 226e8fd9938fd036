"""The words and the rule that resources and marts share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
NonEmpty = Annotated[str, Field(min_length=1)]

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


class SampleQuery(Frozen):
    """A query to begin with, shown in the data dictionary; the tests run every one. It gives aggregates, never rows of persons."""

    title: NonEmpty
    sql: NonEmpty


COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")
"""The arguments in which GX's expectations take the names of columns."""


class Check(Frozen):
    """A declared rule: any GX expectation by its own name, with GX's own keyword arguments beside ours."""

    model_config = ConfigDict(frozen=True, extra="allow")

    expect: Annotated[str, Field(pattern=r"^(expect|unexpected)_[a-z0-9]+(_[a-z0-9]+)*$")]
    id: RuleId | None = None
    title: str | None = None  # plain Chinese, told to the agency
    items: tuple[Identifier, ...] | None = None  # the items to blame; default: the columns named in the arguments
    on_failure: OnFailure = "report"
    severity: Severity = "warning"
    dimension: Dimension = "accuracy"
    scope: Literal["row", "table"] | None = None  # default: what the expectation's name says
    version: int = 1

    @property
    def arguments(self) -> dict[str, Any]:
        """GX's keyword arguments, ``mostly``, ``row_condition`` and ``ignore_row_if`` included."""
        return dict(self.model_extra or {})

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns its arguments name, in GX's order, each once."""
        named: list[str] = []
        for argument in COLUMN_ARGUMENTS:
            value = self.arguments.get(argument, ())
            named.extend((value,) if isinstance(value, str) else value)
        return tuple(dict.fromkeys(named))

    @property
    def rule_id(self) -> str:
        """Its own id, else ``<expectation without expect_>.<first column>``."""
        stem = self.expect.removeprefix("expect_")
        return self.id or (f"{stem}.{self.columns[0].strip('_')}" if self.columns else stem)

    @model_validator(mode="after")
    def _columns_are_names(self) -> Check:
        for argument in COLUMN_ARGUMENTS:
            value = self.arguments.get(argument, "")
            parts = value if isinstance(value, list) else [value]
            if not all(isinstance(part, str) for part in parts):
                raise ValueError(f"{argument} of {self.expect} must be an item's name or a list of them")
        mostly = self.arguments.get("mostly", 1)
        if isinstance(mostly, bool) or not isinstance(mostly, (int, float)) or not 0 <= mostly <= 1:
            raise ValueError("mostly is a share between 0 and 1, for example 0.95")
        return self
