"""Hands something in, in a process of its own that kills itself: ``python -m tests.hand_in_child ACTION FILE POINT``.

ACTION: ``answer`` (a filled package, as the provider) or ``upload`` (a correction, through the portal's page). POINT: ``commit:<n>`` (just
before the n-th commit of the store), ``archived`` (the bytes are kept, the ledger does not know them yet), or ``count``: live on, and
print how many commits there were.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from districtlake.delivery import receive
from districtlake.delivery.corrected_rows import take_package
from districtlake.delivery.district import District, open_district
from districtlake.tickets.machine import Actor

PROVIDER = Actor("registry.desk", "provider", "registry_bureau")


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(action: str, file: str, point: str) -> None:
    kind, _, number = point.partition(":")
    district = open_district()
    hand_in = answering(district, Path(file)) if action == "answer" else uploading(district, Path(file))
    if kind == "archived":
        receive._register = die  # type: ignore[assignment]
    commits = 0

    def before_commit(connection: Any) -> None:
        nonlocal commits
        commits += 1
        if kind == "commit" and commits == int(number):
            die()

    event.listen(district.store.engine, "commit", before_commit)
    hand_in()
    event.remove(district.store.engine, "commit", before_commit)
    district.store.close()
    print(f"commits {commits}")


def answering(district: District, file: Path) -> Any:
    return lambda: take_package(district, file, PROVIDER)


def uploading(district: District, file: Path) -> Any:
    """Signed in beforehand: what is killed is the upload."""
    from fastapi.testclient import TestClient

    from districtlake.portal.app import create_app
    from tests.portal_people import MINE, csrf_of, sign_in
    from tests.small_district import PEOPLE

    client = TestClient(create_app(district), base_url="http://portal.example", follow_redirects=False)
    assert sign_in(client, MINE).status_code == 303
    data = {"csrf": csrf_of(client.get("/upload").text), "resource": PEOPLE, "correction": "1"}

    def hand_in() -> None:
        answer = client.post("/upload", data=data, files={"file": (file.name, file.read_bytes())})
        assert answer.status_code == 200, answer.text

    return hand_in


if __name__ == "__main__":
    main(*sys.argv[1:])
