"""pydantic's errors as sentences that a person who writes YAML can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from districtlake.catalog.comparisons import AsOf, Authority, Comparison, Condition, Left, Side
from districtlake.catalog.marts import Incremental, MartColumn
from districtlake.catalog.models import (
    Agency,
    Check,
    CodeList,
    Database,
    Element,
    Item,
    Library,
    Mart,
    Opening,
    Reference,
    Resource,
    Sharing,
    Source,
)
from districtlake.catalog.yaml_file import CatalogFault, file_name, line_of

_PARTS: dict[str, type[BaseModel]] = {
    "items": Item,
    "source": Source,
    "database": Database,
    "sharing": Sharing,
    "opening": Opening,
    "references": Reference,
    "checks": Check,
    "columns": MartColumn,
    "incremental": Incremental,
    "left": Left,
    "right": Side,
    "unless": Side,
    "flag_when": Condition,
    "as_of": AsOf,
    "authority": Authority,
}
"""The model below a key, to know which keys are allowed there."""


def close_to(name: str, known: Iterable[str]) -> str:
    """ "Did you mean …? " when something similar exists, else ""."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean '{near[0]}'? " if near else ""


def faults_of(
    error: ValidationError, model: type[BaseModel], data: dict[str, Any], path: Path, prefix: tuple[str, ...] = ()
) -> list[CatalogFault]:
    """One fault for each thing wrong with one entry; ``prefix`` is where the entry stands in its file."""
    faults = []
    details = error.errors(include_url=False)
    for detail in details:
        loc = detail["loc"]
        if detail["type"] == "too_short" and any(len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in details):
            continue  # the list is short only because its wrong entries do not count
        problem, hint = _explained(detail, model)
        line = line_of(path, (*prefix, *loc)) if prefix or loc else ""  # a whole file has no line
        key = ".".join((*prefix, *_steps(loc, data)))
        place = f"{key} ({line})" if key and line else key or line
        faults.append(CatalogFault(file_name(path), place, problem, hint))
    return faults


def _steps(loc: Sequence[int | str], data: Any) -> list[str]:
    """``items, 3, unit`` as ``items[birth_date], unit``."""
    steps: list[str] = []
    for step in loc:
        if isinstance(step, int) and steps:
            data = data[step] if isinstance(data, (list, tuple)) and step < len(data) else None
            steps[-1] += f"[{_entry_name(data) or step + 1}]"
        else:
            data = data.get(step) if isinstance(data, dict) else None
            steps.append(str(step))
    return steps


def _entry_name(entry: object) -> str:
    """How a person knows one entry of a list: by its name, id or expectation."""
    if not isinstance(entry, dict):
        return ""
    return next((str(entry[key]) for key in ("name", "id", "expect") if isinstance(entry.get(key), str)), "")


def _model_at(loc: Sequence[int | str], model: type[BaseModel]) -> type[BaseModel]:
    for step in loc[:-1]:
        model = _PARTS.get(str(step), model)
    return model


def _keys_of(model: type[BaseModel]) -> list[str]:
    named_by_path: dict[type[BaseModel], tuple[str, ...]] = {
        Resource: ("agency", "name", "file"), Mart: ("library", "name", "file", "sql", "sql_file"), Agency: ("id",), Element: ("id",),
        CodeList: ("id",), Library: ("id",), Comparison: ("id", "file"),
    }  # fmt: skip
    hidden = named_by_path.get(model, ())
    return [field.alias or name for name, field in model.model_fields.items() if name not in hidden]


def _explained(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind, key = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    context = detail.get("ctx", {})
    if kind == "missing":
        return f"'{key}' is missing", f"Add '{key}: …'."
    if kind == "extra_forbidden":
        allowed = _keys_of(_model_at(detail["loc"], model))
        return f"the key '{key}' is unknown", f"{close_to(key, allowed)}Allowed here: {', '.join(allowed)}."
    if kind == "literal_error":
        return f"{_shown(detail['input'])} is not allowed for '{key}'", f"Write {context.get('expected', 'one of the allowed words')}."
    if kind == "string_type":
        return (
            f"{_shown(detail['input'])} is not text",
            "Put it in quotes: YAML takes unquoted digits, dates, yes and no for something else.",
        )
    if kind in ("string_pattern_mismatch", "string_too_short"):
        if kind == "string_too_short":
            return f"'{key}' is empty", f"Write a value for '{key}'."
        return f"{_shown(detail['input'])} is not well formed", f"It must match {context.get('pattern')}."
    if kind == "value_error":
        problem, _, remedy = str(context.get("error", detail["msg"])).partition("; ")
        return problem, f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "Correct this entry."
    if kind in ("tuple_type", "list_type"):
        return f"{_shown(detail['input'])} is not a list", "Write [a, b] or one '- …' line for each."
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{_shown(detail['input'])} has no fields", "Write its fields as {key: value, …} or indented lines."
    return f"{_shown(detail['input'])}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", "Correct this value."


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
