"""GX's lists of unexpected cells and rows for a fused condition, in the shape of its pandas engine.

``validate`` asks for none. They exist so that whoever runs the engine with GX's own result formats gets GX's own results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expectations.frames import to_pandas
from expectations.one_pass import Verdict
from expectations.sources import rows_at
from expectations.table import Table

_MOST = 200  # GX's MAX_RESULT_RECORDS


def values(table: Table, verdict: Verdict, domain: Mapping[str, Any], result_format: Mapping[str, Any]) -> list[Any]:
    """The first unexpected cells: of a column, as pairs, or as records, as GX gives them."""
    assert verdict.failing is not None
    complete = result_format["result_format"] == "COMPLETE"
    positions = verdict.failing.head(_MOST if complete else min(result_format["partial_unexpected_count"], _MOST))
    if "column" in domain:
        names = [domain["column"]]
    elif "column_A" in domain:
        names = [domain["column_A"], domain["column_B"]]
    else:
        names = list(domain["column_list"])
    cells = to_pandas(rows_at(table.source, names, positions))
    if "column" in domain:
        return list(cells[names[0]])
    if "column_A" in domain:
        return list(zip(cells[names[0]].values, cells[names[1]].values, strict=True))
    return cells.to_dict("records")


def index_list(verdict: Verdict, result_format: Mapping[str, Any]) -> list[int]:
    """Positions of the unexpected rows: all in COMPLETE, else the first."""
    assert verdict.failing is not None
    if result_format["result_format"] == "COMPLETE":
        return verdict.failing.to_list()
    return verdict.failing.head(result_format["partial_unexpected_count"]).to_list()


def index_query(verdict: Verdict, result_format: Mapping[str, Any]) -> str | None:
    """The pandas call that selects the unexpected rows; only where it is asked for by name, since it spells out every one of them."""
    assert verdict.failing is not None
    if not result_format.get("return_unexpected_index_query"):
        return None
    return f"df.filter(items={verdict.failing.to_list()}, axis=0)"
