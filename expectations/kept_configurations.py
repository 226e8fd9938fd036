"""GX rebuilds an expectation's configuration, and an expectation from its configuration, some ninety times a rule in every run.

Within ``kept()`` each is built once. Both are functions of an object that a run does not change once it has asked for them (held by
``tests/integration/test_gx_contract.py``); results, metrics and their ids are the same, at half the fixed cost of a suite.
"""

from __future__ import annotations

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
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    configuration = Expectation.configuration.fget  # type: ignore[attr-defined]
    to_domain_obj = ExpectationConfiguration.to_domain_obj
    Expectation.configuration = property(lambda self: _once("configuration", self, configuration))  # type: ignore[assignment, method-assign]
    ExpectationConfiguration.to_domain_obj = lambda self: _once("expectation", self, to_domain_obj)  # type: ignore[method-assign]
