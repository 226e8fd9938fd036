"""References between resources: every value must stand in another resource's warehouse table."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import pandas as pd
import polars as pl
from great_expectations.compatibility.pydantic import Field
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import ColumnMapMetricProvider, column_condition_partial

from districtlake.quality.validation import Elsewhere, Known
from expectations.conditions import CONDITIONS
from expectations.literals import is_textual
from expectations.own.bilingual import BilingualText
from expectations.record_keys import values_as
from expectations.references import referred, referred_values
from expectations.table import Condition, Referring, Table, Values

METRIC = "column_values.exist_in_resource"


class ColumnValuesExistInResource(ColumnMapMetricProvider):
    condition_metric_name = METRIC
    condition_value_keys = ("resource", "item")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, resource: str, item: str, **kwargs: Any) -> pd.Series:
        known = referred_values(resource, item).drop_nulls()
        # Texts with texts: the referred column may be an enum or a number where ours is a text.
        values = known.cast(pl.String) if isinstance(column.dtype, pd.StringDtype) else known
        return column.isin(set(values.to_list()))


def fused(table: Table, domain: Values, values: Values) -> Condition | Referring:
    column = domain["column"]
    dtype = pl.String() if is_textual(table.dtype(column)) else table.dtype(column)
    own = table.text(column) if isinstance(dtype, pl.String) else table.col(column)
    asked = table.rows(domain) & table.col(column).is_not_null()
    found = referred(values["resource"], values["item"])
    if isinstance(found, Elsewhere):
        return Referring(asked, (own,), Known(found, partial(values_as, dtype=dtype)))
    return Condition.of(asked, own.is_in(pl.lit(values_as(found.to_frame(), dtype)["key_0"]).implode()))


CONDITIONS[METRIC] = fused


class ExpectColumnValuesToExistInResource(BilingualText, ColumnMapExpectation):
    """Expect each value of a column to exist in an item of another resource's warehouse table; missing values are not asked.

    The values are looked up by ``expectations.validate`` and never pass through GX.

    Args:
        column: the referring column.
        resource: the referred resource, "agency.resource".
        item: the item there.
    """

    resource: str = Field(min_length=1)
    item: str = Field(min_length=1)

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("resource", "item", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "resource", "item")
    sentence: ClassVar[str] = "$column 的值须存在于 $resource 的 $item。Values of $column must exist in $item of $resource."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column", "resource", "item")
