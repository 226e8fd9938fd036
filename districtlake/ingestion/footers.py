"""How lines that are no data are worded: totals, notes and signatures below a table, the lines of a form above it."""

from __future__ import annotations

import re

_FOOTER = re.compile(
    r"[\s(（【*※]*(?:(?:合\s*计|总\s*计|小\s*计|总数)(?![\u4e00-\u9fff])|共\s*计|注\d*\s*[:：.、]|附注|第\s*\d+\s*页|数据来源|资料来源|来源\s*[:：]"
    r"|截[至止]\s*(?:日期|时间|目前)?\s*[:：\d]"
    r"|(?:备\s*注|说\s*明|填表|填报|制表|制单|审核|复核|单位负责人|负责人|联系人|联系电话|打印|导出)"
    r"(?:[^:：\s]{0,8}\s*[:：]|(?:人|单位|日期|时间|者|员)?(?:\s*$|\s+\S|\s*\d))"
    r"|total\b|subtotal\b|notes?\b|source\b|report\b|generated\b|printed\b|page\b|end of\b)",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"[\s(（【]*[\u4e00-\u9fff][\u4e00-\u9fff \u3000]{0,11}[:：]\s*\S")


def is_footer(text: str) -> bool:
    """Whether a lone text is worded as what stands below a table: 合计, 注：…, 制表人：… A word that merely begins so (说明书) is none."""
    return _FOOTER.match(text) is not None


def is_labelled(text: str) -> bool:
    """Whether a cell is a label and what it says, as on a form: 填报单位：区数据局."""
    return _LABELLED.match(text) is not None
