"""One YAML file of the catalogue: read strictly, and faults located by file, line and key.

YAML's own leniency hides mistakes: a key written twice silently wins, so here it is an error.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from districtlake.errors import CatalogError
from districtlake.settings import PROJECT_ROOT

Loc = tuple[int | str, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser is ten times faster; it may be missing


class CatalogFault(CatalogError):
    """A fault with its place, so that it can be shown as a sentence and as a finding.

    Attributes:
        file: the file as a person would name it: relative to the project where it lies inside, else absolute.
        key: the place within the file (``line 7``, ``items[birth_date].unit``), empty for the file as a whole.
        problem: what is wrong, without file and key.
        hint: what to write instead.
    """

    def __init__(self, file: str, key: str, problem: str, hint: str):
        super().__init__(f"{file}{f', {key}' if key else ''}: {problem}.", hint=hint)
        self.file = file
        self.key = key
        self.problem = problem


class _DuplicateKey(yaml.constructor.ConstructorError):
    def __init__(self, key: object, first: yaml.Mark, second: yaml.Mark):
        super().__init__(None, None, f"key '{key}' is written twice (first in line {first.line + 1})", second)


class _StrictLoader(_Loader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, yaml.Mark] = {}
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                key = self.construct_object(key_node)
                if key in seen:
                    raise _DuplicateKey(key, seen[key], key_node.start_mark)
                seen[key] = key_node.start_mark
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def file_name(path: Path) -> str:
    """How messages name a file."""
    resolved = path.resolve()
    return resolved.relative_to(PROJECT_ROOT).as_posix() if resolved.is_relative_to(PROJECT_ROOT) else str(resolved)


def read_mapping(path: Path) -> dict[str, Any]:
    """The file's top-level mapping. Raises ``CatalogFault``."""
    name = file_name(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CatalogFault(name, f"byte {error.start}", "the file is not UTF-8", "Save it as UTF-8.") from error
    except OSError as error:
        raise CatalogFault(name, "", f"the file cannot be read ({error.strerror})", "Check its permissions.") from error
    try:
        data = yaml.load(text, Loader=_StrictLoader)  # a SafeLoader: builds plain values only
    except _DuplicateKey as error:
        raise CatalogFault(name, _line(error), str(error.problem), "Keep one of the two; YAML would silently take the last.") from error
    except yaml.YAMLError as error:
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed")
        raise CatalogFault(name, _line(error), f"malformed YAML: {problem}", _yaml_hint(problem)) from error
    except ValueError as error:  # a date such as 2024-02-31
        raise CatalogFault(name, "", f"a value cannot be built: {error}", "Write an existing date, or put the text in quotes.") from error
    if not isinstance(data, dict):
        what = "the file is empty" if data is None else f"the file holds a {type(data).__name__}, not keys with values"
        raise CatalogFault(name, "", what, "Write 'key: value' lines; docs and the files beside it show which.")
    odd = next((key for key in data if not isinstance(key, str)), None)
    if odd is not None:
        raise CatalogFault(name, line_of(path, (odd,)), f"key {odd!r} is not text", "Put it in quotes.")
    return data


def line_of(path: Path, loc: Sequence[Any]) -> str:
    """``line 12`` of the node at ``loc``, or of the deepest ancestor that exists; "" when unknown. Reads the file again: faults only."""
    try:
        node = yaml.compose(path.read_bytes().decode("utf-8-sig"), Loader=_Loader)
    except (yaml.YAMLError, OSError, UnicodeDecodeError):
        return ""
    mark = node.start_mark if node is not None else None
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                break
            mark, node = found[0].start_mark, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            break
    return f"line {mark.line + 1}" if mark is not None else ""


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"line {mark.line + 1}"
    position = getattr(error, "position", None)
    return f"character {position}" if position is not None else ""


def _yaml_hint(problem: str) -> str:
    if "tab" in problem or "cannot start any token" in problem:
        return "Indent with spaces, not tabs; quote a value that starts with a special character such as % @ or `."
    if "mapping values are not allowed" in problem:
        return "A value that holds ': ' must stand in quotes; check also the indentation of this line."
    if "expected <block end>" in problem or "did not find expected key" in problem:
        return "Check the indentation here and in the line before, and that brackets and quotes are closed."
    return "Check this line and the one before it."
