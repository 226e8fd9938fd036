"""What may be shown of a cell."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from districtlake.standards.masking import mask
from tests.cells import element


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("name", "张三", "张*"),
        ("name", "欧阳娜娜", "欧*"),
        ("name", "𠮷野", "𠮷*"),
        ("citizen_id", "330203195006150018", "330203********0018"),
        ("citizen_id", "110105491231002", "110105*****1002"),
        ("citizen_id", "3.30203E+17", "3***"),
        ("phone", "13812345678", "138****5678"),
        ("phone", "0574-87123456", "0574-****3456"),
        ("phone", "87123456", "8***"),
        ("address", "浙江省宁波市海曙区南门街道甬风路1号", "浙江省宁波市海曙区南门街道***"),
        ("address", "浙江省宁波市镇海区招宝山街道1号", "浙江省宁波市镇海区招宝山街道***"),
        ("address", "宁波市海曙区甬风路1号2室", "宁波市海曙区***"),
        ("address", "浙江省慈溪市周巷镇2号", "浙江省慈溪市周巷镇***"),
        ("address", "甬风路1号", "甬***"),
        ("text", "公开内容", "公开内容"),
        ("uscc", "91330203MA2AFAAA4Y", "91330203MA2AFAAA4Y"),
    ],
)
def test_masks(kind: str, value: str, shown: str) -> None:
    assert mask(value, element(kind)) == shown
    assert mask(pl.Series("x", [value, None]), element(kind)).to_list() == [shown, None]


def test_by_sensitivity() -> None:
    assert mask("敏感", element("text", sensitivity="L3")) == "敏***"
    assert mask("敏感", element("text", sensitivity="L2")) == "敏感"
    assert mask("敏感", element("text", sensitivity="L1"), "L4") == "敏***"
    assert mask(None, element("text", sensitivity="L4")) is None


def test_typed_values() -> None:
    assert mask(pl.Series([date(2021, 1, 2), None]), element("date", sensitivity="L3")).to_list() == ["2***", None]
    assert mask(pl.Series("n", [12]), element("integer")).to_list() == ["12"]
    assert mask(pl.Series("n", [12]), element("integer")).name == "n"
