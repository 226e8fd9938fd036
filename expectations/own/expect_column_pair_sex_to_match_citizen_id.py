"""The sex a person's record states (GB/T 2261.1: 1 man, 2 woman) is the one in their citizen id (GB 11643-1999, digit 17)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import column_pair_condition_partial

from expectations.conditions import CONDITIONS
from expectations.literals import Unfused, is_textual
from expectations.own.bilingual import BilingualText
from expectations.own.citizen_ids import CitizenIdPair, speaking, speaking_in_pandas
from expectations.table import Condition, Table, Values

METRIC = "column_pair_values.sex_matches_citizen_id"


def _sexes(codes: pd.Series) -> pd.Series:
    """The codes 1 and 2; missing for 0 (unknown), 9 (not stated) and anything else."""
    texts = codes.astype("str")
    return texts.where(texts.isin(["1", "2"]))


def _digits(ids: pd.Series) -> pd.Series:
    """The sex by digit 17: odd 1, even 2."""
    return speaking_in_pandas(ids).str.slice(16, 17).map({str(digit): "1" if digit % 2 else "2" for digit in range(10)}).astype("str")


class ColumnPairSexMatchesCitizenId(CitizenIdPair):
    condition_metric_name = METRIC

    @staticmethod
    def applicable_in_pandas(column_a: pd.Series, column_b: pd.Series) -> pd.Series:
        return _sexes(column_a).notna() & _digits(column_b).notna()

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **kwargs: Any) -> pd.Series:
        applicable = ColumnPairSexMatchesCitizenId.applicable_in_pandas(column_A, column_B)
        return ~applicable | (_sexes(column_A) == _digits(column_B)).astype(bool)


def fused(table: Table, domain: Values, values: Values) -> Condition:
    stated, ids = domain["column_A"], domain["column_B"]
    if not is_textual(table.dtype(ids)):
        raise Unfused("a citizen id that is no text")
    sex = table.text(stated)
    digit = speaking(table.text(ids)).str.slice(16, 1)
    applies = table.rows(domain) & sex.is_in(["1", "2"]).fill_null(False) & digit.is_not_null()
    return Condition.of(applies, (sex == "1") == digit.is_in(["1", "3", "5", "7", "9"]))


CONDITIONS[METRIC] = fused


class ExpectColumnPairSexToMatchCitizenId(BilingualText, ColumnPairMapExpectation):
    """Expect the sex code in ``column_A`` to agree with digit 17 of the 18-digit citizen id in ``column_B``: odd 1, even 2.

    Rows where either is missing, where the code is neither 1 nor 2, or where the id is not of the 18-digit form, are not asked.
    """

    ignore_row_if: Literal["either_value_is_missing"] = "either_value_is_missing"  # as GX's pairs have it; nothing else has a meaning here

    map_metric: ClassVar[str] = METRIC
    args_keys: ClassVar[tuple[str, ...]] = ("column_A", "column_B")
    sentence: ClassVar[str] = (
        "$column_A 须与 $column_B 第17位的性别一致（奇数为男1，偶数为女2）。"
        "$column_A must agree with digit 17 of $column_B (odd: 1 man, even: 2 woman)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("column_A", "column_B")
