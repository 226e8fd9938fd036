"""Values equal those of another resource's rows of the same key: what one register says of a thing, held against what another says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, ClassVar, Literal

import pandas as pd
import polars as pl
from great_expectations.compatibility.pydantic import Field
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import MulticolumnMapMetricProvider
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import multicolumn_condition_partial

from districtlake.quality.validation import Elsewhere, Known
from expectations.conditions import CONDITIONS
from expectations.literals import Unfused, is_textual
from expectations.own.asked_rows import AskedRows
from expectations.own.bilingual import BilingualText
from expectations.own.judged import text_of
from expectations.record_keys import compared, keys_and_pairs, spelled
from expectations.surroundings import records_of, records_where_they_lie
from expectations.table import Condition, Referring, Table, Values

METRIC = "multicolumn_values.equal_in_resource"


@dataclass(frozen=True)
class _Known:
    """What the other resource says: the keys it knows with a value, and its pairs of key and value, as text."""

    keys: pl.Series
    pairs: pl.Series


def _known(found: pl.DataFrame, key: Sequence[str], item: str, way: str) -> _Known:
    """``found``: the other resource's rows, with the items of ``key`` and ``item``."""
    told = keys_and_pairs(found, key, item, way)
    return _Known(told["key_0"].unique(), told["key_1"].unique())


def _asked(frame: pl.DataFrame, known: _Known, way: str) -> pl.DataFrame:
    """``asked`` and ``holds`` of texts: first the compared value, then the parts of the key."""
    value, *parts = (pl.col(name) for name in frame.columns)
    keys, pairs = compared(value, parts, way)
    asked = value.is_not_null() & keys.is_in(pl.lit(known.keys).implode())
    return frame.select(asked=asked.fill_null(value=False), holds=pairs.is_in(pl.lit(known.pairs).implode()).fill_null(value=False))


def _texts_in_pandas(frame: pd.DataFrame) -> pl.DataFrame:
    texts = []
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_datetime64_any_dtype(column.dtype) or pd.api.types.is_float_dtype(column.dtype):
            series = pl.Series(
                name, column.to_list(), dtype=pl.Datetime("us") if "datetime" in str(column.dtype) else pl.Float64, strict=False
            )
            texts.append(series.fill_nan(None) if series.dtype.is_float() else series)
        else:
            texts.append(text_of(column).alias(name))
    return pl.DataFrame(texts).select(spelled(pl.col(series.name), series.dtype) for series in texts)


def _told(values: Mapping[str, Any]) -> tuple[_Known, str]:
    key, item, way = values["key"], values["item"], values["normalise"]
    return _known(records_of(values["resource"], (*key, item), values["as_of"]), key, item, way), way


class MulticolumnValuesEqualInResource(AskedRows, MulticolumnMapMetricProvider):
    condition_metric_name = METRIC
    condition_domain_keys = ("batch_id", "table", "column_list", "row_condition", "condition_parser")
    condition_value_keys = ("resource", "item", "key", "as_of", "normalise")

    @classmethod
    def asked_in_pandas(cls, frame: pd.DataFrame, domain: Mapping[str, Any], values: Mapping[str, Any]) -> pd.Series:
        verdicts = _asked(_texts_in_pandas(frame[list(domain["column_list"])]), *_told(values))
        return pd.Series(verdicts["asked"].to_numpy(), index=frame.index, dtype=bool)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, **kwargs: Any) -> pd.Series:
        verdicts = _asked(_texts_in_pandas(column_list), *_told(kwargs))
        return pd.Series((~verdicts["asked"] | verdicts["holds"]).to_numpy(), index=column_list.index, dtype=bool)


def fused(table: Table, domain: Values, values: Values) -> Condition | Referring:
    columns = list(domain["column_list"])
    dtypes = [table.dtype(column) for column in columns]
    if any(not (is_textual(dtype) or dtype.is_integer() or isinstance(dtype, (pl.Date, pl.Datetime))) for dtype in dtypes):
        raise Unfused("a spelling of numbers that is pandas' own")
    value, *parts = [spelled(table.col(column), dtype) for column, dtype in zip(columns, dtypes, strict=True)]
    key, item, way = values["key"], values["item"], values["normalise"]
    found = records_where_they_lie(values["resource"], (*key, item), values["as_of"])
    if isinstance(found, Elsewhere):
        keys, pairs = compared(value, parts, way)
        asked = table.rows(domain) & value.is_not_null() & keys.is_not_null()
        return Referring(asked, (keys, pairs), Known(found, partial(keys_and_pairs, key=key, item=item, way=way)))
    known = _known(found, key, item, way)
    texts = pl.struct([part.alias(f"part_{n}") for n, part in enumerate((value, *parts))])

    def judge(what: str) -> pl.Expr:
        def of(parts: pl.Series) -> pl.Series:
            return _asked(parts.struct.unnest(), known, way)[what]

        return texts.map_batches(of, return_dtype=pl.Boolean, is_elementwise=True)

    return Condition.of(table.rows(domain) & judge("asked"), judge("holds"))


fused.__wrapped__ = _told  # type: ignore[attr-defined]  # what reads the metric's values, for who looks at the source
CONDITIONS[METRIC] = fused


class ExpectMulticolumnValuesToEqualResource(BilingualText, MulticolumnMapExpectation):
    """Expect a column's values to equal an item of another resource's rows of the same key. A failure is a lead to verify.

    Asked are the rows whose value and key are present and whose key the other resource knows with a value; that it knows the key at
    all is ``expect_column_values_to_exist_in_resource``'s to ask. Where it has several rows of a key, one that agrees is enough.

    Args:
        column_list: the compared column, then one column for each item of ``key``.
        resource: the other resource, "agency.resource".
        item: the item there that is compared.
        key: the items there that make the key.
        as_of: ``now``: its rows as they stand; ``data_date``: as they stood on the day the delivery's data speak of, so that a register
            that has moved on accuses nobody; or a day (ISO).
        normalise: ``exact``; ``text``: without blanks, width and case; ``person_name``: besides without the middle dot.
    """

    resource: str = Field(min_length=1)
    item: str = Field(min_length=1)
    key: list[str] = Field(min_items=1)
    as_of: Literal["now", "data_date"] | date = "now"
    normalise: Literal["exact", "text", "person_name"] = "exact"

    ignore_row_if: Literal["any_value_is_missing"] = "any_value_is_missing"  # what is asked is said above

    map_metric: ClassVar[str] = METRIC
    success_keys: ClassVar[tuple[str, ...]] = ("resource", "item", "key", "as_of", "normalise", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column_list", "resource", "item", "key", "as_of", "normalise")
    sentence: ClassVar[str] = (
        "$column_list 须与 $resource 中同一主键的 $item 一致（线索）。"
        "The first of $column_list must equal $item of $resource for the same key (a lead)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column_list", "resource", "item")
