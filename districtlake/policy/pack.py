"""The policy pack: every number of days, class and disposition, with the article it comes from.

A pack is data with a version. Tickets, applications and grants store the id and version they ran under, so a changed pack
never changes what was promised before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from districtlake.errors import CatalogError
from districtlake.policy.pack_file import read_model, shown

Value = TypeVar("Value")
Text = Annotated[str, Field(min_length=1)]
Basis = Literal["text", "reading", "internal"]
"""text: the regulation says it. reading: our reading of it. internal: the district's own parameter (内控参数)."""
Unit = Literal["working_days", "natural_days"]
UNIT_TITLES: dict[str, str] = {"working_days": "工作日", "natural_days": "自然日"}
CYCLES = ("realtime", "daily", "weekly", "monthly", "quarterly", "half_yearly", "yearly", "irregular", "never")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Sourced(_Frozen):
    """What every provision carries: its article, and how firmly it rests on it."""

    article: Text
    basis: Basis
    note: str = ""


class Document(_Frozen):
    """The issuing document."""

    title: Text
    number: Text  # 文号
    registration: str = ""  # 规范性文件统一编号
    dated: date
    in_force: date
    repealed_on: date | None = None
    status: Literal["in_force", "repealed"]


class Limit(Sourced):
    """A number of days from a receipt."""

    days: Annotated[int, Field(ge=1, le=3660, strict=True)]
    unit: Unit
    starts: Text

    @property
    def title(self) -> str:
        """As people say it: ``5个工作日``."""
        return f"{self.days}个{UNIT_TITLES[self.unit]}"


class Parameter(Sourced, Generic[Value]):
    value: Value


class Choices(Sourced):
    """A closed list: our code -> the regulation's word."""

    values: Annotated[dict[str, Text], Field(min_length=1)]


class Deadlines(_Frozen):
    problem_handling: Limit
    problem_ceiling: Limit
    provider_opinion: Limit
    update_overdue: Limit


class Counting(_Frozen):
    receipt_day_counted: Parameter[bool]
    ceiling_moves_to_working_day: Parameter[bool]
    receipt: Parameter[Literal["system_delivery"]]


class CycleDurations(Sourced):
    """A duration for each update cycle. None: the cycle has no due date."""

    cycles: dict[str, timedelta | None]

    @field_validator("cycles")
    @classmethod
    def _every_cycle(cls, value: dict[str, timedelta | None]) -> dict[str, timedelta | None]:
        missing, unknown = [cycle for cycle in CYCLES if cycle not in value], sorted(set(value) - set(CYCLES))
        if missing or unknown:
            wrong = f"no duration for {', '.join(missing)}" if missing else f"unknown cycles {', '.join(unknown)}"
            raise ValueError(f"{wrong}; write one line for each of {', '.join(CYCLES)} (null: no due date)")
        if any(duration is not None and duration < timedelta(0) for duration in value.values()):
            raise ValueError("a duration is negative; write one such as P1D or PT1H")
        return value


class Handling(_Frozen):
    """How tickets are handled where the measures give no number. A pack that says nothing leaves each case to the Office.

    Attributes:
        auto_dispatch: findings of the machine go to the provider at once; reports always reach the Office first (Art. 27).
        waiver_days: how long a confirmed finding is not raised again at most; None: whoever confirms must say.
        escalation_every: days after which what is overdue is escalated again; None: it is escalated once.
        reports_per_day: reports one reporter may send on one day; None: no limit.
    """

    auto_dispatch: Parameter[bool] = Parameter(value=True, article="第二十七条", basis="internal")
    waiver_days: Limit | None = None
    escalation_every: Limit | None = None
    reports_per_day: Parameter[Annotated[int, Field(ge=1)]] | None = None


QUALITY_DIMENSIONS = ("normativity", "completeness", "accuracy", "consistency", "timeliness", "accessibility")


class QualityWeights(Sourced):
    """What each dimension of GB/T 36344 weighs in the total of the quality report. The standard gives none: equal by default."""

    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]

    @field_validator("weights")
    @classmethod
    def _every_dimension(cls, value: dict[str, float]) -> dict[str, float]:
        if set(value) != set(QUALITY_DIMENSIONS):
            raise ValueError(f"not one weight for each dimension; write one line for each of {', '.join(QUALITY_DIMENSIONS)}")
        if not any(value.values()):
            raise ValueError("every weight is 0; give at least one dimension a weight above 0")
        return value


EQUAL_WEIGHTS = QualityWeights(
    weights=dict.fromkeys(QUALITY_DIMENSIONS, 1.0), article="GB/T 36344-2018", basis="internal", note="标准没有规定权重，默认相等"
)


class PolicyPack(_Frozen):
    """One version of the rules of procedure."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    version: Text
    name: Text
    document: Document
    note: Text  # printed wherever a deadline is
    effective_from: date
    effective_to: date | None = None  # the first day it no longer applies
    deadlines: Deadlines
    counting: Counting
    update_grace: CycleDurations  # after the end of a cycle, until the update is overdue
    update_near: CycleDurations  # before the end of a cycle, from when it is near
    handling: Handling = Handling()
    quality_weights: QualityWeights = EQUAL_WEIGHTS
    required_fields: Choices
    sharing_classes: Choices
    opening_classes: Choices
    provision_modes: Choices
    dispositions: Choices

    @model_validator(mode="after")
    def _coherent(self) -> PolicyPack:
        if self.effective_to is not None and self.effective_to <= self.effective_from:
            raise ValueError("effective_to is not after effective_from; leave effective_to empty while the pack applies")
        if self.document.status == "repealed" and "废止" not in self.note:
            raise ValueError("the document is repealed but 'note' does not say so; write 已废止 into 'note'")
        return self

    def applies_on(self, day: date) -> bool:
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


def load_policies(catalog_dirs: Sequence[Path]) -> tuple[PolicyPack, ...]:
    """Every pack in ``<catalogue folder>/policy/*.yaml``, earliest first.

    Raises:
        CatalogError: a file is wrong, or two files hold the same id and version.
    """
    found: dict[tuple[str, str], tuple[PolicyPack, Path]] = {}
    for folder in catalog_dirs:
        for path in sorted((Path(folder) / "policy").glob("*.yaml")):
            pack = read_model(path, PolicyPack)
            earlier = found.get((pack.id, pack.version))
            if earlier is not None:
                raise CatalogError(
                    f"{shown(path)}, version: {pack.id} {pack.version} is already defined in {shown(earlier[1])}.",
                    hint="A pack that was used is never rewritten: give the new one another version.",
                )
            found[pack.id, pack.version] = (pack, path)
    return tuple(sorted((pack for pack, _ in found.values()), key=lambda pack: (pack.effective_from, pack.id, pack.version)))


def load_policy(catalog_dirs: Sequence[Path], *, on: date | None = None) -> PolicyPack:
    """The pack that applies on a day; without a day the latest.

    Args:
        catalog_dirs: catalogue folders; each may hold ``policy/*.yaml``.
        on: Asia/Shanghai day.

    Raises:
        CatalogError: none exists, a file is wrong, or two packs take effect on the same day.
    """
    packs = load_policies(catalog_dirs)
    candidates = [pack for pack in packs if on is None or pack.applies_on(on)]
    if not candidates:
        when = f" that applies on {on.isoformat()}" if on and packs else ""
        known = "; known: " + ", ".join(f"{pack.id} {pack.version} from {pack.effective_from}" for pack in packs) if packs else ""
        raise CatalogError(
            f"No policy pack{when} in {', '.join(shown(Path(folder) / 'policy') for folder in catalog_dirs) or 'any folder'}{known}.",
            hint="Put one into policy/<name>.yaml of a catalogue folder, or correct effective_from and effective_to.",
        )
    latest = candidates[-1]
    rivals = [pack for pack in candidates if pack.effective_from == latest.effective_from]
    if len(rivals) > 1:
        names = " and ".join(f"{pack.id} {pack.version}" for pack in rivals)
        raise CatalogError(
            f"Policy packs {names} both take effect on {latest.effective_from}.", hint="Correct effective_from of one of them."
        )
    return latest
