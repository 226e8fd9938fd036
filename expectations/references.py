"""The values of other resources, at hand while one validation runs.

They travel beside Great Expectations, never through it: a value set handed to GX as an argument is copied by pydantic on every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import polars as pl

References = Mapping[tuple[str, str], pl.Series]
_current: ContextVar[References] = ContextVar("expectations_references")


@contextmanager
def references_at_hand(values: References) -> Iterator[None]:
    token = _current.set(values)
    try:
        yield
    finally:
        _current.reset(token)


def referred_values(resource: str, item: str) -> pl.Series:
    """Raises ``LookupError`` outside ``references_at_hand`` or for a resource that was not looked up."""
    try:
        return _current.get()[(resource, item)]
    except LookupError as error:
        raise LookupError(f"the values of {resource}.{item} were not looked up before validating") from error
