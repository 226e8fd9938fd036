"""GX rebuilds an expectation's configuration, and an expectation from its configuration, some ninety times a rule in every run.

Within ``kept()`` each is built once. The ids of metrics, some thousand a run, are spared a conversion to JSON types that changes nothing
in what catalogues hold. The first two are functions of an object that a run does not change once it has asked for them (held by
``tests/integration/test_gx_contract.py``); results, metrics and their ids are the same, at half the fixed cost of a suite.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

_built: ContextVar[dict[tuple[str, int], tuple[Any, Any]] | None] = ContextVar("built", default=None)


@contextmanager
def kept() -> Iterator[None]:
    """Build each configuration and each expectation once until the block ends."""
    _install()
    token = _built.set({})
    try:
        yield
    finally:
        _built.reset(token)


def _once(kind: str, owner: Any, build: Any) -> Any:
    built = _built.get()
    if built is None:
        return build(owner)
    found = built.get((kind, id(owner)))
    if found is None:  # the owner is held beside it: an id is a name only while its object lives
        found = built[kind, id(owner)] = (owner, build(owner))
    return found[1]


@cache
def _install() -> None:
    """Put the memory in the place of GX's two functions; outside of ``kept`` they are GX's own."""
    from great_expectations.core.id_dict import IDDict
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    configuration = Expectation.configuration.fget  # type: ignore[attr-defined]
    to_domain_obj = ExpectationConfiguration.to_domain_obj
    Expectation.configuration = property(lambda self: _once("configuration", self, configuration))  # type: ignore[assignment, method-assign]
    ExpectationConfiguration.to_domain_obj = lambda self: _once("expectation", self, to_domain_obj)  # type: ignore[method-assign]
    to_id = IDDict.to_id

    def quick_id(self: IDDict, id_keys: Any = None, id_ignore_keys: Any = None) -> Any:
        if id_keys is None and id_ignore_keys is None and len(self) > 1 and not self._id_ignore_keys and _is_json(self):
            return hashlib.md5(json.dumps(self, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
        return to_id(self, id_keys, id_ignore_keys)

    IDDict.to_id = quick_id  # type: ignore[method-assign]


def _is_json(value: Any) -> bool:
    """True for what JSON holds as it is: GX's conversion would return it unchanged."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is list:
        return all(map(_is_json, value))
    return isinstance(value, dict) and all(type(key) is str and _is_json(part) for key, part in value.items())


_PLAIN = (str, int, bool, type(None))
