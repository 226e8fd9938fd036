"""Problem registers made by hand, for tests of tickets and packages. Identities are synthetic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from districtlake.quality.problems import REGISTER, problem_id

AGENCY = "human_resources_bureau"
RESOURCE = f"{AGENCY}.insured_persons"
SEEN = datetime(2026, 9, 24, 1, tzinfo=UTC)


def problem(key: str, rule: str = "citizen_id.conforms", delivery: str = "d1", **values: Any) -> dict[str, Any]:
    """One open problem; ``closing`` closes it."""
    resource = values.pop("resource", RESOURCE)
    item = values.pop("item", rule.split(".")[0])
    row = {
        "problem_id": problem_id(resource, rule, key, item), "resource": resource, "agency": resource.split(".")[0], "rule": rule,
        "rule_title": "公民身份号码应符合 GB 11643。", "item": item, "key": key, "first_delivery": delivery, "first_seen_at": SEEN,
        "last_delivery": delivery, "last_seen_at": SEEN, "sightings": 1, "state": "open", "closed_delivery": None, "closed_at": None,
        "closing": None, "dimension": "normativity", "severity": "critical", "on_failure": "quarantine", "file": "参保.csv", "sheet": None,
        "row": 2, "value": "330203199006150017", "reason": "校验码不符。",
    }  # fmt: skip
    if values.get("closing"):
        row |= {"state": "closed", "closed_delivery": "later", "closed_at": SEEN}
    return row | values


def register(*problems: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(problems), schema=REGISTER)
