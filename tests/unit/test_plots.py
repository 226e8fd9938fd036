"""The bars in Dagster's UI: what is drawn is what was counted, whatever the texts hold."""

import base64
import re
from xml.etree import ElementTree

import polars as pl
import pytest

from assets.plots import COLOURS, failing_rows_by_dimension, scale, stacked_bars

SVG = "{http://www.w3.org/2000/svg}"


def bars(svg: str) -> dict[str, list[float]]:
    """Colour -> heights of its parts (legend left out)."""
    found: dict[str, list[float]] = {}
    for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect"):
        if rect.get("fill") in COLOURS.values() and rect.get("width") != "12":
            found.setdefault(str(rect.get("fill")), []).append(float(str(rect.get("height"))))
    return found


def test_heights_are_in_proportion_and_totals_are_told() -> None:
    svg = stacked_bars(
        {("a", "accuracy"): 10, ("b", "accuracy"): 20, ("b", "completeness"): 5}, {"a": "03-02", "b": "03-03"}, title="t", unit="u"
    )
    drawn = bars(svg)
    low, high = drawn[COLOURS["accuracy"]]
    assert high == pytest.approx(2 * low, abs=0.2)
    assert drawn[COLOURS["completeness"]] == [pytest.approx(low / 2, abs=0.2)]
    told = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert {"10", "25", "03-02", "03-03", "准确性", "完整性"} <= set(told)
    assert "一致性" not in told


def test_markdown_of_a_results_table() -> None:
    results = pl.DataFrame({"_delivery": ["a", "a", "gone"], "dimension": ["accuracy"] * 3, "failed": [1, 2, 9]})
    shown = failing_rows_by_dimension(results, {"a": "<&03-02"}, title="人口 <1>")
    picture = re.fullmatch(r"!\[人口 <1>\]\(data:image/svg\+xml;base64,(.+)\)", shown)
    assert picture
    told = [text.text for text in ElementTree.fromstring(base64.b64decode(picture[1])).iter(f"{SVG}text")]
    assert "3" in told
    assert "<&03-02" in told


def test_nothing_to_draw_is_a_picture_too() -> None:
    assert bars(stacked_bars({}, {}, title="t", unit="u")) == {}


@pytest.mark.parametrize("highest", [1, 2, 4, 5, 9, 10, 49, 50, 99, 100, 12345, 10**7])
def test_the_axis_holds_every_bar_in_few_round_steps(highest: int) -> None:
    top, step = scale(highest)
    assert highest < top
    assert top % step == 0
    assert 1 <= top // step <= 6
    assert str(step).strip("0") in ("1", "2", "5")
