"""Sends a district's messages in a process of its own that kills itself: ``python -m tests.notify_child POINT``.

POINT: ``never``, ``commit:<n>`` (just before the n-th commit of the store), or ``<step>:<n>`` (the n-th "claimed" or "handed over").
"""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import event

from districtlake.delivery.district import open_district
from districtlake.notifications.sending import send


def main(point: str) -> None:
    kind, _, number = point.partition(":")
    left = int(number or 0)
    district = open_district()

    def step(name: str) -> None:
        nonlocal left
        if name == kind:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(district.store.engine, "commit", lambda connection: step("commit"))
    send(district, between=step)
    district.store.close()


if __name__ == "__main__":
    main(sys.argv[1])
