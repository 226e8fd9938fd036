"""The interface for counter programs: one call, repeated at will; keys, limits, problem documents; checked against its own description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from sqlalchemy import func, select

from districtlake.access import clients
from districtlake.access.clients import ClientRefused
from districtlake.clock import FixedClock
from districtlake.delivery.district import District
from districtlake.errors import NotFound
from districtlake.portal.api.app import CALLS_A_MINUTE, GUESSES_A_MINUTE, MOST_BYTES
from districtlake.portal.app import create_app
from districtlake.store.tables import Report, Ticket
from districtlake.tickets import handling
from districtlake.tickets.machine import Actor
from tests.either_database import Districts, districts_of
from tests.portal_people import SECRET, prepare
from tests.small_district import PEOPLE, VISITS

pytest_plugins = ["tests.postgres_server", "tests.either_database"]

OFFICE = Actor("office.desk", "office")
BODY = {"resource": PEOPLE, "key": {"code": "A1"}, "item": "amount", "claimed": "66", "text": "与原件不符", "external_id": "W-7"}


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    return districts_of(prepare, request, tmp_path_factory)


@pytest.fixture
def district(districts: Districts, database: str, tmp_path: Path) -> Iterator[District]:
    with districts.opened(database, tmp_path / "district") as found:
        yield found


def key_for(district: District, name: str = "hall", agency: str = "other_bureau") -> str:
    return clients.create(district.store, district.clock, name, display="", agency=agency, agencies=frozenset(district.catalog.agencies), actor="test")  # fmt: skip


@pytest.fixture
def web(district: District) -> Iterator[TestClient]:
    with TestClient(create_app(district), base_url="http://portal.example", raise_server_exceptions=False) as found:
        yield found


def send(web: TestClient, key: str, number: str = "C-1", body: Any = None, **headers: str) -> Any:
    return web.post("/api/v1/feedback", json=BODY if body is None else body, headers={"Authorization": f"Bearer {key}", "Idempotency-Key": number, **headers})  # fmt: skip


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["type"] == f"urn:districtlake:{code}", found
    assert found["status"] == status
    assert found["detail"]
    return found


@pytest.mark.postgresql
def test_one_call_repeated_is_one_report_and_its_status_can_be_asked(district: District, web: TestClient) -> None:
    key = key_for(district)
    first = send(web, key)
    assert first.status_code == 201
    told = first.json()
    assert (told["stage"], told["repeated"], told["joined"], told["external_id"]) == ("waiting", False, False, "W-7")
    again = send(web, key)
    assert again.status_code == 200
    assert again.json() == {**told, "repeated": True}
    problem(send(web, key, body={**BODY, "claimed": "67"}), 422, "feedback.key_used")
    joined = send(web, key_for(district, "street"), body={**BODY, "claimed": "67"})
    assert (joined.status_code, joined.json()["joined"], joined.json()["ticket"]) == (201, True, told["ticket"])
    handling.reject(district, told["ticket"], OFFICE, "与卷宗一致")
    status = web.get(f"/api/v1/feedback/{told['id']}", headers={"Authorization": f"Bearer {key}"})
    assert (status.json()["stage"], status.json()["closing"]) == ("dismissed", "rejected")
    assert status.json()["told_at"]
    for text in (first.text, status.text):
        assert SECRET not in text
        assert "66" not in text.replace(told["id"], ""), "what was claimed is not sent back"
        assert "卷宗" not in text
    with district.store.session(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Report)) == 2
        assert set(session.scalars(select(Report.reporter))) == {"api:hall", "api:street"}


def test_keys_are_shown_once_end_with_a_new_one_and_act_for_one_agency(district: District, web: TestClient) -> None:
    old = key_for(district)
    told = send(web, old).json()
    new = key_for(district)
    problem(send(web, old), 401, "client.key")
    assert send(web, new).status_code == 200
    other = {"Authorization": f"Bearer {key_for(district, 'street')}"}
    problem(web.get(f"/api/v1/feedback/{told['id']}", headers=other), 404, "not_found")
    for wrong in ("", "x", "dlk_hall", "dlk_hall.", "dlk_none.x", f"{new}x", new.removeprefix("dlk_")):
        problem(send(web, wrong), 401, "client.key")
    clients.close(district.store, district.clock, "hall", actor="test")
    problem(send(web, new), 401, "client.key")
    assert new.partition(".")[2] not in str([vars(one) for one in clients.every(district.store)])
    with pytest.raises(ClientRefused):
        key_for(district, "hall", "registry_bureau")
    with pytest.raises(ClientRefused):
        key_for(district, "Hall!")
    with pytest.raises(NotFound):
        key_for(district, "hall2", "nobody")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**BODY, "resource": "no.such"}, 404, "not_found"),
        ({**BODY, "key": {"name": "x"}}, 422, "feedback.invalid"),
        ({**BODY, "resource": VISITS}, 422, "feedback.invalid"),
        ({**BODY, "item": "nothing"}, 422, "feedback.invalid"),
        ({**BODY, "claimed": None, "text": ""}, 422, "feedback.invalid"),
        ({**BODY, "kind": "other"}, 422, "request.invalid"),
        ({**BODY, "more": 1}, 422, "request.invalid"),
        ({**BODY, "text": "长" * 4001}, 422, "request.invalid"),
        ({**BODY, "text": "长" * MOST_BYTES}, 413, "request.too_large"),
        ([], 422, "request.invalid"),
    ],
)
def test_what_is_wrong_is_said_as_a_problem_document(district: District, web: TestClient, body: Any, status: int, code: str) -> None:
    problem(send(web, key_for(district), body=body), status, code)
    with district.store.session(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Report)) == 0


def test_calls_and_guesses_are_limited_and_so_is_a_reporters_day(district: District, web: TestClient) -> None:
    key, wrong = key_for(district), {"Authorization": "Bearer dlk_hall.no"}
    for _ in range(GUESSES_A_MINUTE):
        problem(web.get("/api/v1/feedback/0", headers=wrong), 401, "client.key")
    limited = web.get("/api/v1/feedback/0", headers=wrong)
    problem(limited, 429, "access.rate")
    assert limited.headers["retry-after"]
    for _ in range(CALLS_A_MINUTE):
        problem(web.get("/api/v1/feedback/0", headers={"Authorization": f"Bearer {key}"}), 404, "not_found")
    problem(send(web, key), 429, "access.rate")


def test_a_correction_proved_by_the_warehouse_reaches_the_program_that_reported(district: District, web: TestClient) -> None:
    told = send(web, key_for(district)).json()
    handling.dispatch(district, told["ticket"], OFFICE)
    handling.claim_fixed(district, told["ticket"], Actor("登记局", "provider", "registry_bureau"))
    later = replace(district, clock=FixedClock(district.clock.now() + timedelta(hours=1)))
    from districtlake.delivery.receive import receive
    from pipelines.routing import route
    from tests.running import run_pending
    from tests.small_district import deliver

    rows = [("A1", "甲", 66, None), ("A2", "乙", 5, None), ("A3", SECRET[:6], 7, None)]
    deliver(later.settings.inbox, "people_20260306.csv", rows)
    receive(later)
    run_pending(later)
    route(later)
    with district.store.session(read_only=True) as session:
        ticket = session.scalars(select(Ticket).where(Ticket.number == told["ticket"])).one()
        assert (ticket.closing, session.get_one(Report, told["id"]).told_at) == ("fixed", later.clock.now())


def test_the_interface_keeps_to_its_own_description(district: District, web: TestClient) -> None:
    """schemathesis makes calls of every kind from the description: no answer is a 5xx, and each is one that the description names."""
    import schemathesis

    described = web.get("/api/openapi.json").json()
    assert set(described["paths"]) == {"/v1/feedback", "/v1/feedback/{identity}"}
    assert described["components"]["schemas"]["ReportIn"]["examples"]
    for rate in ("calls", "guesses"):
        setattr(_api(web).state, rate, _NoLimit())
    key = key_for(district)
    for operation in schemathesis.openapi.from_dict(described).get_all_operations():
        _call_every_way(web, key, operation.ok())


def _call_every_way(web: TestClient, key: str, operation: Any) -> None:
    named = {*operation.definition.raw["responses"], "405", "413"}

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if case.method.upper() == "POST":
            headers["Idempotency-Key"] = str((case.headers or {}).get("Idempotency-Key") or "C-1")
        body = json.dumps(case.body).encode() if isinstance(case.body, dict | list | str | int | None) else b"{}"
        answer = web.request(case.method, "/api" + case.formatted_path, headers=headers, content=body)
        assert str(answer.status_code) in named, (case.method, answer.text)

    check()


class _NoLimit:
    def take(self, name: str) -> None:
        return


def _api(web: TestClient) -> Any:
    return next(route.app for route in web.app.routes if getattr(route, "path", "") == "/api")  # type: ignore[attr-defined]
