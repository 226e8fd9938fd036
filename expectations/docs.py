"""GX Data Docs of one delivery, on demand: one static HTML page that needs no network and shows no cell.

Not a site: GX's sites were not built for thousands of validations, and the results table is the record.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from districtlake.quality.rules import Rule
from districtlake.quality.validation import ReferenceLookup, RuleResult
from expectations.observed import observation
from expectations.references import References
from expectations.sources import source_of
from expectations.validate import answers, excuse, run_suite

_COUNTS = ("element_count", "missing_count", "missing_percent", "unexpected_count", "unexpected_percent", "unexpected_percent_total")
# GX's page takes its styles, scripts and logo from content delivery networks that a government intranet does not reach.
_REMOTE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<nav class=\"navbar.*?</nav>\s*</div>\s*</nav>|<footer>.*?</footer>|<img\b[^>]*>", re.S
)
_REMOTE_STYLE = re.compile(r"[^{};]*url\(['\"]?https?:[^;}]*[;}]?")
_FILTER = re.compile(
    r'<div class="card mb-3">\s*<div class="card-header p-2">\s*<strong>Actions</strong>.*?(?=<div class="card d-md-block)', re.S
)
_STYLE = """<style>
body{font:15px/1.6 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei",sans-serif;
margin:0 auto;max-width:76rem;padding:1rem;color:#1f2933}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border:1px solid #cbd2d9;
padding:.35rem .6rem;text-align:left;vertical-align:top}
th{background:#f1f4f8}ul{margin:.2rem 0;padding-left:1.2rem}h1,h2,h3,h4,h5{margin:1rem 0 .3rem;line-height:1.3}
.fa-check-circle::before{content:"\\2714";color:#1a7f37}.fa-times::before{content:"\\2718";color:#b42318}i.fas{font-style:normal}
.sticky{float:right;max-width:16rem;font-size:.85rem}.alert{background:#f1f4f8;padding:.5rem 1rem;border-radius:.3rem}
</style>"""


def data_docs(
    resource: str,
    frame: pl.DataFrame | pl.LazyFrame,
    rules: Sequence[Rule],
    references: ReferenceLookup,
    target: Path,
    *,
    observable: Collection[str] = (),
) -> Path:
    """Validate ``frame`` and write ``<resource>.html`` into the folder ``target`` (made if need be). Returns the file's path.

    Arguments and errors are those of ``expectations.validate.validate``.
    """
    excused, values = excuse(resource, rules, references)
    asked = [rule for rule in rules if rule.id not in excused]
    empty = f"<html><body><h1>{html.escape(resource)}</h1></body></html>"
    page = _page(resource, frame, asked, values, frozenset(observable)) if asked else empty
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{resource}.html"
    path.write_text(page.replace("</body>", _excused_section(list(excused.values())) + "</body>"), encoding="utf-8")
    return path


def _page(resource: str, frame: pl.DataFrame | pl.LazyFrame, rules: Sequence[Rule], values: References, observable: Collection[str]) -> str:
    run = run_suite(resource, source_of(frame), rules, values)
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    answered = answers(resource, rules, run)
    for rule in rules:
        result = answered[rule.id]
        details = result.result or {}
        kept = {key: details[key] for key in _COUNTS if key in details}
        if "observed_value" in details:
            seen = observation(rule, details, observable)
            kept["observed_value"] = "—" if seen is None else seen
        result.result = kept
    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer(run_info_at_end=True).render(run.result))
    for part in (_FILTER, _REMOTE, _REMOTE_STYLE):
        page = part.sub("", page)
    return str(page.replace("</head>", f"{_STYLE}</head>", 1))


def _excused_section(results: Sequence[RuleResult]) -> str:
    if not results:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(result.rule.id)}</td><td>{html.escape(result.rule.title)}</td><td>{html.escape(result.reason)}</td></tr>"
        for result in results
    )
    return f"<h2>未评价 · Not evaluated</h2><table><tr><th>规则 Rule</th><th>内容 Title</th><th>原因 Reason</th></tr>{rows}</table>"
