"""Text, names, organisation names and addresses: characters are repaired, wording and rare characters never."""

from __future__ import annotations

import pytest

from tests.cells import one


@pytest.mark.parametrize(
    ("written", "text", "rule"),
    [
        ("\u3000情况\u00a0", "情况", "text.blank+text.trim"),
        ("\ufeff情况\u200b", "情况", "text.invisible"),
        ("情\x00况\x1f", "情况", "text.invisible"),
        ("\u202e情况\u200f", "情况", "text.invisible"),
        ("情况\r\n属实", "情况 属实", "text.line_break"),
        ("情况 \n\n 属实", "情况 属实", "text.line_break"),
        ("情况\t属实", "情况 属实", "text.blank"),
        ("Ａｂ１２", "Ab12", "text.width"),
    ],
)
def test_repairs_of_text(written: str, text: str, rule: str) -> None:
    cell = one("text", written)
    assert (cell.value, cell.text, cell.status, cell.rule) == (text, text, "ok", rule)


@pytest.mark.parametrize("kept", ["①㎡㈱", "（东）－，。", "a  b", "昇瀋乾隆", "不可‌分", "a", "A B", "\u180b".join("ab")])
def test_what_text_keeps(kept: str) -> None:
    """No NFKC, no full-width punctuation, no traditional to simplified, no joiners."""
    assert one("text", kept).rule is None


def test_missing() -> None:
    assert one("text", "无", missing=("无",)).value is None
    assert one("text", "Null", missing=("NULL",)).value is None
    assert one("text", "—", missing=("-",)).value is None
    assert one("text", "／", missing=("/",)).value is None
    assert one("text", "无名路", missing=("无",)).value == "无名路"
    assert one("text", "无").value == "无"
    assert one("text", "　 \n").rule is not None
    assert one("text", "　 \n").value is None


@pytest.mark.parametrize("lost", ["张锟斤拷", "锟斤拷锟斤拷", "张\ufffd", "张ï¿½", "æµ·æ\x9b\x99"])
def test_mojibake_is_an_error_in_every_kind_of_text(lost: str) -> None:
    for kind in ("text", "name", "org_name", "address", "identifier"):
        assert one(kind, lost).status == "mojibake", kind


def test_the_character_kun_alone_is_no_mojibake() -> None:
    assert one("name", "李锟").status == "ok"


def test_private_use() -> None:
    assert one("name", "张\ue863").status == "private_use"
    assert one("org_name", "\U000f0000店").status == "private_use"
    assert one("text", "\ue000").status == "private_use"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("张 三", "张三"),
        ("张\u3000三", "张三"),
        ("张 三 丰", "张三丰"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("阿依古丽・买买提", "阿依古丽·买买提"),
        ("阿依古丽．买买提", "阿依古丽·买买提"),
        ("阿依古丽 · 买买提", "阿依古丽·买买提"),
        ("𠮷 野", "𠮷野"),
        ("葛\U000e0100 城", "葛\U000e0100城"),
        ("Ｊｏｈｎ Smith", "John Smith"),
    ],
)
def test_names_are_unified(written: str, name: str) -> None:
    cell = one("name", written)
    assert (cell.value, cell.status) == (name, "ok")


RARE = ["䶮", "𠮷", "㙍", "李〇", "昇", "瀋陽", "張三", "葛\U000e0100城", "欧阳娜娜"]
DOTTED = ["阿依古丽·买买提", "John Smith", "Jean-Luc O'Neil", "J. Smith"]


@pytest.mark.parametrize("name", [*RARE, *DOTTED])
def test_names_that_stay(name: str) -> None:
    cell = one("name", name)
    assert (cell.value, cell.status, cell.rule) == (name, "ok", None)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("张?", "lost_character"),
        ("张？三", "lost_character"),
        ("张□", "lost_character"),
        ("123", "not_a_name"),
        ("--", "not_a_name"),
        ("张*", "masked"),
        ("张三（女）", "unusual_character"),
        ("张三、李四", "unusual_character"),
        ("张3", "unusual_character"),
    ],
)
def test_names_in_doubt(name: str, status: str) -> None:
    assert one("name", name).status == status


def test_org_names() -> None:
    assert one("org_name", "宁波市 海曙区\n某公司（分部）").value == "宁波市海曙区某公司（分部）"
    assert one("org_name", "ABC Trading 公司").rule is None


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("浙江省宁波市海曙区\n南门街道１２号", "浙江省宁波市海曙区南门街道12号"),
        ("中山路 12 号 3 幢 A 座", "中山路12号3幢A座"),
        ("中山路１２－３号", "中山路12-3号"),
        ("ABC Tower 12 34", "ABC Tower 12 34"),
        ("江东区百丈路1号", "江东区百丈路1号"),  # a retired district stays what it was
    ],
)
def test_addresses(written: str, address: str) -> None:
    cell = one("address", written)
    assert (cell.value, cell.status) == (address, "ok")
