"""The receipt: JSON-safe, bounded, and drift that speaks only of what changed."""

from __future__ import annotations

from districtlake.ingestion.report import MAX_LISTED, ReadReport, RowNote, RowNotes, SheetReport, drift


def report(**changes: object) -> dict[str, object]:
    columns = {"姓名": "name", "面积": "area"}
    values = {"format": "csv", "encoding": "utf-8", "delimiter": ",", "header_row": 1, "columns": columns, **changes}
    return ReadReport(**values).as_dict()  # type: ignore[arg-type]


def test_counts_are_whole_where_the_list_is_not() -> None:
    notes = RowNotes.of(RowNote(None, row, "blank") for row in range(MAX_LISTED + 5))
    assert notes.counts == {"blank": MAX_LISTED + 5}
    assert notes.total == MAX_LISTED + 5
    assert len(notes.first) == MAX_LISTED


def test_no_drift() -> None:
    assert drift(None, report()) == {}
    assert drift({}, report()) == {}
    assert drift(report(rows=1), report(rows=2)) == {}


def test_what_changed_is_named() -> None:
    after = report(
        encoding="gb18030",
        header_row=3,
        columns={"面积(平方米)": "area", "姓名": "name", "电话": "phone"},
        unexpected=("备注",),
        format="xlsx",
        delimiter="",
        sheets=(SheetReport("一", True), SheetReport("二", False)),
    )
    assert drift(report(unexpected=("旧",)), after) == {
        "format": {"before": "csv", "after": "xlsx"},
        "encoding": {"before": "utf-8", "after": "gb18030"},
        "delimiter": {"before": ",", "after": ""},
        "header_row": {"before": 1, "after": 3},
        "columns_come": ["phone"],
        "headers_renamed": {"area": {"before": "面积", "after": "面积(平方米)"}},
        "order_changed": True,
        "unexpected_gone": ["旧"],
        "unexpected_come": ["备注"],
        "sheets_come": ["一"],
    }
    assert drift(after, report())["columns_gone"] == ["phone"]
