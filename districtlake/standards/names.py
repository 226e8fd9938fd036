"""Names of persons. Blanks between Han and the middle dot are unified; a character is never exchanged for another, however rare."""

from __future__ import annotations

from typing import ClassVar

from districtlake.standards.kind import StatusCode, error, warning
from districtlake.standards.repairs import DIRTY, DOT_CLASS, HAN_BLANK, MIDDLE_DOT, MOJIBAKE, PRIVATE_USE, TEXT, Repair
from districtlake.standards.text import MOJIBAKE_ERROR, PRIVATE_USE_ERROR, Text


class PersonName(Text):
    """Names of natural persons. Options: none."""

    name = "name"
    codes: ClassVar[dict[str, StatusCode]] = {
        "mojibake": MOJIBAKE_ERROR,
        "private_use": PRIVATE_USE_ERROR,
        "lost_character": error("姓名中有“?”“□”一类的替代符号，生僻字在转换时已丢失，请从业务系统重新导出（编码用UTF-8或GB18030）。"),
        "not_a_name": error("不是姓名：没有任何文字。"),
        "masked": warning("姓名含“*”，似为脱敏后的数据，请确认应报送原始数据。"),
        "unusual_character": warning("姓名含有数字、括号或标点，请核对是否混入称谓、备注或多个姓名。"),
    }
    repairs: ClassVar[tuple[Repair, ...]] = (*TEXT, MIDDLE_DOT, HAN_BLANK)
    # Letters of any script, marks that belong to them (variation selectors among them) and the middle dot need no second look.
    suspicious: ClassVar[str] = (
        rf"{DIRTY}|\p{{Han}}.? +\p{{Han}}|[{DOT_CLASS}--·]|[^\p{{L}}\p{{M}}〇·\x{{200C}}\x{{200D}} .'’-]|^[^\p{{L}}〇]*$|· | ·"
    )
    tests: ClassVar[tuple[tuple[str, str], ...]] = (
        (MOJIBAKE, "mojibake"),
        (PRIVATE_USE, "private_use"),
        (r"[?？□■▯]", "lost_character"),
        (r"^[^\p{L}〇]*$", "not_a_name"),
        (r"[*＊]", "masked"),
        (r"[^\p{L}\p{M}〇·\x{200C}\x{200D} .'’-]", "unusual_character"),
    )
