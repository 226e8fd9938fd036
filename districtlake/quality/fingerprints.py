"""What a rule's verdict on a row hangs on, as one short digest: when it changes, rows judged before have to be judged again.

It covers the expectation and its arguments, version, fate, severity, dimension, the items to blame, and how the cells that the rule reads
come about: element, missing spellings, and the whole code list. It does not cover title and tolerance: neither changes what is found.
Values of other resources that a reference looks into are not covered either; they change every night and are nobody's rule.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from districtlake.catalog.models import COLUMN_ARGUMENTS, DIVISIONS, Catalog, CodeList, Item, Resource
from districtlake.quality.derive import rules_of
from districtlake.quality.rules import STATUS_SUFFIX, Rule

OF_DIVISIONS = frozenset({"division_code", "citizen_id", "uscc"})
"""Kinds that ask whether a division is known."""
_BY_DIVISIONS = frozenset({
    "expect_column_values_to_be_valid_division_code", "expect_column_pair_division_code_to_be_valid_on_date",
    "expect_column_values_to_be_valid_citizen_id",
})  # fmt: skip
_digests: dict[int, tuple[CodeList, str]] = {}
"""By the list's identity, the list held beside it: a code list of thousands is digested once a process."""


@dataclass(frozen=True)
class RuleSet:
    """The rules of a resource as they stand on a day.

    Attributes:
        fingerprint: of all of them together, with who is in force.
        rules: rule id -> ``fingerprint version title expectation severity on_failure dimension tolerance effective_from effective_until
            in_force`` (dates as text).
    """

    fingerprint: str
    rules: dict[str, dict[str, Any]]

    @property
    def fingerprints(self) -> dict[str, str]:
        return {rule: str(told["fingerprint"]) for rule, told in self.rules.items()}


@dataclass(frozen=True)
class RuleChanges:
    """What differs between two sets, by rule id."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()  # their first day came
    lapsed: tuple[str, ...] = ()  # their last day is over

    def __bool__(self) -> bool:
        return any((self.added, self.changed, self.removed, self.begun, self.lapsed))

    def words(self) -> str:
        """As people are told."""
        kinds = (("新增", self.added), ("变更", self.changed), ("删除", self.removed), ("开始生效", self.begun), ("失效", self.lapsed))
        return "；".join(f"{word} {'、'.join(rules)}" for word, rules in kinds if rules)


def rule_set(resource: Resource, catalog: Catalog, day: date) -> RuleSet:
    """The rules of ``resource`` on a day of Asia/Shanghai. Raises ``CatalogError`` as ``rules_of`` does."""
    told = {rule.id: _told(rule, resource, catalog, day) for rule in rules_of(resource, catalog)}
    whole = _digest([[rule, entry["fingerprint"], entry["in_force"]] for rule, entry in sorted(told.items())])
    return RuleSet(whole, told)


def changes_between(before: dict[str, dict[str, Any]], now: RuleSet) -> RuleChanges:
    """What has changed since the set ``before`` (``RuleSet.rules``, as it was recorded)."""
    common = [rule for rule in now.rules if rule in before]
    same = [rule for rule in common if before[rule]["fingerprint"] == now.rules[rule]["fingerprint"]]
    return RuleChanges(
        added=tuple(rule for rule in now.rules if rule not in before),
        changed=tuple(rule for rule in common if rule not in same),
        removed=tuple(sorted(set(before) - set(now.rules))),
        begun=tuple(rule for rule in same if now.rules[rule]["in_force"] and not before[rule]["in_force"]),
        lapsed=tuple(rule for rule in same if before[rule]["in_force"] and not now.rules[rule]["in_force"]),
    )


def fingerprint_of(rule: Rule, resource: Resource, catalog: Catalog) -> str:
    """The digest of one rule, 64 bits in hexadecimal."""
    arguments = {name: value for name, value in rule.arguments.items() if name != "mostly"}  # decides the check, no row
    names = dict.fromkeys([*rule.items, *(column.removesuffix(STATUS_SUFFIX) for column in _columns(arguments))])
    cells = [_cells_of(resource.item(name), catalog) for name in names if name in resource.item_names]
    meaning = [
        rule.expectation,
        arguments,
        rule.version,
        rule.on_failure,
        rule.severity,
        rule.dimension,
        rule.scope,
        rule.items,
        rule.evaluable,
    ]
    named = catalog.code_lists.get(str(arguments.get("code_list")))
    parts = [meaning, cells, _digest_of_list(named) if named is not None else None]
    held = catalog.code_lists.get(DIVISIONS)
    if held is not None and (rule.expectation in _BY_DIVISIONS or any(cell[2] in OF_DIVISIONS for cell in cells)):
        parts.append(_digest_of_list(held))
    return _digest(parts)


def _told(rule: Rule, resource: Resource, catalog: Catalog, day: date) -> dict[str, Any]:
    from districtlake.quality.results import tolerance_of

    return {
        "fingerprint": fingerprint_of(rule, resource, catalog), "version": rule.version, "title": rule.title, "expectation": rule.expectation,
        "severity": rule.severity, "on_failure": rule.on_failure, "dimension": rule.dimension, "tolerance": tolerance_of(rule),
        "effective_from": rule.effective_from.isoformat() if rule.effective_from else None,
        "effective_until": rule.effective_until.isoformat() if rule.effective_until else None, "in_force": rule.in_force(day),
    }  # fmt: skip


def _columns(arguments: dict[str, Any]) -> Iterable[str]:
    for argument in COLUMN_ARGUMENTS:
        value = arguments.get(argument, ())
        yield from (value,) if isinstance(value, str) else value


def _cells_of(item: Item, catalog: Catalog) -> list[Any]:
    """How the item's cells come about."""
    element, codes = catalog.element_of(item), catalog.code_list_of(item)
    return [
        item.name, item.missing, element.kind, element.data_type, element.missing, element.options,
        None if codes is None else _digest_of_list(codes),
    ]  # fmt: skip


def _digest_of_list(codes: CodeList) -> str:
    known = _digests.get(id(codes))
    if known is not None and known[0] is codes:
        return known[1]
    if len(_digests) >= 1000:
        _digests.clear()
    unsaid = {"name", "source", "remark", "version", "earlier"}
    told = [one.model_dump(mode="json", exclude=unsaid) for one in (codes, *codes.earlier)]
    digest = _digest(told if codes.earlier else told[0])
    _digests[id(codes)] = (codes, digest)
    return digest


def _digest(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
