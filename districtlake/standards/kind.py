"""What a kind is, and how a column is cleansed: look once at every cell, do the costly work only on the suspicious ones.

A kind is stateless and its judgement of a cell depends on that cell and the context alone, never on other rows: so splitting,
joining or reordering rows changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from districtlake.standards.division_history import Editions
from districtlake.standards.repairs import DECLARABLE, MISSING_BLANK, MISSING_SPELLING, TEXT, Repair, apply_repairs, noted, unsettled

Codes = npt.NDArray[np.uint8]
"""One number per cell: 0 = ok, i = the i-th of the kind's codes (1-based). Meaningless where the cell has no value."""
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
Tests = list[tuple[Mask | pl.Series, str]]
"""Cells that fail a test (Boolean; null: not), and the code they then get."""

STATUS_SUFFIX = "__status"
"""The cleansed frame holds, beside each checked item, ``<item>__status``: null = no value, "ok", or an error code of its kind."""

DISTINCT_FROM = 4096
"""Suspicious cells from which on a kind with ``distinct`` treats each spelling once; below, finding them costs more."""


class ElementLike(Protocol):
    """What a kind reads of a data element (``catalog.models.Element`` has it; this floor lies below the catalogue)."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def missing(self) -> tuple[str, ...]: ...
    @property
    def options(self) -> dict[str, Any]: ...
    @property
    def cleansing(self) -> tuple[str, ...] | None: ...
    @property
    def sensitivity(self) -> str: ...


class ItemLike(Protocol):
    """What a kind reads of a data item."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def missing(self) -> tuple[str, ...]: ...


class CodeListLike(Protocol):
    """What a kind reads of a code list."""

    @property
    def codes(self) -> dict[str, str]: ...
    @property
    def synonyms(self) -> dict[str, str]: ...
    @property
    def partial(self) -> bool: ...


@dataclass(frozen=True)
class StatusCode:
    """What can be wrong with a cell, in plain Chinese for the agency. An error breaks conformity, a warning plausibility."""

    severity: Literal["error", "warning"]
    reason: str


def error(reason: str) -> StatusCode:
    return StatusCode("error", reason)


def warning(reason: str) -> StatusCode:
    return StatusCode("warning", reason)


@dataclass(frozen=True)
class CellContext:
    """What the cells of one column are cleansed by. ``today`` is the Asia/Shanghai day of processing, ``divisions`` what
    the catalogue knows of division codes beyond the package's table."""

    element: ElementLike
    item: ItemLike
    code_list: CodeListLike | None
    today: date
    divisions: Editions = ()

    @property
    def unit(self) -> str:
        """The declared unit: the item's, else the element's."""
        return self.item.unit if self.item.unit is not None else self.element.unit

    @property
    def missing(self) -> tuple[str, ...]:
        """The declared spellings of "no value", as written in the catalogue; a blank always is one."""
        return tuple(dict.fromkeys((*self.element.missing, *self.item.missing)))


@dataclass(frozen=True)
class CleanedColumn:
    """A cleansed column, row for row beside the raw one. Few cells are altered, so only those are held; the rest is raw's.

    Attributes:
        value: typed value; null where there is none or where the text cannot be typed.
        status: Enum ["ok", *codes of the kind]; null where there is no value.
        raw: the column as delivered.
        altered: rows (ascending) whose text differs from raw.
        after: the text of those rows; null: recognised as "no value".
        rules: ids of the repairs that altered those rows, joined by "+".
    """

    value: pl.Series
    status: pl.Series
    raw: pl.Series
    altered: Rows
    after: pl.Series
    rules: pl.Series

    @property
    def text(self) -> pl.Series:
        """Normalised text (String); equal to raw where nothing was altered, null where there is no value."""
        return _with_cells(self.raw, self.altered, self.after)

    @property
    def rule(self) -> pl.Series:
        """``rules`` on all rows; null exactly where text equals raw."""
        return _with_cells(pl.repeat(None, len(self.raw), dtype=pl.String, eager=True), self.altered, self.rules)


@dataclass(frozen=True)
class FirstLook:
    """The cheap look at a whole raw column. Cells not suspected are in normal form, ok, and have their final value."""

    value: pl.Series
    suspects: Mask


@dataclass(frozen=True)
class _Treated:
    """Cells after repair and judgement, one by one beside the delivered ones."""

    value: pl.Series
    text: pl.Series
    codes: pl.Series  # UInt8
    rule: pl.Series


class Kind(ABC):
    """A kind cleanses cells of one data type.

    Attributes:
        name: as the catalogue writes it under ``kind``.
        codes: status code -> its severity and reason, graver or earlier-tested ones need not come first.
        repairs: repairs of characters, applied in this order to suspicious cells unless the element declares its own (``repairs_of``).
        options: option of an element -> what it means, for messages.
        distinct: its cells repeat and its repairs are costly, so each spelling is treated once.
    """

    name: ClassVar[str]
    codes: ClassVar[dict[str, StatusCode]]
    repairs: ClassVar[tuple[Repair, ...]] = TEXT
    options: ClassVar[Mapping[str, str]] = {}
    distinct: ClassVar[bool] = False

    def dtype(self, element: ElementLike) -> pl.DataType:
        """Polars type of a value of ``element``."""
        return pl.String()

    @property
    def status_dtype(self) -> pl.Enum:
        return pl.Enum(["ok", *self.codes])

    def faults_of(self, element: ElementLike) -> list[str]:
        """What is wrong with the element's options, one English sentence each; empty when they are fine."""
        known = ", ".join(self.options) or "none"
        unknown = [name for name in element.options if name not in self.options]
        faults = [f"option '{name}' is not one of kind '{self.name}'; its options: {known}" for name in unknown]
        return [*faults, *self._faults_of_cleansing(element.cleansing)]

    def _faults_of_cleansing(self, declared: tuple[str, ...] | None) -> list[str]:
        if declared is None:
            return []
        choice = {**DECLARABLE, **{repair.id: repair for repair in self.repairs}}
        faults = [f"cleansing: there is no rule '{name}'; the rules: {', '.join(choice)}" for name in declared if name not in choice]
        faults += [f"cleansing: '{name}' stands there twice" for name in dict.fromkeys(declared) if declared.count(name) > 1]
        if not faults and (odd := unsettled(choice[name] for name in declared)):
            text, once, twice = odd
            faults.append(
                f"cleansing: in this order {text!r} becomes {once!r}, and that, cleansed again, {twice!r}; put the rules in another order"
            )
        return faults

    def repairs_of(self, element: ElementLike) -> tuple[Repair, ...]:
        """The repairs of an element's cells, in their order: those it declares under ``cleansing``, else the kind's."""
        if element.cleansing is None:
            return self.repairs
        choice = {**DECLARABLE, **{repair.id: repair for repair in self.repairs}}
        return tuple(choice[name] for name in element.cleansing)

    # what each kind says for itself ----------------------------------------------------------------------------------
    @abstractmethod
    def first_look(self, raw: pl.Series, context: CellContext) -> FirstLook:
        """Screen a raw column cheaply. Null cells are never suspects."""

    @abstractmethod
    def judge(self, text: pl.Series, context: CellContext) -> tuple[pl.Series, Codes]:
        """Value and code number of each normalised text (no nulls among them need be judged)."""

    def conversions(self, context: CellContext) -> tuple[Repair, ...]:
        """Repairs of form that follow those of characters: label to code, 2021/1/2 to 2021-01-02."""
        return ()

    # the work --------------------------------------------------------------------------------------------------------
    def clean(self, raw: pl.Series, context: CellContext) -> CleanedColumn:
        """Cleanse one raw column (String). Pure; cells are judged one by one."""
        raw = raw.rechunk()
        look = self.first_look(raw, context)
        repairs = self.repairs_of(context.element)
        missing = _spellings_of_missing(context.missing, repairs)
        suspected = look.suspects | self._looks_fine_but_missing(raw, missing, context)
        for repair in repairs:
            if repair not in self.repairs:  # the first look knows the kind's own
                suspected = suspected | mask_of(repair.apply(raw).ne_missing(raw))
        suspects = np.flatnonzero(suspected)
        if suspects.size == 0:
            none = pl.Series(dtype=pl.String)
            return CleanedColumn(
                look.value, self._status(np.zeros(len(raw), dtype=np.uint8), raw, suspects, none), raw, suspects, none, none
            )
        delivered = raw if suspects.size == len(raw) else raw.gather(suspects)
        treated = self._treated(delivered, missing, context)
        changed = mask_of(treated.text.ne_missing(delivered))
        altered = suspects[changed]
        after, rules = treated.text.filter(pl.Series(changed)), treated.rule.filter(pl.Series(changed))
        if look.value is raw and treated.value is treated.text:  # a kind of text: unaltered cells are raw's own
            value = _with_cells(raw, altered, after)
        else:
            value = _with_cells(look.value, suspects, treated.value)
        codes = np.zeros(len(raw), dtype=np.uint8)
        codes[suspects] = treated.codes.to_numpy()
        return CleanedColumn(value, self._status(codes, raw, altered, after), raw, altered, after, rules)

    def number(self, code: str) -> int:
        """The code's number in ``Codes``."""
        return list(self.codes).index(code) + 1

    def first_of(self, tests: Tests, length: int) -> Codes:
        """The first test that hits gives each cell its code; 0 where none does."""
        codes = np.zeros(length, dtype=np.uint8)
        for mask, code in reversed(tests):
            codes[mask.fill_null(False).to_numpy() if isinstance(mask, pl.Series) else mask] = self.number(code)
        return codes

    def _treated(self, raw: pl.Series, missing: frozenset[str], context: CellContext) -> _Treated:
        if not self.distinct or len(raw) < DISTINCT_FROM:
            return self._repaired_and_judged(raw, missing, context)
        spellings = raw.unique()
        if len(spellings) * 2 > len(raw):
            return self._repaired_and_judged(raw, missing, context)
        each = self._repaired_and_judged(spellings, missing, context)
        table = pl.DataFrame({"raw": spellings, "value": each.value, "text": each.text, "codes": each.codes, "rule": each.rule})
        found = raw.alias("raw").to_frame().join(table, on="raw", how="left", maintain_order="left")
        text = found["text"]
        return _Treated(text if each.value is each.text else found["value"], text, found["codes"], found["rule"])

    def _repaired_and_judged(self, raw: pl.Series, missing: frozenset[str], context: CellContext) -> _Treated:
        text, rule = apply_repairs(raw, self.repairs_of(context.element))
        text, rule = _without_missing(text, rule, missing)
        conversions = self.conversions(context)
        if conversions:
            text, rule = apply_repairs(text, conversions, rule)
            text, rule = _without_missing(text, rule, missing)  # a label may mean a code that is declared missing
        value, codes = self.judge(text, context)
        return _Treated(value, text, pl.Series(codes), rule)

    def _status(self, codes: Codes, raw: pl.Series, altered: Rows, after: pl.Series) -> pl.Series:
        status = pl.Series(codes).cat.to(self.status_dtype)
        if raw.null_count():
            status = pl.select(pl.when(raw.is_not_null()).then(status)).to_series()
        if after.null_count():
            status.scatter(altered[after.is_null().to_numpy()], None)
        return status

    def _looks_fine_but_missing(self, raw: pl.Series, missing: frozenset[str], context: CellContext) -> Mask:
        """Cells that spell "no value" in a form the first look would let pass, such as 0 or 999 in a number."""
        spellings = pl.Series(sorted(missing | {""}), dtype=pl.String)
        unsuspected = spellings.filter(pl.Series(~self.first_look(spellings, context).suspects))
        if unsuspected.is_empty():
            return np.zeros(len(raw), dtype=np.bool_)
        return mask_of(raw.is_in(unsuspected.implode()))


_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


@cache
def _spellings_of_missing(declared: tuple[str, ...], repairs: tuple[Repair, ...]) -> frozenset[str]:
    """The declared spellings in the forms in which they meet a cell: as written, in other case or width, and repaired."""
    if not declared:
        return frozenset()
    written = {form for text in declared for form in (text, text.lower(), text.upper(), text.capitalize(), text.translate(_WIDE))}
    written |= {text.replace("-", dash) for text in written for dash in "－—–−"}
    return frozenset(written | set(apply_repairs(pl.Series(sorted(written), dtype=pl.String), repairs)[0].to_list()))


def mask_of(flags: pl.Series) -> Mask:
    """A Boolean series as numpy; null is False."""
    return flags.fill_null(False).to_numpy()


def contains(text: pl.Series, pattern: str) -> Mask:
    """Cells in which the (Rust) regular expression occurs; null is False."""
    return mask_of(text.str.contains(pattern))


def not_matching(raw: pl.Series, pattern: str) -> Mask:
    """Present cells in which the (Rust) regular expression does not occur."""
    return mask_of(~raw.str.contains(pattern))


def _with_cells(column: pl.Series, rows: Rows, cells: pl.Series) -> pl.Series:
    """``column`` with the cells at ``rows`` replaced; the column given stays as it is."""
    if rows.size == 0:
        return column
    return cells.alias(column.name) if rows.size == len(column) else column.clone().scatter(rows, cells)


def _without_missing(text: pl.Series, rule: pl.Series, missing: frozenset[str]) -> tuple[pl.Series, pl.Series]:
    blank = mask_of(text.str.len_bytes() == 0)
    spelled = mask_of(text.is_in(list(missing))) & ~blank if missing else np.zeros(len(text), dtype=np.bool_)
    for mask, note in ((blank, MISSING_BLANK.id), (spelled, MISSING_SPELLING.id)):
        if mask.any():
            flags = pl.Series(mask)
            rule = noted(rule, flags, note)
            text = pl.select(pl.when(~flags).then(text)).to_series()
    return text, rule
