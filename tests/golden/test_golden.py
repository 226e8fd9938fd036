"""Small goldens by value: the shipped district's outcome and the rules its catalogue compiles to. A change here is a change for users.

Regenerate after a wanted change: ``UPDATE_GOLDEN=1 python -m pytest tests/golden``, and read the difference before committing it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from districtlake.catalog.load import load_catalog
from districtlake.demo import generate
from districtlake.quality.derive import rules_of
from districtlake.settings import PROJECT_ROOT
from districtlake.warehouse.commit import read
from tests.running import SIX, run_folder

HERE = Path(__file__).parent


def hold(name: str, found: Any) -> None:
    path = HERE / f"{name}.json"
    text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(text)


def test_the_rules_of_the_shipped_catalogue() -> None:
    catalog = load_catalog([PROJECT_ROOT / "catalog"])
    hold(
        "rules",
        {
            resource.id: [
                f"{rule.id} {rule.expectation} {rule.dimension} {rule.severity} {rule.on_failure} {rule.scope}"
                + ("" if rule.evaluable else " not evaluable")
                for rule in rules_of(resource, catalog)
            ]
            for resource in catalog.resources.values()
        },
    )


def test_the_outcome_of_the_shipped_seed(tmp_path: Path, open_test_district: Callable[..., Any]) -> None:
    generate(tmp_path / "demo", seed=20260302, days=3, first_day=date(2026, 3, 2), size=200, resources=SIX)
    district = open_test_district()
    _, outcomes = run_folder(district, tmp_path / "demo" / "inbox")
    found: dict[str, Any] = {"deliveries": {outcome.file: {k: v for k, v in outcome.counts.items() if v} for outcome in outcomes}}
    for resource in sorted({outcome.resource for outcome in outcomes}):
        register = read(district.lake, "problems", resource)
        found[resource] = {
            "open": dict(sorted(Counter(register.filter(state="open")["rule"].to_list()).items())),
            "closed": dict(sorted(Counter(register.filter(state="closed")["rule"].to_list()).items())),
            "warehouse": read(district.lake, "warehouse", resource).height,
            "history": read(district.lake, "history", resource).height,
            "altered_by_rule": dict(sorted(Counter(read(district.lake, "changes", resource)["rule"].to_list()).items())),
        }
    hold("shipped_seed", found)
