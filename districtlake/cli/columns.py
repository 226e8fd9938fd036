"""Which columns of a wide table a terminal shows: those asked for, or as many as fit, the telling ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from districtlake.cli.output import shown_as
from districtlake.errors import OperationRefused

_LEAST, _MOST = 4, 24
"""A column is shown at its natural width up to so many cells; longer texts are folded into it."""
_LAST = ("_extra", "_fingerprint", "rules", "_delivery", "_sheet", "_valid_from", "_valid_to", "_ended_by", "_ending")


def chosen(asked: str, there: Sequence[str], titles: Mapping[str, str]) -> list[str]:
    """The columns named by ``asked`` (names or Chinese titles, separated by commas), in its order.

    Raises:
        OperationRefused: a column is not there; names those there are.
    """
    named = {**{title: name for name, title in titles.items() if name in there}, **{name: name for name in there}}
    wanted = [one.strip() for one in asked.replace("，", ",").split(",") if one.strip()]
    for one in wanted:
        if one not in named:
            raise OperationRefused(f"There is no column {one}.", hint=f"Columns are: {', '.join(there)}.")
    if not wanted:
        raise OperationRefused("No column is named.", hint=f"Columns are: {', '.join(there)}.")
    return list(dict.fromkeys(named[one] for one in wanted))


def fitting(rows: Sequence[Mapping[str, Any]], headings: Mapping[str, str], width: int, first: Sequence[str]) -> list[str]:
    """As many columns as ``width`` cells hold: those of ``first``, then the others in their order; told in the order of ``headings``, ``first`` before.

    At least one is given.
    """
    ordered = [name for name in dict.fromkeys(first) if name in headings]
    ordered += [name for name in headings if name not in ordered and name not in _LAST] + [
        name for name in headings if name in _LAST and name not in ordered
    ]
    kept, used = list[str](), 1
    for name in ordered:
        longest = max((cell_len(line) for row in rows for line in shown_as(row.get(name)).splitlines() or [""]), default=0)
        need = min(max(longest, cell_len(headings[name]), _LEAST), _MOST) + 3
        if kept and used + need > width:
            continue
        kept.append(name)
        used += need
    return kept


def telling(layer: str, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a person looks at first: of a quarantined row its place, key and reasons, and the items that are wrong; of others the key."""
    if layer != "quarantine":
        return list(key)
    wrong = {str(rule).split(".", 1)[0] for row in rows for rule in row.get("rules") or ()}
    return ["_file", "_row", "key", "reasons", *sorted(wrong)]
