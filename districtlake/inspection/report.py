"""The inspection as one self-contained page in Chinese: for the mail to an agency, or the meeting about a new resource."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from districtlake.inspection.inspect import Inspected
from districtlake.inspection.profile import MOJIBAKE, ColumnProfile

TYPES = {
    "text": "文本", "integer": "整数", "decimal": "小数", "percent": "百分比", "money": "金额", "date": "日期", "moment": "日期时间", "time": "时间",
    "truth": "是否", "code": "编码", "link": "网址/邮箱", "empty": "空列",
}  # fmt: skip
DECISIONS = {
    "encoding": "编码", "delimiter": "分隔符", "quote": "引号", "escape": "转义符", "comment": "注释行", "line_end": "换行符", "header": "表头",
    "records": "记录位置", "member": "压缩包内", "dates": "日期起点",
}  # fmt: skip
REASONS = {
    "title": "表头之上的题名", "blank": "空行", "banner": "分组标题行", "footer": "表尾说明", "comment": "注释行", "repeated_header": "重复的表头",
    "too_few_fields": "列数不足（已补空）", "too_many_fields": "列数过多（多出的单元格保留在右侧）", "unclosed_quote": "引号未闭合（按普通字符读取）",
    "text_after_quote": "引号后还有文字（已保留）", "stray_quote": "引号未加倍（按普通字符读取）", "duplicate_key": "同一对象内成员重名", "not_json": "不是JSON的行",
    "not_an_object": "不是对象的元素", "not_a_number": "NaN或Infinity", "bad_escape": "无法表示的字符（显示为转义）",
}  # fmt: skip


def remarks_of(column: ColumnProfile) -> list[str]:
    """What is to be said of a column besides its type, in Chinese."""
    said = []
    if column.lost_digits:
        said.append(f"{column.lost_digits}个长数字已丢失位数（科学计数或末尾补零），须以文本格式重新导出")
    for kind, count in column.mojibake.items():
        said.append(f"{count}个单元格乱码：{MOJIBAKE[kind]}")
    if column.placeholders:
        said.append("占位值：" + "、".join(f"{text}×{count}" for text, count in list(column.placeholders.items())[:5]))
    if column.missing:
        said.append("表示空缺的写法：" + "、".join(f"{text}×{count}" for text, count in list(column.missing.items())[:5]))
    if column.padded:
        said.append(f"{column.padded}个单元格首尾有空格")
    element = column.element
    if element is not None and element.share < 0.995 and element.by != "title":
        said.append(f"{1 - element.share:.1%}的值不符合{element.name}")
    return said


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("districtlake.inspection"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(types=TYPES, decisions=DECISIONS, reasons=REASONS, remarks_of=remarks_of)
    return environment


def page_of(files: Sequence[Inspected], title: str) -> str:
    """The page. Holds no value of a sensitive element."""
    summary: dict[str, Any] = {
        "files": len(files),
        "read": sum(file.error is None for file in files),
        "rows": sum(file.rows for file in files),
    }
    return _environment().get_template("report.html").render(files=files, title=title, summary=summary)
