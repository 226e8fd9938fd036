"""Which encoding a text is in, where the strict ladder alone cannot say: proofs and likenesses, each with the evidence it rests on.

A proof (zero bytes in their places) decides. A likeness never decides alone: the text must decode strictly too, and whoever uses the
answer is told that it is one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

SAMPLE_BYTES = 1 << 18
_PLAUSIBLE = 0.6
_PROOF = 6
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_ODD_SCRIPTS = re.compile(r"[\u0370-\u03ff\u0400-\u04ff\u2500-\u257f\u3040-\u30ff\u3100-\u312f\ue000-\uf8ff\ufffd]")
_LATIN = re.compile(rb"[A-Za-z\s\"';,.(-][\x80-\xff]{1,2}(?=[A-Za-z\s\"';,.)\d-]|$)")
_UTF8_IN_LATIN = re.compile(
    r"[\u00c2-\u00ef][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{1,2}"
)
_UNPRINTED = re.compile(r"[\x00\x02-\x08\x0e-\x1a\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Guess:
    """An encoding, why, and whether it is proven. ``alternatives``: what else decodes strictly, with its likeness."""

    encoding: str
    evidence: str
    proven: bool
    alternatives: tuple[tuple[str, float], ...] = ()


def unmarked_unicode(path: Path) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark, proven by where its zero bytes lie: ``utf-16-le`` … or None.

    A text has no zero bytes; in UTF-16 each character below U+0100 (delimiters, digits, line ends) has one, always on the same side.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if b"\0" not in head[:4096]:
        return None
    bare = head.replace(b"\0", b"")
    zero_bytes = [head[at::2].count(0) for at in (0, 1)]
    one_side = not min(zero_bytes) and 16 * max(zero_bytes) > len(head)
    if not one_side and _decoded(bare, "utf-8", False) is not None and (not bare.isascii() or 3 * len(bare) > 2 * len(head)):
        return None  # UTF-8 with a zero byte somewhere is damaged, not UTF-16
    head = head[: len(head) // 4 * 4]
    for encoding, width, zeros in (
        ("utf-32-le", 4, (3,)), ("utf-32-be", 4, (0,)), ("utf-16-le", 2, (1,)), ("utf-16-be", 2, (0,)),
    ):  # fmt: skip
        lanes = [head[at::width] for at in range(width)]
        share = [lane.count(0) / max(1, len(lane)) for lane in lanes]
        text_lane = 0 if encoding.endswith("le") else width - 1
        # the low byte of some characters (一 is U+4E00) is zero too, but far more rarely
        if any(share[at] < (0.99 if width == 4 else max(0.02, 3 * share[text_lane])) for at in zeros):
            continue
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head, final=False)
        except UnicodeDecodeError:
            continue
        if ("\n" in text or "\r" in text or len(text) < 200) and not _UNPRINTED.search(text[:4000]):
            return encoding
    return None


def guess_encoding(path: Path) -> Guess | None:
    """What the ladder BOM → UTF-8 → GB18030 says of a file's beginning, and where it only says "GB18030 decodes", whether the result
    looks like Chinese at all. None: the text decodes in nothing that is known."""
    with path.open("rb") as file:
        data = file.read(SAMPLE_BYTES + 4)
        whole = len(data) <= SAMPLE_BYTES
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return Guess(encoding, "文件开头有字节顺序标记（BOM）", True)
    if (wide := unmarked_unicode(path)) is not None:
        return Guess(wide, "零字节的位置证明是无BOM的UTF-16/32", True)
    if _decoded(data, "utf-8", whole) is not None:
        ascii_only = data.isascii()
        return Guess("utf-8", "全部是ASCII字符" if ascii_only else "严格按UTF-8解码成功", True)
    likenesses = [(name, share) for name, share in ((name, _likeness(data, name, whole)) for name in _LIKENESS) if share is not None]
    if not likenesses:
        return None
    named = dict(likenesses)
    if "gb18030" not in named and _broken_chinese(data, whole) > max(_PLAUSIBLE, *(named.get(name, 0.0) for name in _LIKENESS[1:-1])):
        return None
    others = tuple(pair for pair in likenesses if pair[0] != "gb18030")
    chinese = named.get("gb18030")
    if chinese is not None and chinese >= _PLAUSIBLE and chinese + 0.15 >= max((share for _, share in others), default=0.0):
        return Guess("gb18030", f"非UTF-8；严格按GB18030解码成功，{chinese:.0%}为常用汉字或中文标点", True, others)
    best, share = max(others, key=lambda pair: pair[1], default=("", 0.0))
    if share >= (0.8 if best == "cp1252" else _PLAUSIBLE):
        why = "GB18030解码失败" if chinese is None else f"按GB18030解码虽成功，但只有{chinese:.0%}为常用汉字"
        return Guess(best, f"{why}；{best}解码后{share:.0%}像正常文字（推断，请用 --encoding 确认）", False, tuple(likenesses))
    if chinese is not None:
        return Guess("gb18030", f"严格按GB18030解码成功，但只有{chinese:.0%}为常用汉字，可能是别的编码", False, others)
    return Guess(best, f"除{best}外都不能解码（推断，请用 --encoding 确认）", False, tuple(likenesses))


def _broken_chinese(data: bytes, whole: bool) -> float:
    """How much a text that is no GB18030 is Chinese in it all the same up to where it breaks: cut off, or two encodings in one file. Any
    other reading of it would be of wrong characters."""
    try:
        codecs.getincrementaldecoder("gb18030")().decode(data, final=whole)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("gb18030", errors="ignore")
        return likeness_of_chinese(before) if sum(not char.isascii() for char in before) >= _PROOF else 0.0
    return 0.0


_LIKENESS = ("gb18030", "cp950", "big5hkscs", "shift_jis", "cp1252")


def _decoded(data: bytes, encoding: str, whole: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError:
        return None


def _likeness(data: bytes, encoding: str, whole: bool) -> float | None:
    """The share of characters beyond ASCII that a text in this encoding would have; None when it does not decode."""
    text = _decoded(data, encoding, whole)
    if text is None:
        return None
    if encoding == "cp1252":
        high = sum(byte >= 0x80 for byte in data)
        return sum(len(found) - 1 for found in _LATIN.findall(data)) / max(1, high)
    if encoding == "shift_jis":
        beyond = [char for char in text if not char.isascii()]
        kana = sum("\u3040" <= char <= "\u30ff" for char in beyond)
        return min(1.0, (kana * 2) / max(1, len(beyond))) if kana else 0.0
    return likeness_of_chinese(text, "gb2312" if encoding == "gb18030" else "big5")


def likeness_of_chinese(text: str, charset: str = "gb2312") -> float:
    """The share of the characters beyond ASCII that are among the common ones of a Chinese character set (its first level), or
    punctuation; 1.0 where there are none."""
    beyond = [char for char in text if not char.isascii()]
    if not beyond:
        return 1.0
    return sum(_common(char, charset) for char in beyond) / len(beyond)


@lru_cache(maxsize=1 << 15)
def _common(char: str, charset: str) -> bool:
    if "\u3000" <= char <= "\u303f" or "\uff00" <= char <= "\uffef" or char in "“”‘’—…·°×÷±℃㎡№①②③④⑤⑥⑦⑧⑨⑩√≥≤":
        return True
    if _ODD_SCRIPTS.match(char):
        return False
    try:
        lead = char.encode(charset)[0]
    except UnicodeEncodeError:
        return False
    return 0xB0 <= lead <= 0xD7 if charset == "gb2312" else 0xA4 <= lead <= 0xC6


def mojibake_of(cell: str) -> str | None:
    """How a text was bent by a wrong decoding, when it can be proven: ``replaced`` (characters are lost: � or 锟斤拷), ``utf8_as_gbk``,
    ``utf8_as_latin1``, ``gbk_as_latin1`` (each can be undone). None for every other text."""
    if "\ufffd" in cell or "锟斤拷" in cell or "烫烫烫" in cell:
        return "replaced"
    if cell.isascii():
        return None
    if _UTF8_IN_LATIN.search(cell) and (undone := _again(cell, ("cp1252", "latin-1"), "utf-8")) and not undone.isascii():
        return "utf8_as_latin1"
    if all(char.isascii() or "\u00a0" <= char <= "\u00ff" for char in cell) and sum(not char.isascii() for char in cell) >= 4:
        undone = _again(cell, ("latin-1",), "gb18030")
        if undone and len(_HAN.findall(undone)) >= 2 and likeness_of_chinese(undone) > 0.95:
            return "gbk_as_latin1"
    if len(_HAN.findall(cell)) >= 2 and (undone := _again(cell, ("gb18030",), "utf-8")) and _HAN.search(undone):
        return "utf8_as_gbk"
    return None


def _again(cell: str, wrongly: Iterable[str], rightly: str) -> str | None:
    for encoding in wrongly:
        try:
            return cell.encode(encoding).decode(rightly)
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
    return None


_SAMPLED = 500
_BENT = "".join(
    chr(0) if len(char := bytes((lead, trail)).decode("gbk", "ignore")) != 1 else char
    for lead in range(0xE4, 0xEA)
    for trail in range(0x80, 0xC0)
).replace("\0", "")
_MAYBE_BENT = rf"\ufffd|锟斤拷|烫烫烫|[{_BENT}].?[^\x00-\x7f]|[\u00c0-\u00ff][\u0080-\u00ff\u2013-\u203a\u20ac\u2122]"
"""What no bent text lacks, for a quick look: lost characters, UTF-8's beginnings (E4 … E9) read as GBK, letters of Western Europe in a row."""


def bent_columns(frame: pl.DataFrame, columns: Iterable[str]) -> dict[str, dict[str, int]]:
    """Column -> how cells of an even sample of its rows were bent by a wrong decoding (``mojibake_of``), with counts."""
    sample = frame.gather_every(max(1, -(-frame.height // _SAMPLED)))
    found: dict[str, dict[str, int]] = {}
    for column in columns:
        for text in sample[column].filter(sample[column].str.contains(_MAYBE_BENT).fill_null(False)):
            if (kind := mojibake_of(text)) is not None:
                kinds = found.setdefault(column, {})
                kinds[kind] = kinds.get(kind, 0) + 1
    return found
