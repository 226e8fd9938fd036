"""The words and the rule that resources and marts share."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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


_IGNORED = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_MARKS = "*★☆:"  # forms mark required columns with a star


def normal_text(text: str) -> str:
    """A header or a code word reduced to what makes it itself: width, case, blanks, line breaks and required-marks do not."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text)).casefold().strip(_MARKS)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class SampleQuery(Frozen):
    """A query to begin with, shown in the data dictionary; the tests run every one. It gives aggregates, never rows of persons."""

    title: NonEmpty
    sql: NonEmpty


COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")
"""The arguments in which GX's expectations take the names of columns."""


Aspect = Literal["required", "conforms", "readable", "plausible", "range", "length", "pattern", "exists"]
"""The rules that an item can imply, by the last part of their id."""

_ROW_PREFIXES = (
    "expect_column_values_",
    "expect_column_value_",
    "expect_column_pair_",
    "expect_multicolumn_",
    "expect_compound_columns_",
    "expect_select_column_",
)
"""GX's naming of map expectations: they judge each row; all others judge the delivery."""

_TABLE_DESPITE_PREFIX = frozenset({"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"})
"""On a typed column a type is one verdict, not one for each row."""


class Terms(Frozen):
    """The terms on which a rule holds: beside a check's other fields, or below an item's ``rules``.

    Attributes:
        version: raised when the rule's meaning changes; results carry it, waivers and ``not_worse`` end with it.
        tolerance: "not_worse", or the largest share of the evaluated rows that may fail. It decides the check, never a row's fate.
        effective_from, effective_until: first and last day (Asia/Shanghai, of the judging) on which the rule is evaluated.
    """

    version: Annotated[int, Field(ge=1)] = 1
    tolerance: Literal["not_worse"] | float | None = None
    effective_from: date | None = None
    effective_until: date | None = None

    @field_validator("tolerance", mode="before")
    @classmethod
    def _not_worse_or_a_share(cls, value: object) -> object:
        if value is None or value == "not_worse":
            return value
        share: object = value
        if isinstance(value, str) and value.strip().endswith("%"):
            try:
                share = float(value.strip()[:-1]) / 100
            except ValueError:
                share = None
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
            raise ValueError(f"'{value}' is no tolerance; write not_worse, or a share of the rows between 0 and 1, for example 5%")
        return float(share)

    @model_validator(mode="after")
    def _from_before_until(self) -> Terms:
        if self.effective_from and self.effective_until and self.effective_from > self.effective_until:
            raise ValueError(f"effective_from {self.effective_from} lies after effective_until {self.effective_until}; swap them")
        return self


class Check(Terms):
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

    @property
    def judges(self) -> Literal["row", "table"]:
        """Whether it judges rows or the delivery as a whole: what it declares, else what its name says."""
        if self.scope is not None:
            return self.scope
        return "row" if self.expect.startswith(_ROW_PREFIXES) and self.expect not in _TABLE_DESPITE_PREFIX else "table"

    @model_validator(mode="after")
    def _tolerance_fits(self) -> Check:
        if self.tolerance is None:
            return self
        if self.judges == "table":
            raise ValueError(f"tolerance needs a rule that judges rows, and {self.expect} judges the delivery; widen its bounds instead")
        if "mostly" in self.arguments:
            raise ValueError("tolerance and mostly both say how many rows may fail; keep one of them")
        return self


def compiled(value: str | None) -> str | None:
    """The pattern itself. Raises ``ValueError`` when it is no regular expression."""
    if value is not None:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"'{value}' is no regular expression: {error}") from error
    return value
