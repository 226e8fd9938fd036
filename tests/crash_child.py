"""A district's night in a process of its own that kills itself at a given point: ``python -m tests.crash_child ACTION POINT``.

ACTION: "night" (receive, process, route), "revalidate" (changed rules, route) or "withdraw:<file>". POINT: "never", "commit:<n>" (after the n-th commit, the ledger's
included), "archived", "prepared", "ticketed" (see ``_plant``).
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from districtlake.delivery import ledger, operations, receive
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Engine, Hooks
from districtlake.delivery.revalidate import revalidate_outdated
from pipelines import routing
from tests.plain_validator import validate
from tests.running import run_folder
from tests.small_district import deliveries

BY = {"actor": "处长", "reason": "误报"}


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def act(district: District, action: str, engine: Engine) -> None:
    if action == "night":
        run_folder(district, district.settings.inbox, engine)
    elif action == "revalidate":
        revalidate_outdated(district, engine)
    else:
        name = action.partition(":")[2]
        operations.withdraw(district, deliveries(district)[name].id, engine, **BY)
    routing.route(district)


def _plant(point: str) -> Hooks:
    kind, _, number = point.partition(":")
    if kind == "archived":  # the bytes are in the archive, the ledger does not know them yet
        receive._register = die  # type: ignore[assignment]
    elif kind == "prepared":  # the operation is open and nothing is written
        ledger.prepare = die  # type: ignore[assignment]
    elif kind == "ticketed":  # tickets are raised, no package is written
        routing.write_packages = die  # type: ignore[assignment]
    left = int(number) if kind == "commit" else -1

    def committed(layer: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            die()

    return Hooks(committed=committed)


def main(action: str, point: str) -> None:
    act(open_district(), action, Engine(validator=validate, hooks=_plant(point)))


if __name__ == "__main__":
    main(*sys.argv[1:])
