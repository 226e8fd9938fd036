"""The values of other resources, and what else rules ask about besides the frame, at hand while one validation runs.

They travel beside Great Expectations, never through it: a value set handed to GX as an argument is copied by pydantic on every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import polars as pl

from districtlake.quality.validation import Elsewhere

References = Mapping[Any, Any]
"""(resource, item) -> its values; what else is at hand has keys of its own, read by the functions of ``surroundings``."""
_current: ContextVar[References] = ContextVar("expectations_references")


@contextmanager
def references_at_hand(values: References) -> Iterator[None]:
    token = _current.set(values)
    try:
        yield
    finally:
        _current.reset(token)


def referred_values(resource: str, item: str) -> pl.Series:
    """The values of an item. Raises ``LookupError`` outside ``references_at_hand`` or for a resource that was not looked up."""
    found = referred(resource, item)
    return found.brought()[item] if isinstance(found, Elsewhere) else found


def referred(resource: str, item: str) -> pl.Series | Elsewhere:
    """``referred_values``, left where they lie: an ``Elsewhere`` has one column, named like the item."""
    try:
        found: pl.Series | Elsewhere = _current.get()[(resource, item)]
    except LookupError as error:
        raise LookupError(f"the values of {resource}.{item} were not looked up before validating") from error
    return found


def at_hand(key: tuple[Any, ...]) -> Any:
    """Raises ``LookupError`` outside ``references_at_hand`` or for what was not looked up."""
    try:
        return _current.get()[key]
    except LookupError as error:
        raise LookupError(f"{key[0]} was not looked up before validating") from error
