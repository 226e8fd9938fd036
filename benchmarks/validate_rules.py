"""The twenty columns and twenty-seven rules that every tool of the validation benchmark gets, as data. Light: any side imports it.

A missing value breaks no rule but ``present``; of repeated keys every row fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

KEY = "record_no"
COLUMNS = (
    "record_no", "citizen_id", "name", "sex", "birth_date", "uscc", "region", "phone", "status", "start_date", "end_date", "amount", "base",
    "months", "score", "email", "address", "licence", "category", "part",
)  # fmt: skip
SETS = {
    "sex": ["0", "1", "2", "9"],
    "status": ["1", "2", "3", "4", "5"],
    "category": [f"{number:02d}" for number in range(1, 57)],
    "region": [f"3302{number:02d}" for number in range(1, 30)],
}
REGEXES = {
    "citizen_id": "^[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]$",
    "uscc": "^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$",
    "phone": "^1[3-9][0-9]{9}$",
    "email": "^[a-z0-9.]+@[a-z0-9]+[.]example$",
    "licence": "^JY[0-9]{14}$",
}


@dataclass(frozen=True)
class Asked:
    """One rule. ``kind``: present, unique, in_set, regex, length, between, after (first column greater than second), not_above."""

    kind: str
    columns: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str:
        return f"{self.kind}.{'_'.join(self.columns)}"

    @property
    def column(self) -> str:
        return self.columns[0]


def _bounds(low: Any, high: Any) -> dict[str, Any]:
    return {"low": low, "high": high}


RULES: tuple[Asked, ...] = (
    *[Asked("present", (name,)) for name in ("record_no", "citizen_id", "name", "sex", "birth_date", "status")],
    Asked("unique", ("record_no",)),
    Asked("unique", ("licence", "part")),
    *[Asked("in_set", (name,), {"values": values}) for name, values in SETS.items()],
    *[Asked("regex", (name,), {"pattern": pattern}) for name, pattern in REGEXES.items()],
    Asked("length", ("name",), _bounds(2, 20)),
    Asked("length", ("address",), _bounds(4, 60)),
    Asked("length", ("uscc",), _bounds(18, 18)),
    Asked("between", ("amount",), _bounds(0.0, 50_000.0)),
    Asked("between", ("base",), _bounds(0.0, 30_000.0)),
    Asked("between", ("months",), _bounds(0, 600)),
    Asked("between", ("score",), _bounds(0, 100)),
    Asked("between", ("birth_date",), _bounds("1900-01-01", "2026-12-31")),
    Asked("after", ("end_date", "start_date")),
    Asked("not_above", ("base", "amount")),
)
