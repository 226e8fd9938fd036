"""Which data element of the register a column is: by its title, and by how many of its values conform to the element's standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from districtlake.catalog.models import Catalog, CodeList, Element
from districtlake.ingestion.header import normal
from districtlake.standards.kind import CellContext
from districtlake.standards.kinds import KINDS
from districtlake.standards.masking import SENSITIVE, mask

_LOOKED = 5000
_TELLING = ("citizen_id", "uscc", "org_code", "division_code", "phone", "postcode")
"""Kinds whose values say by themselves what they are: check digits, or a closed set of prefixes."""
_LENGTHS = {"citizen_id": (15, 20), "uscc": (18, 20), "org_code": (9, 11), "division_code": (6, 12), "phone": (7, 20), "postcode": (6, 6)}
_ENOUGH = 0.6
_PERSONAL = ("name", "citizen_id", "phone", "address")


@dataclass(frozen=True)
class Recognised:
    """An element a column may be: ``share`` of its values that conform; ``by`` "title", "values" or "both"."""

    id: str
    name: str
    kind: str
    share: float
    by: str
    sensitivity: str = "L1"

    @property
    def sensitive(self) -> bool:
        return self.kind in _PERSONAL or self.sensitivity in SENSITIVE

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "kind": self.kind, "share": round(self.share, 4), "by": self.by, "sensitivity": self.sensitivity,
                "masked": self.sensitive}  # fmt: skip


@dataclass(frozen=True)
class _AnyItem:
    name: str = "value"
    unit: str | None = None
    missing: tuple[str, ...] = ()


class Standards:
    """The register of data elements as evidence; ``today`` judges days."""

    def __init__(self, elements: Mapping[str, Element], code_lists: Mapping[str, CodeList], titles: Mapping[str, str], today: date):
        self._elements, self._lists, self._today = elements, code_lists, today
        self._titles = {normal(title): element for title, element in titles.items()}
        self._telling = {kind: element for element in reversed(tuple(elements.values())) if (kind := element.kind) in _TELLING}

    @classmethod
    def of(cls, catalog: Catalog, today: date) -> Standards:
        """Elements by their names, and by the titles and aliases under which resources hold them."""
        titles: dict[str, str] = {}
        for resource in catalog.resources.values():
            for item in resource.items:
                for title in (item.title, *item.aliases, item.name):
                    titles.setdefault(title, item.element)
        for element in catalog.elements.values():
            titles[element.name] = titles[element.id] = element.id
        return cls(catalog.elements, catalog.code_lists, titles, today)

    def recognise(self, texts: pl.Series, counts: pl.Series, title: str) -> list[Recognised]:
        """The elements a column may be, best first.

        Args:
            texts: its different values, ``counts``: how often each stands there.
        """
        looked, weights = texts.head(_LOOKED), counts.head(_LOOKED)
        titled = self._elements.get(self._titles.get(normal(title), ""))
        found: list[Recognised] = []
        likely = [element for kind, element in self._telling.items() if _lengths_fit(looked, kind)]
        for element in {element.id: element for element in (titled, *likely) if element is not None}.values():
            share = self._share(looked, weights, element)
            named = titled is not None and element.id == titled.id
            same_kind = titled is not None and element.kind == titled.kind
            if named:  # even where no value conforms: that is what the title's owner must be told
                found.append(self._recognised(element, share, "both" if share >= _ENOUGH else "title"))
            elif not same_kind and share >= _ENOUGH and self._says_enough(element, looked):
                found.append(self._recognised(element, share, "values"))
        if titled is None and (coded := self._by_code_list(looked, weights)) is not None:
            found.append(coded)
        return sorted(found, key=lambda one: (one.by == "values" and titled is not None and titled.kind not in _TELLING, -one.share))

    def masked(self, text: str, recognised: Recognised) -> str:
        """A value as it may be shown; whole where the element is not sensitive."""
        shown = mask(text, self._elements[recognised.id])
        return shown if shown is not None else ""

    def _recognised(self, element: Element, share: float, by: str) -> Recognised:
        return Recognised(element.id, element.name, element.kind, share, by, element.sensitivity)

    def _share(self, texts: pl.Series, weights: pl.Series, element: Element) -> float:
        """The share of values without an error of the element's kind."""
        kind = KINDS[element.kind]
        codes = self._lists.get(element.codes) if element.codes else None
        cleaned = kind.clean(texts, CellContext(element, _AnyItem(), codes, self._today))
        fine = ["ok", *(code for code, status in kind.codes.items() if status.severity == "warning")]
        status = cleaned.status.cast(pl.String)
        judged = weights.filter(status.is_not_null())
        return _total(weights.filter(status.is_in(fine).fill_null(False))) / max(1, _total(judged)) if kind.codes else 1.0

    @staticmethod
    def _says_enough(element: Element, texts: pl.Series) -> bool:
        """Six digits may be a postcode, a division or a price: such kinds need more than their form."""
        if element.kind == "postcode":
            return False
        if element.kind == "division_code":
            return len(texts) > 2 and bool(texts.str.contains(r"^[1-9][0-9]{5}([0-9]{3}|[0-9]{6})?$").mean() or 0 > 0.9)
        if element.kind == "phone":
            return bool((texts.str.len_chars() >= 11).mean() or 0 > 0.5)
        return True

    def _by_code_list(self, texts: pl.Series, weights: pl.Series) -> Recognised | None:
        """The code list whose names (not its bare numbers) the values are."""
        if len(texts) < 2 or len(texts) > 500:
            return None
        best: Recognised | None = None
        for element in self._elements.values():
            codes = self._lists.get(element.codes) if element.codes else None
            if codes is None:
                continue
            names = {*codes.codes.values(), *codes.synonyms} - set(codes.codes)
            share = _total(weights.filter(texts.is_in(list(names)))) / max(1, _total(weights))
            if share >= 0.9 and (best is None or share > best.share):
                best = self._recognised(element, share, "values")
        return best


def _lengths_fit(texts: pl.Series, kind: str) -> bool:
    """A cheap look before the costly one: whether half of the values are as long as values of a kind are."""
    least, most = _LENGTHS[kind]
    return 2 * int(texts.str.len_chars().is_between(least, most).sum()) >= len(texts)


def _total(counts: pl.Series) -> int:
    return int(counts.sum())
