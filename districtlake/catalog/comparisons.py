"""The shape of a comparison (比对) between the tables of two agencies: whose rows are asked about, what they are held against, and when they
contradict each other. Frozen; an unknown key is an error. A comparison finds *leads* to verify, never verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from districtlake.catalog.match_steps import MATCH_STEPS
from districtlake.catalog.parts import Dimension, Frozen, Identifier, NonEmpty
from districtlake.settings import Engine

Parameter = Annotated[int | float | str, Field(union_mode="left_to_right")]
Operand = Annotated[str, Field(pattern=r"^((left|right)\.[a-z][a-z0-9_]*|today)$")]
"""``left.column``, ``right.column`` or ``today``."""

PREDICATES = ("differs", "equals", "earlier", "sql")
MATCHINGS = ("name", "text")


class Side(Frozen):
    """One table of a comparison.

    Attributes:
        resource: ``agency.resource``, or (never on the side that is asked) ``library.mart``.
        join: name of the join key -> item; identifiers only, under the same names on every side.
        columns: name used in conditions -> item; shown in the lead.
        where: SQL over the resource's own items, ``$today``, parameters and moments; only such rows take part.
    """

    resource: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
    join: Annotated[dict[Identifier, Identifier], Field(min_length=1)]
    columns: dict[Identifier, Identifier] = Field(default_factory=dict)
    where: str = ""


class Left(Side):
    """The side that is asked: the one that is no authority on the matter.

    Attributes:
        id: needed where one resource stands on the left twice (the two persons of a marriage).
        absent: what a row without any partner on the right is.
    """

    id: Identifier | None = None
    absent: Literal["ignore", "flag"] = "ignore"

    @property
    def name(self) -> str:
        return self.id or self.resource


class Condition(Frozen):
    """One condition on a pair of rows; all conditions of a comparison must hold.

    Attributes:
        differs: a column of both sides whose values are not the same; a missing value differs from nothing.
        matching: how ``differs`` compares: ``name`` and ``text`` ignore blanks, width, case and the middle dot; names that differ only in
            rare or lost characters become *suspected* (疑似).
        equals: a column of both sides whose values are the same.
        earlier, than: the first operand lies before the second.
        tolerance_days, tolerance_months: by more than so many; months compare calendar months (a date, or text YYYYMM).
        sql: an expression over ``l.column``, ``r.column``, ``$today``, ``$parameter``.
    """

    differs: Identifier | None = None
    matching: Literal["exact", "name", "text"] = "exact"
    equals: Identifier | None = None
    earlier: Operand | None = None
    than: Operand | None = None
    tolerance_days: int | Identifier | None = None
    tolerance_months: int | Identifier | None = None
    sql: str | None = None

    @model_validator(mode="after")
    def _one_predicate(self) -> Condition:
        given = [name for name in PREDICATES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a condition says one thing, this one says {', '.join(given) or 'nothing'}; write one of {', '.join(PREDICATES)}"
            )
        if (self.earlier is None) != (self.than is None):
            raise ValueError("'earlier' and 'than' belong together; write both")
        if self.earlier is None and (self.tolerance_days is not None or self.tolerance_months is not None):
            raise ValueError("a tolerance belongs to 'earlier' and 'than'; delete it")
        if self.tolerance_days is not None and self.tolerance_months is not None:
            raise ValueError("tolerance_days and tolerance_months exclude each other; write one of them")
        if self.differs is None and self.matching != "exact":
            raise ValueError("'matching' belongs to 'differs'; delete it")
        return self


class AsOf(Frozen):
    """When the two sides may be compared at all: the commonest false lead comes from data of different days.

    Attributes:
        fresher: the side whose newest batch must not be older than the other's; "either" asks for none.
        tolerance_days: by so many days it may be older all the same.
        max_gap_days: the days of the two sides may lie so far apart; None: any gap.
        max_age_days: older than this, today, neither side is believed; None: any age.
    """

    fresher: Literal["left", "right", "either"] = "right"
    tolerance_days: Annotated[int, Field(ge=0)] = 0
    max_gap_days: Annotated[int, Field(ge=0)] | None = None
    max_age_days: Annotated[int, Field(ge=1)] | None = None


class Authority(Frozen):
    """By which entry of the one-source matrix the right side is believed (``authority.yaml``)."""

    element: Identifier
    subject: Identifier


class Comparison(Frozen):
    """A rule that compares tables of different agencies.

    Attributes:
        code: how the seed catalogue calls it, e.g. C1.
        version: raised by hand when the rule means something else; kept in each lead.
        left: those asked, each compared by itself. right: the first of these that has a row under the join key counts.
        unless: a row here under the same join key answers the question: no lead.
        matches_at_least: how many rows of the right side must fulfil the conditions.
        match: name of a join key or column -> the steps (``match_steps``) by which it is made alike on every side before it is joined or
            compared; values that are shown stay as they are.
        engine: what carries it; None: what the settings say.
        parameters: policy thresholds; moments: name -> SQL over ``$today`` alone, e.g. the school year. Both are ``$name`` in SQL.
    """

    id: Identifier
    code: NonEmpty
    title: NonEmpty
    description: NonEmpty
    version: Annotated[int, Field(ge=1)] = 1
    valid_from: date | None = None
    valid_to: date | None = None
    dimension: Dimension = "consistency"
    authority: Authority
    left: Annotated[tuple[Left, ...], Field(min_length=1)]
    right: Annotated[tuple[Side, ...], Field(min_length=1)]
    unless: tuple[Side, ...] = ()
    flag_when: tuple[Condition, ...] = ()
    matches_at_least: int | Identifier = 1
    match: dict[Identifier, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    parameters: dict[Identifier, Parameter] = Field(default_factory=dict)
    moments: dict[Identifier, NonEmpty] = Field(default_factory=dict)
    as_of: AsOf = Field(default_factory=AsOf)
    engine: Engine | None = None
    file: str = ""

    @field_validator("left", "right", "unless", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value

    @field_validator("match", mode="before")
    @classmethod
    def _one_step_or_many(cls, value: object) -> object:
        return {name: [steps] if isinstance(steps, str) else steps for name, steps in value.items()} if isinstance(value, dict) else value

    @field_validator("match")
    @classmethod
    def _known_steps(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, steps in value.items():
            for step in steps:
                if step not in MATCH_STEPS:
                    raise ValueError(f"{name}: there is no step '{step}'; the steps: {', '.join(MATCH_STEPS)}")
                if steps.count(step) > 1:
                    raise ValueError(f"{name}: '{step}' stands there twice; write it once")
        return value

    @property
    def rule_id(self) -> str:
        """Under this its leads stand in registers and tickets."""
        return f"comparison.{self.id}"

    @property
    def sides(self) -> tuple[tuple[str, Side], ...]:
        """Every table with its place in the file, e.g. ``left[0]``."""
        parts: Mapping[str, tuple[Side, ...]] = {"left": self.left, "right": self.right, "unless": self.unless}
        return tuple((f"{name}[{index}]", side) for name, found in parts.items() for index, side in enumerate(found))

    def in_force(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    @model_validator(mode="after")
    def _coherent(self) -> Comparison:
        names = [left.name for left in self.left]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"left names {', '.join(twice)} twice; give each an 'id' of its own")
        keys = list(self.left[0].join)
        for place, side in self.sides:
            if sorted(side.join) != sorted(keys):
                raise ValueError(f"{place}.join has the keys {', '.join(side.join)}, left[0] has {', '.join(keys)}; use the same names")
        columns = set(self.right[0].columns)
        for index, other in enumerate(self.right[1:], 1):
            if set(other.columns) != columns:
                raise ValueError(f"right[{index}].columns are not those of right[0] ({', '.join(sorted(columns))}); use the same names")
        named = {"today"} | set(self.parameters) & set(self.moments)
        if clash := sorted(named & (set(self.parameters) | set(self.moments))):
            raise ValueError(f"{', '.join(clash)} is defined twice; rename the parameter or the moment")
        for condition in self.flag_when:
            for name in (condition.differs, condition.equals):
                if name is not None:
                    self._known(f"left.{name}")
                    self._known(f"right.{name}")
            for operand in (condition.earlier, condition.than):
                if operand is not None:
                    self._known(operand)
            for given in (condition.tolerance_days, condition.tolerance_months):
                self._number(given)
        self._number(self.matches_at_least)
        compared = {name for one in self.flag_when for name in (one.differs, one.equals) if name is not None}
        for matched in self.match:
            if matched not in keys and matched not in compared:
                choice = ", ".join(dict.fromkeys([*keys, *sorted(compared)]))
                raise ValueError(
                    f"match names '{matched}', which is no join key and compared by no differs or equals; name one of {choice}"
                )
        if not self.flag_when and self.matches_at_least == 1 and all(left.absent == "flag" for left in self.left):
            raise ValueError("without conditions every row is flagged, with a partner or without; write 'flag_when'")
        if self.valid_from and self.valid_to and self.valid_from > self.valid_to:
            raise ValueError(f"valid_from {self.valid_from} lies after valid_to {self.valid_to}; correct one of the two")
        return self

    def _known(self, operand: str) -> None:
        side, _, name = operand.partition(".")
        for given in {"left": self.left, "right": self.right}.get(side, ()):
            if name not in given.columns:
                known = ", ".join(given.columns) or "none"
                raise ValueError(f"flag_when names {operand}, but {given.resource} has no such column here ({known}); add it to 'columns'")

    def _number(self, given: int | str | None) -> None:
        if isinstance(given, str) and not isinstance(self.parameters.get(given), int):
            raise ValueError(f"'{given}' is no whole-number parameter; write a number, or add it to 'parameters'")
