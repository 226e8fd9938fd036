"""A raw frame to a cleansed frame and its change log, on a small resource; and the Arrow kernel against it."""

from __future__ import annotations

import pickle
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from districtlake.catalog.models import Catalog, CodeList, Element, Item, Resource
from districtlake.cleansing import CHANGES_SCHEMA, Cleansed, batch_kernel, cleanse, cleanse_batch, plan_of
from districtlake.cleansing.batches import collected
from districtlake.cleansing.plan import RawFrameInvalid
from districtlake.errors import CatalogError

TODAY = date(2026, 3, 6)
ITEMS = {
    "citizen_id": "citizen_id",
    "name": "name",
    "sex": "code",
    "born": "date",
    "amount": "decimal",
    "persons": "integer",
    "remark": "text",
}


def _catalog(**kinds: str) -> tuple[Resource, Catalog]:
    kinds = kinds or ITEMS
    elements = {
        name: Element(
            id=name,
            name=name,
            name_en=name,
            definition="",
            data_type="C",
            format="",
            domain="",
            kind=kind,
            codes="sex" if name == "sex" else None,
            missing=("无", "/"),
            options={"not_after": "today"} if kind == "date" else {},
        )
        for name, kind in kinds.items()
    }
    resource = Resource.model_validate(
        {
            "agency": "bureau",
            "name": "persons",
            "code": "101001001/1",
            "title": "人员",
            "business": "业务",
            "system": "系统",
            "items": [Item(name=name, title=name, element=name) for name in kinds],
            "storage_format": "spreadsheet",
            "sharing": {"class": "unconditional"},
            "opening": {"class": "unconditional"},
            "provision": ["api"],
            "update_cycle": "daily",
            "sharing_term": "permanent",
            "key": [next(iter(kinds))],
            "source": {"files": "*.csv", "mode": "snapshot"},
        }
    )
    sex = CodeList(id="sex", name="性别", source="GB/T 2261.1", codes={"1": "男性", "2": "女性"}, synonyms={"男": "1", "女": "2"})
    return resource, Catalog(agencies={}, elements=elements, code_lists={"sex": sex}, resources={resource.id: resource})


def _raw(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    table = [("甲.csv", None, number, *cells, None) for number, cells in enumerate(rows, start=2)]
    schema = {"_file": pl.String, "_sheet": pl.String, "_row": pl.Int64, **dict.fromkeys(ITEMS, pl.String), "_extra": pl.String}
    return pl.DataFrame(table, schema=schema, orient="row")


ROWS = [
    ("330203195006150018", "张三", "1", "1950-06-15", "12.50", "3", None),
    ("33021319700615001x", "张 三", "男", "1970/6/15", "1,206.50", "３", "无"),
    ("330203195006150019", "锟斤拷", "甲", "1900-01-01", "壹佰", "3.5", " 备注\n二 "),
    (None, None, None, None, None, None, None),
]


@pytest.fixture
def cleansed() -> Cleansed:
    resource, catalog = _catalog()
    return cleanse(_raw(ROWS), resource, catalog, TODAY)


def test_columns_and_types(cleansed: Cleansed) -> None:
    columns = cleansed.frame.columns
    assert columns[:6] == ["_file", "_sheet", "_row", "_extra", "citizen_id", "citizen_id__status"]
    assert set(columns) == {"_file", "_sheet", "_row", "_extra", *ITEMS, *(f"{name}__status" for name in ITEMS)}
    types = cleansed.frame.schema
    assert [types[name] for name in ("name", "born", "amount", "persons")] == [pl.String, pl.Date, pl.Decimal(18, 2), pl.Int64]
    assert isinstance(types["born__status"], pl.Enum)
    assert types["born__status"].categories[0] == "ok"
    assert plan_of(*_catalog(), TODAY).schema == dict(types)


def test_values(cleansed: Cleansed) -> None:
    rows = cleansed.frame.select(list(ITEMS)).rows()
    assert rows[0] == ("330203195006150018", "张三", "1", date(1950, 6, 15), Decimal("12.50"), 3, None)
    assert rows[1] == ("33021319700615001X", "张三", "1", date(1970, 6, 15), Decimal("1206.50"), 3, None)
    assert rows[2] == ("330203195006150019", "锟斤拷", "甲", None, None, None, "备注 二")
    assert rows[3] == (None,) * 7


def test_statuses(cleansed: Cleansed) -> None:
    rows = cleansed.frame.select(f"{name}__status" for name in ITEMS).rows()
    assert rows[0] == ("ok",) * 6 + (None,)
    assert rows[1] == ("ok",) * 6 + (None,)
    assert rows[2] == ("check_digit", "mojibake", "unknown_code", "placeholder", "not_a_number", "not_an_integer", "ok")
    assert rows[3] == (None,) * 7


def test_change_log(cleansed: Cleansed) -> None:
    assert dict(cleansed.changes.schema) == CHANGES_SCHEMA
    assert cleansed.changes.drop("_file", "_sheet").rows() == [
        (3, "citizen_id", "33021319700615001x", "33021319700615001X", "code.upper"),
        (3, "name", "张 三", "张三", "text.han_blank"),
        (3, "sex", "男", "1", "code.label"),
        (3, "born", "1970/6/15", "1970-06-15", "date.form"),
        (3, "amount", "1,206.50", "1206.50", "number.thousands"),
        (3, "persons", "３", "3", "text.width"),
        (3, "remark", "无", None, "missing.spelling"),
        (4, "remark", " 备注\n二 ", "备注 二", "text.line_break+text.trim"),
    ]
    assert cleansed.changes["_file"].unique().to_list() == ["甲.csv"]


def test_empty_delivery() -> None:
    resource, catalog = _catalog()
    result = cleanse(_raw([]), resource, catalog, TODAY)
    assert (result.frame.height, result.changes.height) == (0, 0)
    assert dict(result.frame.schema) == plan_of(resource, catalog, TODAY).schema
    assert dict(result.changes.schema) == CHANGES_SCHEMA


def test_columns_that_polars_found_nothing_in() -> None:
    """An absent column may come as type Null."""
    resource, catalog = _catalog()
    raw = _raw(ROWS).with_columns(remark=pl.lit(None), _sheet=pl.lit(None))
    assert dict(cleanse(raw, resource, catalog, TODAY).frame.schema) == plan_of(resource, catalog, TODAY).schema


def test_a_frame_that_is_no_raw_frame_is_refused() -> None:
    resource, catalog = _catalog()
    with pytest.raises(RawFrameInvalid, match=r"bureau\.persons has no column 'born'"):
        cleanse(_raw(ROWS).drop("born"), resource, catalog, TODAY)
    with pytest.raises(RawFrameInvalid, match=r"'persons'.*Int64"):
        cleanse(_raw(ROWS).with_columns(persons=pl.lit(1, dtype=pl.Int64)), resource, catalog, TODAY)


def test_an_unknown_kind_names_the_element() -> None:
    resource, catalog = _catalog(mystery="no_such_kind")
    with pytest.raises(CatalogError, match=r"items\[mystery\].*no_such_kind"):
        plan_of(resource, catalog, TODAY)


def test_today_matters_for_dates_only() -> None:
    resource, catalog = _catalog()
    raw = _raw([("330203195006150018", "张三", "1", "2026-03-06", "1", "1", None)])
    assert cleanse(raw, resource, catalog, date(2026, 3, 6)).frame["born__status"].item() == "ok"
    assert cleanse(raw, resource, catalog, date(2026, 3, 5)).frame["born__status"].item() == "too_late"


# -- the Arrow kernel
def test_the_kernel_gives_what_the_whole_frame_gives(cleansed: Cleansed) -> None:
    resource, catalog = _catalog()
    kernel = batch_kernel(resource, catalog, TODAY)
    batches = _raw(ROWS).to_arrow().to_batches(max_chunksize=2)
    together = collected(kernel.map(batches), kernel.plan)
    assert together.frame.equals(cleansed.frame)
    assert together.changes.equals(cleansed.changes)


def test_the_kernels_schema_is_declared() -> None:
    resource, catalog = _catalog()
    kernel = batch_kernel(resource, catalog, TODAY)
    batch = kernel(_raw(ROWS).to_arrow().to_batches()[0])
    assert isinstance(batch, pa.RecordBatch)
    assert batch.schema.equals(kernel.schema)
    assert batch.num_rows == len(ROWS)
    empty = cleanse_batch(pa.RecordBatch.from_pylist([], schema=_raw([]).to_arrow().schema), kernel.plan)
    assert empty.schema.equals(kernel.schema)


def test_the_kernel_travels() -> None:
    """Spark pickles it to its workers."""
    resource, catalog = _catalog()
    kernel = batch_kernel(resource, catalog, TODAY)
    batch = _raw(ROWS).to_arrow().to_batches()[0]
    assert pickle.loads(pickle.dumps(kernel))(batch).equals(kernel(batch))


def test_nothing_collected() -> None:
    resource, catalog = _catalog()
    plan = plan_of(resource, catalog, TODAY)
    assert collected([], plan).frame.schema == pl.Schema(plan.schema)
