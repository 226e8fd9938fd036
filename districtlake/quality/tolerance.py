"""``tolerance: not_worse``: a check compared with the delivery that the same version of its rule judged before.

The rates are compared as fractions, exactly. Only the check's outcome is touched: counts, failing rows and their fates stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from districtlake.quality.rules import Rule
from districtlake.quality.validation import RuleResult


@dataclass(frozen=True)
class Baseline:
    """What a rule found at an earlier delivery: of ``evaluated`` rows (B) ``failed`` broke it, judged by ``version`` of the rule."""

    delivery: str
    version: int
    evaluated: int
    failed: int

    @property
    def passed(self) -> int:
        return self.evaluated - self.failed


Baselines = Mapping[str, Baseline]
"""Rule id -> its last judgement."""


def needed(rules: Iterable[Rule]) -> frozenset[str]:
    """Ids of the rules that are compared with an earlier delivery."""
    return frozenset(rule.id for rule in rules if rule.tolerance == "not_worse")


def tolerated(results: Iterable[RuleResult], baselines: Baselines) -> tuple[RuleResult, ...]:
    """The results with ``not_worse`` applied; each keeps the baseline it was compared with and says so in its reason.

    Without a delivery judged by the same version there is nothing to compare with: Great Expectations' verdict stands.
    """
    return tuple(_tolerated(result, baselines.get(result.rule.id)) for result in results)


def _tolerated(result: RuleResult, before: Baseline | None) -> RuleResult:
    if result.rule.tolerance != "not_worse" or not result.evaluated:
        return result
    if before is None or before.version != result.rule.version or not before.evaluated:
        return replace(result, reason="不劣于上次：此前没有同一版本规则的结果，按规则本身判定") if result.failed else result
    worse = result.failed * before.evaluated > before.failed * result.evaluated
    told = (
        f"{'劣于' if worse else '不劣于'}上次：本次 A/B＝{result.evaluated - result.failed}/{result.evaluated}，"
        f"上次 {before.passed}/{before.evaluated}（交付 {before.delivery}）"
    )
    return replace(result, outcome="failed" if worse else "passed", baseline=before, reason=told)


def after(baselines: Baselines, results: Iterable[RuleResult], delivery: str) -> dict[str, Baseline]:
    """The baselines once ``delivery`` stands in the warehouse: a rule that was not evaluated, or over no row, keeps its earlier one."""
    found = dict(baselines)
    for result in results:
        if result.rule.tolerance == "not_worse" and result.outcome != "not_evaluated" and result.evaluated:
            found[result.rule.id] = Baseline(delivery, result.rule.version, result.evaluated, result.failed)
    return found
