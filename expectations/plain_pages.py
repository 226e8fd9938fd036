"""GX's pages made plain: no script, no style of their own, nothing from elsewhere, so that they open without a network and under a strict
content policy; GX's fixed words in Chinese, columns by their titles. What is not known to be harmless is left out."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser

from districtlake.quality_report.data_docs import BACK

_DROPPED = {"script", "style", "form", "iframe", "object", "svg", "label", "button", "footer", "noscript", "template", "head"}
"""Left out with what they hold; GX's own head is replaced by ours."""
_VOID = {"br", "hr"}
_KEPT = {
    "a", "b", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "li", "main", "nav", "ol", "p", "pre", "small", "span",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {"class", "colspan", "id", "rowspan", "scope"}
_MARKS = {"fa-check-circle": "passed", "fa-times": "failed", "fa-exclamation-triangle": "failed", "fa-exclamation-circle": "failed"}
_WORDS = {"passed": ("符合", "passed"), "failed": ("不符合", "failed")}
_ACTIONS = re.compile(
    r'<div class="card mb-3">\s*<div class="card-header p-2">\s*<strong>Actions</strong>.*?(?=<div class="card d-md-block)', re.S
)
_TOP = re.compile(r"<nav class=\"navbar.*?</nav>\s*</div>\s*</nav>", re.S)

_EMPTY_HEAD = re.compile(r"<thead[^>]*>(?:\s|</?tr[^>]*>|<th[^>]*>\s*</th>)*</thead>")

CHINESE = {
    "Expectation Validation Result": "校验结果", "Evaluates whether a batch of data matches expectations.": "一次交付是否符合规则。", "Overview": "概览",
    "Table of Contents": "目录", "Table-Level Expectations": "整表的规则", "Status": "结论", "Status:": "结论：", "Expectation": "规则", "Observed Value": "实际",
    "Statistics": "统计", "Evaluated Expectations": "评价的规则", "Successful Expectations": "符合的规则",
    "Unsuccessful Expectations": "不符合的规则", "Success Percent": "符合的比例", "Info": "信息", "Great Expectations Version": "Great Expectations 版本",
    "Run Name": "交付", "Run Time": "校验时间", "Expectation Suite:": "规则集：", "Expectation Suite": "规则集", "Expectation Suite Name": "规则集名称",
    "A collection of Expectations defined for batches of data.": "这个资源的全部规则。", "Notes": "备注",
}  # fmt: skip
_SILENT = {"Data asset: None", "Show more info...", "Failed", "Succeeded"}
"""Said beside a mark that says it, of a control that is not there, or of a source that a delivery has not."""
_PATTERNS = (
    (re.compile(r"^(\S+) unexpected values? found\. (\S+) of (\S+) total rows\.$"), r"\1 行不符合，占评价的 \3 行的 \2"),
    (re.compile(r"^(\S+%) unexpected$"), r"\1 不符合"),
    (re.compile(r"^(\S+%) not null$"), r"\1 不为空"),
    (re.compile(r"^(\S+%) null$"), r"\1 为空"),
    (
        re.compile(r"^This Expectation suite currently contains (\d+) total Expectations across (\d+) columns\.$"),
        r"这一规则集有 \1 条规则，涉及 \2 列。",
    ),
)


def plain(page: str, language: str, columns: Mapping[str, str], *, title: str) -> str:
    """A page of GX's as a page that needs nothing.

    Args:
        language: "zh" | "en".
        columns: column -> title, for the Chinese page.
    """
    reader = _Plain(language, columns)
    reader.feed(_TOP.sub("", _ACTIONS.sub("", page)))
    reader.close()
    home = '<p class="way"><a href="index.html">{}</a></p>'.format("校验说明" if language == "zh" else "Data Docs")
    return document(home + _EMPTY_HEAD.sub("", "".join(reader.parts)), language, title)


def document(body: str, language: str, title: str) -> str:
    """A page around ``body``."""
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
        f'initial-scale=1"><title>{html.escape(title)} · Data Docs</title><link rel="icon" href="data:,"><link rel="stylesheet" href="data_docs.css"></head>\n'
        f"<body>{BACK}<main>{body}</main></body></html>\n"
    )


class _Plain(HTMLParser):
    def __init__(self, language: str, columns: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._chinese, self._columns = language == "zh", columns
        self._dropped: list[str] = []
        self._open: list[tuple[str, str]] = []  # GX's tag, ours

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropped:
            if tag == self._dropped[-1]:
                self._dropped.append(tag)
            return
        if tag in _DROPPED:
            self._dropped.append(tag)
            return
        if tag in _VOID:
            self.parts.append(f"<{tag}>")
            return
        if tag not in _KEPT or any(name == "data-toggle" and value == "collapse" for name, value in attrs):
            return
        given = {name: value or "" for name, value in attrs}
        kept = {name: value for name, value in given.items() if name in _ATTRIBUTES}
        if tag == "a" and re.fullmatch(r"#[\w.-]*", given.get("href", "")):  # the site's other pages are reached from its first
            kept["href"] = given["href"]
        elif tag == "a" and "/expectations/" in given.get("href", ""):
            kept["href"] = "suite.html"
        mark = next((_MARKS[name] for name in given.get("class", "").split() if name in _MARKS), None)
        if tag == "i" and mark:
            self.parts.append(f'<span class="mark {mark}">{_WORDS[mark][0 if self._chinese else 1]}')
            self._open.append((tag, "span"))
            return
        if "table-responsive" in kept.get("class", ""):
            kept |= {"tabindex": "0", "role": "region", "aria-label": "规则" if self._chinese else "Expectations"}
        self.parts.append(f"<{tag}" + "".join(f' {name}="{html.escape(value)}"' for name, value in kept.items()) + ">")
        self._open.append((tag, tag))

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag == self._dropped[-1]:
                self._dropped.pop()
            return
        if tag in _KEPT and any(opened == tag for opened, _ in self._open):
            while self._open:
                opened, ours = self._open.pop()
                self.parts.append(f"</{ours}>")
                if opened == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self.parts.append(html.escape(self._in_words(data)))

    def close(self) -> None:
        super().close()
        while self._open:
            self.parts.append(f"</{self._open.pop()[1]}>")

    def _in_words(self, text: str) -> str:
        words = " ".join(text.split())
        if words in _SILENT:
            return ""
        if not words or not self._chinese:
            return text
        if words in self._columns:
            return f"{self._columns[words]} {words}"
        if words in CHINESE:
            return CHINESE[words]
        for pattern, replacement in _PATTERNS:
            if pattern.match(words):
                return pattern.sub(replacement, words)
        return text
