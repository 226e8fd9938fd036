"""The cross-checks of checks that name one of our own expectations, for ``districtlake catalog check``: arguments, and what they refer to.

GX's own expectations check their arguments themselves when a suite is compiled; the domain does not know them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from districtlake.catalog.check import Finding
from districtlake.catalog.load import Loaded
from districtlake.catalog.model_faults import close_to
from districtlake.catalog.models import Catalog, Check
from districtlake.quality.own_expectations import OWN, InCodeList, OwnArguments


def check_own_expectations(loaded: Loaded) -> list[Finding]:
    """Every finding on checks of our own expectations, of resources and marts."""
    catalog = loaded.catalog
    entries = [(resource.file, check) for resource in catalog.resources.values() for check in resource.checks]
    entries += [(mart.file, check) for mart in catalog.marts.values() for check in mart.checks]
    return [finding for file, check in entries if check.expect in OWN for finding in _check(file, check, catalog)]


def _check(file: str, check: Check, catalog: Catalog) -> Iterator[Finding]:
    place, kind = f"checks[{check.rule_id}]", OWN[check.expect]
    try:
        arguments = kind.model_validate(check.arguments)
    except ValidationError as error:
        yield from _faults(file, place, check, kind, error)
        return
    if arguments.report_only and check.on_failure != "report":
        problem = f"{check.expect} gives a lead to verify, never a verdict; on_failure is {check.on_failure}"
        yield Finding(file, f"{place}.on_failure", problem, "Write 'on_failure: report', or delete the line.")
    for resource, item in dict.fromkeys(arguments.referred()):
        target = catalog.resources.get(resource)
        if target is None:
            remedy = f"{close_to(resource, catalog.resources)}Write agency.resource of the catalogue."
            yield Finding(file, f"{place}.resource", f"there is no resource '{resource}'", remedy)
            return
        if item not in target.item_names:
            remedy = f"{close_to(item, target.item_names)}Its items are {', '.join(target.item_names)}."
            yield Finding(file, place, f"{resource} has no item '{item}'", remedy)
        elif target.item(item).volatile:
            yield Finding(file, place, f"{resource}.{item} is volatile and not kept in the warehouse", "Refer to another item.")
    if isinstance(arguments, InCodeList):
        yield from _code_list(file, place, arguments.code_list, catalog)


def _code_list(file: str, place: str, name: str, catalog: Catalog) -> Iterator[Finding]:
    code_list = catalog.code_lists.get(name)
    if code_list is None:
        remedy = f"{close_to(name, catalog.code_lists)}Write the name of a file of standards/codes, without .yaml."
        yield Finding(file, f"{place}.code_list", f"there is no code list '{name}'", remedy)
    elif code_list.partial:
        problem = f"code list '{name}' is partial, so the check is never evaluated"
        yield Finding(file, f"{place}.code_list", problem, "Complete the list and name its source, or delete the check.", "warning")


def _faults(file: str, place: str, check: Check, kind: type[OwnArguments], error: ValidationError) -> Iterator[Finding]:
    takes = ", ".join(kind.model_fields) or "no arguments"
    faults: dict[str, list[Any]] = {}
    for fault in error.errors(include_url=False):  # an argument of several forms has one for each
        faults.setdefault(str(fault["loc"][0]) if fault["loc"] else "", []).append(fault)
    for name, found in faults.items():
        key = f"{place}.{name}" if name else place
        if found[0]["type"] == "extra_forbidden":
            yield Finding(file, key, f"{check.expect} has no argument '{name}'", f"{close_to(name, kind.model_fields)}It takes {takes}.")
        elif found[0]["type"] == "missing":
            yield Finding(file, key, f"{check.expect} needs '{name}'", f"It takes {takes}.")
        else:
            said = "; or: ".join(dict.fromkeys(fault["msg"].removeprefix("Value error, ") for fault in found))
            problem, _, remedy = said.partition("; ")
            remedy = f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "Correct it (docs/expectations.md)."
            yield Finding(file, key, f"{check.expect}: {problem}", remedy)
