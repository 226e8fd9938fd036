"""Which columns of a wide table a terminal shows."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from districtlake.cli.columns import chosen, fitting, telling
from districtlake.errors import OperationRefused
from districtlake.marts.record import OUTCOME_TITLES, outcome_title

NAMES = ("_delivery", "_file", "_sheet", "_row", "key", "amount", "name", "note", "_extra", "rules", "reasons")
HEADINGS = {name: name for name in NAMES}
ROW = {name: name * 3 for name in NAMES} | {
    "rules": ["amount.range"],
    "reasons": ["金额应在0到100之间"],
    "note": "很长的备注" * 20,
    "_row": 7,
}


def test_of_a_quarantined_row_the_place_the_key_the_reasons_and_what_is_wrong_come_first() -> None:
    assert fitting([ROW], HEADINGS, 70, telling("quarantine", ("key",), [ROW])) == ["_file", "_row", "key", "reasons"]
    assert fitting([ROW], HEADINGS, 100, telling("quarantine", ("key",), [ROW]))[:5] == ["_file", "_row", "key", "reasons", "amount"]


@pytest.mark.parametrize("width", [1, 20, 40, 80, 150, 400])
@pytest.mark.parametrize("layer", ["quarantine", "warehouse", "raw"])
def test_what_is_shown_fits_and_nothing_is_shown_twice(width: int, layer: str) -> None:
    kept = fitting([ROW], HEADINGS, width, telling(layer, ("key",), [ROW]))
    assert len(kept) == len(set(kept)) >= 1
    needed = 1 + sum(max(4, min(24, cell_len(name))) + 3 for name in kept)
    assert needed <= width or len(kept) == 1
    assert set(fitting([ROW], HEADINGS, 10_000, ())) == set(NAMES)


def test_columns_are_chosen_by_name_or_title_and_a_wrong_one_is_told_with_the_right_ones() -> None:
    titles = {"amount": "金额", "gone": "不在"}
    assert chosen("reasons，金额, reasons", NAMES, titles) == ["reasons", "amount"]
    for asked in ("nothing", "不在", "", ","):
        with pytest.raises(OperationRefused) as caught:
            chosen(asked, NAMES, titles)
        assert "amount" in caught.value.hint


def test_a_mart_that_was_never_built_keeps_no_version() -> None:
    for outcome in OUTCOME_TITLES:
        assert "保留上一版" not in outcome_title(outcome, None)
        assert outcome_title(outcome, 3) == OUTCOME_TITLES[outcome]
    assert outcome_title("failed", None) == "失败（尚无任何一版）"
