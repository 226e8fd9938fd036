"""One YAML or JSON file of the policy or the calendar, read strictly: a key written twice is an error, faults name file and line."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from districtlake.errors import CatalogError

Model = TypeVar("Model", bound=BaseModel)


class _StrictLoader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node)
            if key in seen:  # YAML would silently take the last
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' is written twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def shown(path: Path) -> str:
    """How messages name a file: folder and name, enough to find it and free of where the deployment keeps its catalogue."""
    return "/".join(path.parts[-3:])


def read_mapping(path: Path) -> dict[str, Any]:
    """The file's top-level mapping.

    Raises:
        CatalogError: it cannot be read, is not UTF-8, not YAML or JSON, or not a mapping.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CatalogError(f"{shown(path)}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8.") from error
    except OSError as error:
        raise CatalogError(f"{shown(path)}: the file cannot be read ({error.strerror}).", hint="Check its path and permissions.") from error
    try:
        data = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_StrictLoader)
    except json.JSONDecodeError as error:
        raise CatalogError(f"{shown(path)}, line {error.lineno}: malformed JSON: {error.msg}.", hint="Check this line.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise CatalogError(f"{shown(path)}{line}: {problem}.", hint="Check this line and the one before it.") from error
    except ValueError as error:  # a date such as 2026-02-31
        raise CatalogError(f"{shown(path)}: {error}.", hint="Write an existing date, or put the text in quotes.") from error
    if not isinstance(data, dict):
        raise CatalogError(f"{shown(path)}: the file holds no keys.", hint="Write 'key: value' lines, as in the files beside it.")
    return data


def read_model(path: Path, model: type[Model]) -> Model:
    """The file as ``model``. Raises ``CatalogError`` naming file and key of the first fault."""
    data = read_mapping(path)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        key = ".".join(str(step) for step in detail["loc"]) or "(the file as a whole)"
        hint = {
            "missing": f"Add '{key}'.",
            "extra_forbidden": f"Delete '{key}' or correct its spelling.",
        }.get(detail["type"], f"Correct '{key}'.")
        problem, _, remedy = detail["msg"].removeprefix("Value error, ").partition("; ")
        raise CatalogError(f"{shown(path)}, {key}: {problem}.", hint=f"{remedy[:1].upper()}{remedy[1:]}." if remedy else hint) from error
