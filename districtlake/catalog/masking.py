"""Masking an item's values as the catalogue classifies them: the item's own sensitivity where it has one, else its element's.

A cell may hold what does not belong there: a name in a column of codes, a telephone number in a column of dates, a record in a column of
texts. So of items that are not free text only what looks like its kind is shown, of a record nothing; of everything the numbers of persons
are masked.
"""

from __future__ import annotations

import re
from typing import overload

import polars as pl

from districtlake.catalog.models import Catalog, Element, Item
from districtlake.standards.masking import SENSITIVE, mask, mask_numbers

_FREE = frozenset({"text", "org_name"})
_ALREADY = frozenset({"name", "citizen_id", "phone", "address"})
"""Kinds whose every value is masked."""
_PLAIN = re.compile(r"[\x20-\x7e年月日时分秒〇零一二三四五六七八九十廿卅百千万亿元民国公元约至]*")
"""Digits, letters and signs, and the characters of dates and amounts."""
_NUMBERED = re.compile(r"(?:.*[0-9]){4}", re.S)
"""What an identifier has at least: ``海市监罚〔2026〕12号`` is one, a name is not."""
_RECORD = re.compile(r"\s*(?:\{\s*[\"'{\[]|\[\s*[\"'{\[])")
"""Where JSON was given for a text: what its fields hold, nobody classified. ``[2026]12号`` is a text."""


@overload
def mask_item(value: pl.Series, item: Item, catalog: Catalog) -> pl.Series: ...
@overload
def mask_item(value: str | None, item: Item, catalog: Catalog) -> str | None: ...
def mask_item(value: pl.Series | str | None, item: Item, catalog: Catalog) -> pl.Series | str | None:
    """A Series or one text of an item, masked for screens, previews and lists."""
    if not isinstance(value, pl.Series):
        return mask_item(pl.Series([value], dtype=pl.String), item, catalog).item()
    return mask_as(value, catalog.element_of(item), catalog.sensitivity_of(item), catalog)


def mask_as(values: pl.Series, element: Element, sensitivity: str, catalog: Catalog) -> pl.Series:
    """A Series of an element's values as String, masked."""
    masked = mask(values, element, sensitivity)
    if element.kind in _ALREADY or sensitivity in SENSITIVE or values.dtype != pl.String:  # typed values are what their type says
        return masked
    codes = catalog.code_lists[element.codes] if element.codes is not None else None
    known = frozenset() if codes is None else frozenset({*codes.codes, *codes.codes.values(), *codes.synonyms})
    shown = [None if text is None else _shown(text, element.kind, known) for text in masked]
    return pl.Series(values.name, shown, dtype=pl.String)


def _shown(text: str, kind: str, known: frozenset[str]) -> str:
    belongs = kind in _FREE or _PLAIN.fullmatch(text) or text.strip() in known or (kind == "identifier" and _NUMBERED.match(text))
    return mask_numbers(text) if belongs and not _RECORD.match(text) else f"{text[:1]}***"
