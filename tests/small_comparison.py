"""A comparison over the small district: people of the registry bureau are asked, notes of the other bureau are believed."""

from __future__ import annotations

from pathlib import Path

from tests.small_district import NOTES, PEOPLE, write_catalog

FACTS = """
person_label:
  {subject: person, title: 名称, element: remark, source: other_bureau.notes.name}
"""
YAML = f"""
code: T1
title: 名称与邻局不一致
description: 同一编号，名称不同
authority: {{element: remark, subject: person}}
left:
  resource: {PEOPLE}
  join: {{code: code}}
  columns: {{name: name, amount: amount}}
right:
  resource: {NOTES}
  join: {{code: code}}
  columns: {{name: name, amount: amount}}
flag_when:
  - {{differs: name, matching: name}}
as_of: {{fresher: either}}
"""


def write_comparison(catalog: Path, yaml: str = YAML, name: str = "labels") -> Path:
    """The small catalogue with one comparison; its file."""
    if not (catalog / "agencies.yaml").exists():
        write_catalog(catalog)
    (catalog / "authority.yaml").write_text(FACTS, encoding="utf-8")
    (catalog / "comparisons").mkdir(exist_ok=True)
    path = catalog / "comparisons" / f"{name}.yaml"
    path.write_text(yaml, encoding="utf-8")
    return path
