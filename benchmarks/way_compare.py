"""Are both sides' tables equal, row by row? Exit code 1 names the rows.

``python -m benchmarks.way_compare <our lake> <resource> <lake by hand>``
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

IDENTITY = {
    "raw": ["_delivery", "_row"],
    "cleansed": ["_delivery", "_row"],
    "changes": ["_delivery", "_row", "item"],
    "quarantine": ["_delivery", "_row"],
    "problems": ["problem_id"],
    "history": ["citizen_id", "_valid_to"],
    "warehouse": ["citizen_id"],
}
"""The columns that tell the rows of a table apart, and so put both sides in one order."""
SHOWN = 3


def difference(ours: pl.DataFrame, by_hand: pl.DataFrame, identity: list[str]) -> str:
    """What differs between two frames, in words; empty when they hold the same rows with the same types."""
    if set(ours.columns) != set(by_hand.columns):
        return f"columns differ: {sorted(set(ours.columns) ^ set(by_hand.columns))}"
    by_hand = by_hand.select(ours.columns)
    if ours.schema != by_hand.schema:
        return f"types differ: {[(n, a, by_hand.schema[n]) for n, a in ours.schema.items() if a != by_hand.schema[n]]}"
    if ours.select(identity).is_duplicated().any() or by_hand.select(identity).is_duplicated().any():
        return f"{identity} does not tell the rows apart"
    ours, by_hand = ours.sort(identity), by_hand.sort(identity)
    if ours.equals(by_hand):
        return ""
    parts = [f"{ours.height:,} rows of ours, {by_hand.height:,} by hand"]
    for word, left, right in (("only ours", ours, by_hand), ("only by hand", by_hand, ours)):
        lone = left.join(right, on=identity, how="anti", nulls_equal=True)
        parts += [f"{word} ({lone.height:,}): {row}" for row in lone.head(SHOWN).to_dicts()]
    both = ours.join(by_hand, on=identity, how="inner", suffix="__by_hand", nulls_equal=True)
    for name in [name for name in ours.columns if name not in identity]:
        unequal = both.filter(pl.col(name).ne_missing(pl.col(f"{name}__by_hand")))
        parts += [
            f"{name} differs ({unequal.height:,}): {row}"
            for row in unequal.select(*identity, name, f"{name}__by_hand").head(SHOWN).to_dicts()
        ]
    return "\n    ".join(parts)


def main(arguments: list[str]) -> None:
    ours, resource, by_hand = arguments
    agency, name = resource.split(".")
    unequal = 0
    for table, identity in IDENTITY.items():
        left = pl.scan_delta(str(Path(ours) / table / agency / name)).collect()
        right = pl.scan_delta(str(Path(by_hand) / table)).collect()
        found = difference(left, right, identity)
        if found:
            unequal += 1
            print(f"UNEQUAL {table}: {found}")
        else:
            print(f"  equal {table}: {left.height:,} rows")
    sys.exit(1 if unequal else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
