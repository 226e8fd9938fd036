"""What our own expectations take from a catalogue entry's ``checks:``, and the sentence each makes of it for the agency.

The expectations themselves live in ``expectations.own``, which the domain does not know; a test holds names, arguments and defaults of
the two equal. To add one: a model here, beside the file there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from districtlake.catalog.parts import Cycle, NonEmpty, Severity
from districtlake.policy.cycles import CYCLE_TITLES
from districtlake.quality.rules import REFERENCE_EXPECTATION

Titles = Callable[[str], str]
"""Column -> its Chinese title."""
ResourceId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Length = Literal[2, 4, 6, 9, 12]
Lengths = Annotated[list[Length], Field(min_length=1)]
LENGTHS: tuple[Length, ...] = (6, 9, 12)
"""Digits of a division code: county, town, village."""


class OwnArguments(BaseModel):
    """The arguments of one expectation. ``severity``: what it is where the check does not say; ``report_only``: it only ever leads to a lead.
    ``supervised``: what it finds is told by supervision and never opens a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: ClassVar[Severity] = "warning"
    report_only: ClassVar[bool] = False
    supervised: ClassVar[bool] = False

    def sentence(self, title: Titles) -> str:
        raise NotImplementedError

    def referred(self) -> Iterator[tuple[str, str]]:
        """(resource, item) that must exist."""
        return iter(())

    def blamed(self) -> tuple[str, ...] | None:
        """The columns to blame; None: all it names."""
        return None


class _Rows(OwnArguments):
    mostly: Annotated[float, Field(ge=0, le=1)] = 1
    row_condition: Any = None
    condition_parser: Literal["pandas"] | None = None


class _Column(_Rows):
    column: NonEmpty


class _Pair(_Rows):
    column_A: NonEmpty
    column_B: NonEmpty
    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"


class ExistInResource(_Column):
    resource: ResourceId
    item: NonEmpty

    def sentence(self, title: Titles) -> str:
        return f"{title(self.column)}应在“{title(self.resource)}”中存在"

    def referred(self) -> Iterator[tuple[str, str]]:
        yield self.resource, self.item


class BirthDateMatchesCitizenId(_Pair):
    def sentence(self, title: Titles) -> str:
        return f"{title(self.column_A)}应与{title(self.column_B)}第7至14位一致"


class SexMatchesCitizenId(_Pair):
    def sentence(self, title: Titles) -> str:
        return f"{title(self.column_A)}应与{title(self.column_B)}第17位（奇数为男、偶数为女）一致"


class AtAgeByCitizenId(_Pair):
    min_years: Annotated[int, Field(ge=0, le=150)]

    def sentence(self, title: Titles) -> str:
        return f"{title(self.column_A)}当日，{title(self.column_B)}所指的人应年满{self.min_years}周岁"


class ValidCitizenId(_Column):
    accept_15_digits: bool = False
    accept_residence_permits: bool = True
    accept_foreigners: bool = True
    region_known: bool = False

    def sentence(self, title: Titles) -> str:
        also = [
            name
            for name, taken in (
                ("15位旧号码", self.accept_15_digits), ("港澳台居民居住证号码", self.accept_residence_permits),
                ("外国人永久居留身份证号码", self.accept_foreigners),
            ) if taken
        ]  # fmt: skip
        return f"{title(self.column)}应是有效的公民身份号码（GB 11643-1999{'；也接受' + '、'.join(also) if also else ''}）"


class ValidUscc(_Column):
    org_code_check: bool = False

    def sentence(self, title: Titles) -> str:
        second = "，其第9至17位应是有效的组织机构代码（GB 11714-1997）" if self.org_code_check else ""
        return f"{title(self.column)}应是有效的统一社会信用代码（GB 32100-2015）{second}"


class ValidOrgCode(_Column):
    def sentence(self, title: Titles) -> str:
        return f"{title(self.column)}应是有效的组织机构代码（GB 11714-1997）"


class ValidDivisionCode(_Column):
    lengths: Lengths = list(LENGTHS)
    valid_on: date | Literal["data_date"] | None = None

    def sentence(self, title: Titles) -> str:
        when = (
            "历年曾使用的" if self.valid_on is None else "数据日期当年有效的" if self.valid_on == "data_date" else f"{self.valid_on}有效的"
        )
        return f"{title(self.column)}应是{when}行政区划代码（GB/T 2260）"


class DivisionCodeValidOnDate(_Pair):
    lengths: Lengths = list(LENGTHS)

    def sentence(self, title: Titles) -> str:
        return f"{title(self.column_A)}应是{title(self.column_B)}当时有效的行政区划代码（GB/T 2260）"


class InCodeList(_Column):
    code_list: NonEmpty

    def sentence(self, title: Titles) -> str:
        return f"{title(self.column)}应是代码表“{title(self.code_list)}”中的代码"


class EqualInResource(_Rows):
    """``column_list``: the compared column, then one for each item of ``key``."""

    severity: ClassVar[Severity] = "info"
    report_only: ClassVar[bool] = True

    column_list: Annotated[list[NonEmpty], Field(min_length=2)]
    resource: ResourceId
    item: NonEmpty
    key: Annotated[list[NonEmpty], Field(min_length=1)]
    as_of: Literal["now", "data_date"] | date = "now"
    normalise: Literal["exact", "text", "person_name"] = "exact"
    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"

    @model_validator(mode="after")
    def _keys_beside_columns(self) -> EqualInResource:
        if len(self.column_list) != len(self.key) + 1:
            raise ValueError(
                f"column_list names {len(self.column_list)} columns for {len(self.key)} items of key; "
                "write the compared column first, then one column for each item of key"
            )
        return self

    def sentence(self, title: Titles) -> str:
        compared, *keys = self.column_list
        return f"{title(compared)}应与“{title(self.resource)}”中同一{'、'.join(map(title, keys))}的记录一致（线索，须核实）"

    def referred(self) -> Iterator[tuple[str, str]]:
        for item in (self.item, *self.key):
            yield self.resource, item

    def blamed(self) -> tuple[str, ...]:
        return (self.column_list[0],)


class FreshData(OwnArguments):
    """A late update has its ticket from ``supervision`` already, by the calendar and with the clock of Article 26."""

    supervised: ClassVar[bool] = True

    update_cycle: Cycle | None = None

    def sentence(self, title: Titles) -> str:
        cycle = f"（{CYCLE_TITLES[self.update_cycle]}）" if self.update_cycle else ""
        return f"数据日期距收到之日不应超过更新周期{cycle}及其宽限期"


class RowCountNearEarlier(OwnArguments):
    within: Annotated[float, Field(ge=0)] | None = None
    mads: Annotated[float, Field(ge=0)] | None = None
    last: Annotated[int, Field(ge=1, le=100)] = 10
    at_least: Annotated[int, Field(ge=1, le=100)] = 3

    @model_validator(mode="after")
    def _bounded(self) -> RowCountNearEarlier:
        if self.within is None and self.mads is None:
            raise ValueError("it has no bound; write within (0.2: 20 percent of the median), mads (5: five median deviations), or both")
        if self.at_least > self.last:
            raise ValueError(f"at_least {self.at_least} is greater than last {self.last}; it would never be evaluated")
        return self

    def sentence(self, title: Titles) -> str:
        bounds = [f"{self.within:.4%}".rstrip("0%").rstrip(".") + "%"] if self.within is not None else []
        bounds += [f"{self.mads:.4g}倍绝对中位差"] if self.mads is not None else []
        return f"行数与最近{self.last}次交付的中位数之差不应超过{'与'.join(bounds)}{'中较大者' if len(bounds) > 1 else ''}"


OWN: dict[str, type[OwnArguments]] = {
    REFERENCE_EXPECTATION: ExistInResource,
    "expect_column_pair_birth_date_to_match_citizen_id": BirthDateMatchesCitizenId,
    "expect_column_pair_sex_to_match_citizen_id": SexMatchesCitizenId,
    "expect_column_pair_date_to_be_at_age_by_citizen_id": AtAgeByCitizenId,
    "expect_column_values_to_be_valid_citizen_id": ValidCitizenId,
    "expect_column_values_to_be_valid_uscc": ValidUscc,
    "expect_column_values_to_be_valid_org_code": ValidOrgCode,
    "expect_column_values_to_be_valid_division_code": ValidDivisionCode,
    "expect_column_pair_division_code_to_be_valid_on_date": DivisionCodeValidOnDate,
    "expect_column_values_to_be_in_code_list": InCodeList,
    "expect_multicolumn_values_to_equal_resource": EqualInResource,
    "expect_table_data_to_be_fresh": FreshData,
    "expect_table_row_count_to_be_near_earlier_deliveries": RowCountNearEarlier,
}
"""By the name that a check writes under ``expect``."""
