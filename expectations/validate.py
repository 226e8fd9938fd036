"""The ``Validator`` of ``districtlake.quality.validation``, with Great Expectations deciding.

``ValidationDefinition.run()`` decides: every outcome and count is read from its result. The engine beside it names the failing rows,
and what it names must agree with what GX counted, else nothing passes.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from districtlake.errors import DistrictLakeError, ValidationFailed
from districtlake.quality.rules import REFERENCE_EXPECTATION, Rule
from districtlake.quality.surroundings import Surroundings
from districtlake.quality.validation import Elsewhere, ReferenceLookup, ReferenceUnreadable, RuleResult, Validation
from expectations import session
from expectations.compile import check_columns, columns_of, suite_of
from expectations.observed import observation
from expectations.references import References, references_at_hand
from expectations.sources import BATCH_ROWS, Source, source_of
from expectations.surroundings import LOOKUPS

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

    from expectations.session import Run

logger = logging.getLogger(__name__)

_FAILURES = {"_index": pl.UInt32, "rule": pl.String}


def validate(
    resource: str,
    frame: pl.DataFrame | pl.LazyFrame | Source,
    rules: Sequence[Rule],
    references: ReferenceLookup,
    *,
    observable: Collection[str] = (),
    batch_rows: int = BATCH_ROWS,
) -> Validation:
    """Judge a cleansed frame by its resource's rules.

    Args:
        resource: "agency.resource", for messages and the suite's name.
        frame: cleansed frame (docs/architecture.md); may have no rows. A lazy frame over files (``pl.scan_parquet``,
            ``warehouse.tables.scan_table``) is read in batches and never held whole; its files must not change meanwhile. A ``Source`` is taken as it is.
        rules: in the order of the results wanted.
        references: the values now in other resources' warehouse tables; ``Surroundings`` for rules that ask about more.
        observable: columns whose cells may appear in ``RuleResult.observed`` (a maximum is a cell); by default none.
        batch_rows: rows judged at a time; changes memory and no result.

    Raises:
        ValidationFailed: GX or the engine gave no verdict on some rule; names the resource and the rule.
    """
    excused, values = excuse(resource, rules, references)
    asked = [rule for rule in rules if rule.id not in excused]
    verdicts = dict(excused)
    failures: list[pl.DataFrame] = []
    if asked:
        run = run_suite(resource, source_of(frame, batch_rows), asked, values)
        answered = answers(resource, asked, run)
        slow = run.unfused_seconds(asked)
        for rule in asked:
            verdict, failing = _judge(resource, rule, answered[rule.id], run, frozenset(observable))
            verdicts[rule.id] = replace(verdict, unfused_seconds=slow.get(rule.id))
            if failing is not None and failing.len():
                failures.append(pl.DataFrame({"_index": failing, "rule": pl.repeat(rule.id, failing.len(), eager=True)}, schema=_FAILURES))
        _report_slow(resource, asked, slow)
    return Validation(tuple(verdicts[rule.id] for rule in rules), pl.concat(failures) if failures else pl.DataFrame(schema=_FAILURES))


def excuse(resource: str, rules: Sequence[Rule], references: ReferenceLookup) -> tuple[dict[str, RuleResult], References]:
    """Results of the rules that GX need not be asked, by rule id; and the values that the others refer to."""
    excused: dict[str, RuleResult] = {}
    values: dict[Any, Any] = {}
    around = Surroundings.of(references)
    for rule in rules:
        if not rule.evaluable:
            excused[rule.id] = RuleResult(rule, "not_evaluated", reason=rule.not_evaluated_because)
        elif rule.expectation == REFERENCE_EXPECTATION:
            target = (str(rule.arguments.get("resource", "")), str(rule.arguments.get("item", "")))
            if target not in values:
                try:
                    found = _look_up(resource, rule, target, references)
                except ReferenceUnreadable as error:
                    if rule.on_failure != "report":  # a rule that decides over rows is never passed over
                        raise
                    excused[rule.id] = RuleResult(rule, "not_evaluated", reason=error.message)
                    continue
                if found is None:
                    excused[rule.id] = RuleResult(rule, "not_evaluated", reason=f"{target[0]} 尚未归集，无法核对")
                    continue
                values[target] = found
        elif rule.expectation in LOOKUPS and (reason := _gathered(resource, rule, around, values)):
            excused[rule.id] = RuleResult(rule, "not_evaluated", reason=reason)
    return excused, values


def _gathered(resource: str, rule: Rule, around: Surroundings, values: dict[Any, Any]) -> str:
    """Put into ``values`` what one of our own expectations asks about; why it cannot be evaluated, else ""."""
    try:
        return LOOKUPS[rule.expectation](rule, around, values)
    except ReferenceUnreadable as error:
        if rule.on_failure != "report":
            raise
        return error.message
    except DistrictLakeError:
        raise
    except Exception as error:
        raise ValidationFailed(
            f"{resource}, rule {rule.id}: what {rule.expectation} asks about cannot be looked up ({type(error).__name__}).",
            hint="Run `districtlake catalog check`: it says what is wrong with the check's arguments.",
        ) from error


def run_suite(resource: str, source: Source, rules: Sequence[Rule], values: References) -> Run:
    """GX's run over ``rules``, none of which is excused. Raises ``ValidationFailed``."""
    check_columns(resource, rules, list(source.schema))
    suite = suite_of(resource, rules)
    try:
        with references_at_hand(values):
            return session.run(suite, source)
    except DistrictLakeError:
        raise
    except Exception as error:
        # GX's own words may quote cells, so only the kind of error is passed on.
        raise ValidationFailed(
            f"{resource}: Great Expectations stopped with {type(error).__name__} while validating {len(rules)} rules"
            f" ({', '.join(rule.id for rule in rules[:5])}{', …' if len(rules) > 5 else ''}).",
            hint="Nothing of this delivery passes. Run `districtlake doctor`; if it finds nothing, validate with one rule at a time.",
        ) from None


def _look_up(resource: str, rule: Rule, target: tuple[str, str], references: ReferenceLookup) -> pl.Series | Elsewhere | None:
    try:
        return references(*target)
    except DistrictLakeError:
        raise
    except Exception as error:
        raise ValidationFailed(
            f"{resource}, rule {rule.id}: the values of {'.'.join(target)} cannot be read ({type(error).__name__}).",
            hint=f"See whether the warehouse table of {target[0]} opens and has the item {target[1]}.",
        ) from error


def answers(resource: str, rules: Sequence[Rule], run: Run) -> dict[str, ExpectationValidationResult]:
    """GX's results by rule id. Raises ``ValidationFailed`` unless every rule has exactly one, and none of them raised."""
    by_rule = {}
    for result in run.result.results:
        config = result.expectation_config
        by_rule[str(config.meta["rule"]) if config is not None and config.meta else ""] = result
    if set(by_rule) != {rule.id for rule in rules} or len(run.result.results) != len(rules):
        missing = ", ".join(rule.id for rule in rules if rule.id not in by_rule) or "several results for one rule"
        raise ValidationFailed(
            f"{resource}: Great Expectations answered {len(run.result.results)} of {len(rules)} rules; unanswered: {missing}.",
            hint="Nothing of this delivery passes. The installed version of great-expectations must be the pinned one.",
        )
    for rule in rules:  # before any is judged: GX raised on it
        if session.raised(by_rule[rule.id]):
            raise _no_verdict(resource, rule, run)
    return by_rule


def _no_verdict(resource: str, rule: Rule, run: Run) -> ValidationFailed:
    types = ", ".join(f"{column}: {run.engine.table.schema.get(column)}" for column in columns_of(rule))
    causes = sorted({f"{metric}: {type(error).__name__}" for metric, error in run.errors_of(rule)})
    return ValidationFailed(
        f"{resource}, rule {rule.id}: Great Expectations cannot evaluate {rule.expectation}"
        + (f" on {types}" if types else "")
        + (f" ({', '.join(causes)})" if causes else "")
        + ".",
        hint="Compare the check's arguments and row_condition with the types of the columns; nothing passes until it can be evaluated.",
    )


def _judge(
    resource: str, rule: Rule, result: ExpectationValidationResult, run: Run, observable: frozenset[str]
) -> tuple[RuleResult, pl.Series | None]:
    """The rule's result, and the positions of its failing rows where it gives a verdict on rows."""
    if result.success is None:
        raise _no_verdict(resource, rule, run)
    success = bool(result.success)  # numpy's, of some expectations
    outcome: Literal["passed", "failed"] = "passed" if success else "failed"
    details: dict[str, Any] = result.result or {}
    seen = observation(rule, details, observable)
    condition = run.condition_of(rule)
    if condition is None or "element_count" not in details:  # an aggregate, or a statement on the table
        return RuleResult(rule, outcome, failed=int(not success), observed=seen), None
    evaluated = int(details["element_count"]) - int(details.get("missing_count") or 0)
    if rule.scope == "table":
        return RuleResult(rule, outcome, evaluated=evaluated, failed=int(not success), observed=seen), None
    failing = run.engine.failing_rows(condition)
    if details.get("unexpected_count") != failing.len() or not 0 <= failing.len() <= evaluated:
        raise ValidationFailed(
            f"{resource}, rule {rule.id}: Great Expectations counts {details.get('unexpected_count')} failing rows of {evaluated},"
            f" the engine names {failing.len()}.",
            hint="Nothing of this delivery passes. Report this with the rule's definition: it is a fault of the engine, not of the data.",
        )
    return RuleResult(rule, outcome, evaluated=evaluated, failed=failing.len(), observed=seen), failing


def _report_slow(resource: str, rules: Sequence[Rule], slow: Mapping[str, float]) -> None:
    if slow:
        told = ", ".join(f"{rule_id} ({seconds:.2f} s)" for rule_id, seconds in slow.items())
        logger.info("%s: %d of %d rules were evaluated cell by cell, not fused: %s", resource, len(slow), len(rules), told)
