"""A column holds codes of a code list of the catalogue."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
import polars as pl
from great_expectations.compatibility.pydantic import Field
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import ColumnMapMetricProvider, column_condition_partial

from expectations.conditions import CONDITIONS
from expectations.own.bilingual import BilingualText
from expectations.own.judged import in_pandas
from expectations.surroundings import codes_of
from expectations.table import Condition, Table, Values

METRIC = "column_values.in_code_list"


class ColumnValuesInCodeList(ColumnMapMetricProvider):
    condition_metric_name = METRIC
    condition_value_keys = ("code_list",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, code_list: str, **kwargs: Any) -> pd.Series:
        return in_pandas(column, lambda text: text.is_in(codes_of(code_list)))


def fused(table: Table, domain: Values, values: Values) -> Condition:
    column = domain["column"]
    codes = pl.lit(pl.Series(codes_of(values["code_list"]), dtype=pl.String)).implode()
    return Condition.of(table.rows(domain) & table.col(column).is_not_null(), table.text(column).is_in(codes))


CONDITIONS[METRIC] = fused


class ExpectColumnValuesToBeInCodeList(BilingualText, ColumnMapExpectation):
    """Expect each value to be a code of a code list; missing values are not asked.

    A partial list proves nothing wrong: the rule is then not evaluated. Labels and synonyms are no codes; cleansing turns them into
    codes where the data element names the list.

    Args:
        column: the column, as text or whole number.
        code_list: the list's id in the catalogue (``standards/codes``).
    """

    code_list: str = Field(min_length=1)

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("code_list", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "code_list")
    sentence: ClassVar[str] = "$column 的值须为代码表 $code_list 中的代码。Values of $column must be codes of the code list $code_list."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column", "code_list")
