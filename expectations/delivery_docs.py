"""``python -m expectations.delivery_docs FOLDER``: GX's site of one delivery from its stored results (``quality_report.data_docs.Request`` on standard input).

GX's own SiteBuilder renders the suite's page and the result's page; ``plain_pages`` makes of them pages that need no network, no script and
no style of their own. What GX was not asked (rules about the delivery as a whole, rules not evaluated, rules changed since) stands on the first page.
"""

from __future__ import annotations

import html
import pickle
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from districtlake.quality.rules import Rule
from districtlake.quality_report.data_docs import Request
from expectations.compile import expectation_of
from expectations.plain_pages import document, plain

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult, ExpectationValidationResult

STYLE = Path(__file__).parent / "data_docs.css"


def main() -> int:
    (folder,) = sys.argv[1:]
    request = pickle.load(sys.stdin.buffer)  # from our own parent process
    assert isinstance(request, Request)
    try:
        build_site(request, Path(folder))
    except Exception as error:  # GX's words may quote what they should not
        sys.stderr.write(f"{type(error).__name__}:\n")
        return 1
    return 0


def build_site(request: Request, folder: Path) -> None:
    """Write ``index.html``, ``result.html``, ``suite.html`` and ``data_docs.css`` into the folder."""
    rules = {rule.id: rule for rule in request.rules}
    shown = [row for row in request.results if _is_shown(row, rules.get(row["rule"]))]
    pages = _pages(request, [(row, rules[row["rule"]]) for row in shown]) if shown else {}
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    rest = [row for row in request.results if row not in shown]
    (folder / "index.html").write_text(_index(request, rest, bool(pages)), encoding="utf-8")
    (folder / "data_docs.css").write_bytes(STYLE.read_bytes())


def _is_shown(row: Mapping[str, Any], rule: Rule | None) -> bool:
    """Whether GX decided it, by the rule as it now stands: a changed rule's text must not stand beside an old verdict."""
    return (
        rule is not None and rule.version == row["rule_version"] and rule.expectation == row["expectation"] and rule.title == row["rule_title"]
        and row["outcome"] != "not_evaluated" and not rule.id.startswith("delivery.")
    )  # fmt: skip


def _pages(request: Request, shown: list[tuple[dict[str, Any], Rule]]) -> dict[str, str]:
    from expectations.session import load

    load()
    import great_expectations as gx
    from great_expectations.core import ExpectationSuite
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier
    from great_expectations.render.renderer.site_builder import SiteBuilder

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
        warnings.simplefilter("ignore")  # GX's about its own code
        context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(),
                progress_bars=ProgressBarsConfig(globally=False),
                analytics_enabled=False,
            ),
        )
        expectations = [_expectation(request, rule) for _, rule in shown]
        suite = context.suites.add(ExpectationSuite(name=request.resource, expectations=expectations))
        run = RunIdentifier(run_name=request.delivery, run_time=max(row["validated_at"] for row, _ in shown))
        result = _result(suite, [row for row, _ in shown], run)
        identifier = ExpectationSuiteIdentifier(name=request.resource)
        context.validation_results_store.set(
            ValidationResultIdentifier(expectation_suite_identifier=identifier, run_id=run, batch_identifier=request.delivery), result
        )
        SiteBuilder(
            data_context=context, site_name=request.delivery, show_how_to_buttons=False, site_section_builders={"profiling": "None"},
            store_backend={"class_name": "TupleFilesystemStoreBackend", "base_directory": scratch},
        ).build()  # fmt: skip
        (suite_page,) = (Path(scratch) / "expectations").rglob("*.html")
        (result_page,) = (Path(scratch) / "validations").rglob("*.html")
        return {
            name: plain(path.read_text(encoding="utf-8"), request.language, request.columns, title=f"{request.title} {request.delivery}")
            for name, path in (("suite", suite_page), ("result", result_page))
        }


def _expectation(request: Request, rule: Rule) -> Any:
    """In Chinese the rule's own sentence and id; in English GX's own sentence."""
    expectation = expectation_of(request.resource, rule)
    if "description" not in rule.arguments:
        expectation.description = f"{rule.title}（{rule.id}）".replace("$", "$$") if request.language == "zh" else None
    return expectation


def _result(suite: ExpectationSuite, rows: list[dict[str, Any]], run: Any) -> ExpectationSuiteValidationResult:
    import great_expectations as gx
    from great_expectations.core import ExpectationSuiteValidationResult

    by_rule = {str((one.meta or {})["rule"]): one for one in suite.expectations}
    results = [_answer(by_rule[row["rule"]].configuration, row) for row in rows]
    passed = sum(bool(one.success) for one in results)
    return ExpectationSuiteValidationResult(
        success=passed == len(results), results=results, suite_name=suite.name, suite_parameters={},
        statistics={
            "evaluated_expectations": len(results), "successful_expectations": passed, "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results),
        },
        meta={"great_expectations_version": gx.__version__, "run_id": run},
    )  # fmt: skip


def _answer(configuration: Any, row: Mapping[str, Any]) -> ExpectationValidationResult:
    """GX's result from what was stored of it: counts, and the observed value where that is no cell."""
    import json

    from great_expectations.core import ExpectationValidationResult

    details: dict[str, Any] = {}
    if row["scope"] == "row" and row["evaluated"] is not None:
        share = 100 * row["failed"] / row["evaluated"] if row["evaluated"] else 0.0
        details = {"element_count": row["evaluated"], "unexpected_count": row["failed"], "unexpected_percent": share}
    if row["observed"]:
        details["observed_value"] = json.loads(row["observed"])
    return ExpectationValidationResult(
        success=row["outcome"] == "passed", expectation_config=configuration, result=details, meta={},
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )  # fmt: skip


_TEXTS = {
    "zh": {
        "title": "校验说明（Data Docs）", "result": "校验结果", "suite": "规则集", "rest": "其余规则", "rule": "规则", "dimension": "维度", "outcome": "结论", "why": "说明",
        "passed": "符合", "failed": "不符合", "not_evaluated": "未评价", "says": "由 Great Expectations 按已存的校验结果生成；只有规则和计数，没有数据。",
        "rest_says": "交付整体的规则、未评价的规则，以及校验之后改过的规则。", "none": "没有由 Great Expectations 判定的规则。", "changed": "规则在校验之后已修改",
    },
    "en": {
        "title": "Data Docs", "result": "Validation result", "suite": "Expectation suite", "rest": "Other rules", "rule": "Rule", "dimension": "Dimension",
        "outcome": "Outcome", "why": "Remark", "passed": "passed", "failed": "failed", "not_evaluated": "not evaluated",
        "says": "Rendered by Great Expectations from the stored results; rules and counts, no data.",
        "rest_says": "Rules about the delivery as a whole, rules that were not evaluated, and rules that were changed since.",
        "none": "No rule was decided by Great Expectations.", "changed": "the rule was changed since",
    },
}  # fmt: skip


def _index(request: Request, rest: list[dict[str, Any]], pages: bool) -> str:
    words = _TEXTS[request.language]
    known = {rule.id for rule in request.rules if rule.id.startswith("delivery.")}
    facts = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in request.facts.items())
    links = (
        "".join(f'<li><a href="{name}.html">{words[name]}</a></li>' for name in ("result", "suite"))
        if pages
        else f"<li>{words['none']}</li>"
    )
    lines = "".join(
        f"<tr><td>{html.escape(row['rule_title'])}<br><code>{html.escape(row['rule'])}</code></td>"
        f"<td>{html.escape(request.dimensions.get(row['dimension'], row['dimension']) if request.language == 'zh' else row['dimension'])}</td>"
        f'<td><span class="mark {row["outcome"]}">{words[row["outcome"]]}</span></td>'
        f"<td>{html.escape(_remark(row, known, words))}</td></tr>"
        for row in rest
    )
    table = (
        f'<h2>{words["rest"]}</h2><p>{words["rest_says"]}</p><div class="table-responsive" tabindex="0" role="region" aria-label="{words["rest"]}"><table class="table">'
        f"<thead><tr><th>{words['rule']}</th><th>{words['dimension']}</th><th>{words['outcome']}</th><th>{words['why']}</th></tr></thead><tbody>{lines}</tbody></table></div>"
        if rest
        else ""
    )
    body = f'<h1>{words["title"]}</h1><p>{words["says"]}</p><dl>{facts}</dl><ul class="pages">{links}</ul>{table}'
    return document(body, request.language, f"{request.title} {request.delivery}")


def _remark(row: Mapping[str, Any], delivery_rules: set[str], words: Mapping[str, str]) -> str:
    if row["outcome"] == "not_evaluated":
        return row["reason"] or ""
    counts = f"A {row['passed']:,} / B {row['evaluated']:,}" if row["evaluated"] is not None else ""
    return counts if row["rule"] in delivery_rules else "；".join(part for part in (counts, words["changed"]) if part)


if __name__ == "__main__":
    sys.exit(main())
