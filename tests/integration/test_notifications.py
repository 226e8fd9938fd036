"""Messages on their way: a real mail server, a real webhook, and a process that is killed between any two writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from districtlake.clock import FixedClock
from districtlake.delivery.district import District
from districtlake.errors import NotFound
from districtlake.notifications import hooks
from districtlake.notifications.hooks import HookRefused, allowed
from districtlake.notifications.sending import BACK_OFF, Sent, counts, messages, retry, send
from districtlake.notifications.signing import SIGNATURE, TIMESTAMP, verified
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.store.tables import Message, MessageItem, Notification, Ticket
from districtlake.tickets import feedback, handling
from districtlake.tickets.machine import Actor
from districtlake.warehouse.history import current
from tests.either_database import Districts, districts_of
from tests.portal_people import SECRET, closing_store, prepare
from tests.receivers import Mailbox, mail_server, webhook_server
from tests.small_district import NOON, PEOPLE, environment, open_small

pytest_plugins = ["tests.postgres_server", "tests.either_database"]

OFFICE = Actor("office.desk", "office")
PORTAL = "https://portal.district.example"


@pytest.fixture(scope="module")
def districts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Districts:
    """Two tickets of one agency, dispatched in the night."""
    return districts_of(prepare, request, tmp_path_factory)


@pytest.fixture
def folder(districts: Districts, database: str, tmp_path: Path) -> Path:
    return districts.copy(database, tmp_path / "district")


@pytest.fixture
def server() -> Iterator[tuple[Mailbox, int]]:
    with mail_server() as found:
        yield found


def posting(port: int, **more: Any) -> dict[str, Any]:
    return {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "portal_url": PORTAL, **more}


def later(district: District, **passed: float) -> District:
    return replace(district, clock=FixedClock(district.clock.now() + timedelta(**passed)))


def text(mail: Any) -> str:
    return str(mail.get_content())


@pytest.mark.postgresql
def test_a_night_makes_one_digest_for_each_agency_with_numbers_and_links_only(folder: Path, server: tuple[Mailbox, int]) -> None:
    box, port = server
    with closing_store(open_small(folder, **posting(port))) as district:
        assert send(district) == Sent(queued=1, sent=1)
        (mail,) = box.mails
        assert mail["To"] == "registry@district.example"
        assert mail["Subject"] == "工单提醒 2026-03-06：转提供单位2件"
        assert mail["Auto-Submitted"] == "auto-generated"
        with district.store.session(read_only=True) as session:
            numbers = list(session.scalars(select(Ticket.number)))
        assert len(numbers) == 2
        for number in numbers:
            assert f"{PORTAL}/tickets/{number}" in text(mail)
        for value in (SECRET, "A2", "500", "A3"):
            assert value not in text(mail) + mail["Subject"]
        assert send(district) == Sent()
        assert len(box.mails) == 1


def test_by_day_only_what_cannot_wait_goes_out_the_rest_with_the_next_night(folder: Path, server: tuple[Mailbox, int]) -> None:
    box, port = server
    with closing_store(open_small(folder, **posting(port))) as district:
        assert send(district, everything=False) == Sent()
        handling.mark_urgent(district, "T2026-000001", OFFICE, due=NOON.date(), reason="申请人当日办理")
        assert send(district, everything=False).sent == 1  # its dispatch goes with it; the other ticket waits
        assert "【标记业务紧急】1件" in text(box.mails[0])
        assert "当日办理" not in text(box.mails[0])
        assert "T2026-000002" not in text(box.mails[0])
        assert send(later(district, hours=6), everything=False) == Sent()
        assert send(later(district, hours=13), everything=False).sent == 1  # a night that did not run: the day is over
        assert "T2026-000002" in text(box.mails[1])


def test_without_a_mail_server_everything_waits_and_says_so(folder: Path) -> None:
    with closing_store(open_small(folder)) as district:
        done = send(district)
        assert (done.queued, done.sent, done.waiting) == (1, 0, 1)
        assert "DISTRICTLAKE_SMTP_HOST" in done.closed
    with closing_store(open_small(folder, **posting(9))) as district:  # nobody listens there
        for _ in range(2):
            done = send(district)
            assert (done.sent, done.failed, done.dead, done.waiting) == (0, 0, 0, 1)
            assert "cannot be reached" in done.closed
        (message,) = messages(district)
        assert message["attempts"] == 0  # not its fault
    with mail_server() as (box, port), closing_store(open_small(folder, **posting(port))) as district:
        assert send(district).sent == 1
        assert len(box.mails) == 1


def test_refused_for_now_is_tried_again_ever_more_rarely_and_ends_as_a_dead_letter(folder: Path, server: tuple[Mailbox, int]) -> None:
    box, port = server
    with closing_store(open_small(folder, **posting(port))) as district:
        box.refusals = ["451 later"] * (len(BACK_OFF) + 1)
        now = district
        for pause in BACK_OFF:
            assert send(now).failed == 1
            assert send(later(now, seconds=pause.total_seconds() - 1)).failed == 0
            now = later(now, seconds=pause.total_seconds())
        assert send(now).dead == 1
        assert send(later(now, days=30)) == Sent()
        (message,) = messages(now, state="dead")
        assert "for now (451)" in message["error"]
        assert retry(now, message["id"]) == 1
        assert send(now).sent == 1
        assert box.ids == [f"<{message['id']}@districtlake.invalid>"]
        with pytest.raises(NotFound):
            retry(now, message["id"])


@pytest.mark.postgresql
def test_refused_for_good_is_dead_at_once(folder: Path, server: tuple[Mailbox, int]) -> None:
    box, port = server
    with closing_store(open_small(folder, **posting(port))) as district:
        box.refusals = ["550 no such mailbox"]
        assert send(district).dead == 1
        assert counts(district) == {"unqueued": 0, "waiting": 0, "sent": 0, "dead": 1}
        assert retry(district) == 1
        assert send(district).sent == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the test's own server, on the loopback
def test_it_signs_in_with_the_password_of_the_file_and_not_without(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("right\n", encoding="utf-8")
    options = posting(0, smtp_user="lake", smtp_password_file=tmp_path / "password")
    box = Mailbox()
    with (
        mail_server(authenticator=box.authenticate, auth_required=True, auth_require_tls=False) as (received, port),
        closing_store(open_small(folder, **{**options, "smtp_port": port})) as district,
    ):
        (tmp_path / "password").write_text("wrong", encoding="utf-8")
        assert "does not let lake in" in send(district).closed
        (tmp_path / "password").write_text("right\n", encoding="utf-8")
        assert send(district).sent == 1
    assert set(box.auth) == {"lake"}
    assert len(received.mails) == 1


def report(district: District, name: str = "api:hall", **more: Any) -> str:
    given = {"request_id": "C-1", "key": "A1", "item": "amount", "claimed": "6", **more}
    actor = Actor(name, "user", "other_bureau")
    return feedback.report(
        district, actor, district.resource(PEOPLE), lambda one: current(district.lake, one), channel="api", **given
    ).number


def test_a_program_hears_by_signed_callback_what_became_of_its_report(folder: Path) -> None:
    with webhook_server() as (calls, port), closing_store(open_small(folder, webhook_hosts=f"http://127.0.0.1:{port}")) as district:
        for algorithm in hooks.ALGORITHMS:
            url = f"http://127.0.0.1:{port}/{algorithm}"
            hooks.add(district, "reporter", f"api:{algorithm}", url, algorithm=algorithm, actor="test")
        for algorithm in hooks.ALGORITHMS:
            number = report(district, f"api:{algorithm}", claimed="6")
        handling.reject(district, number, OFFICE, "与卷宗一致")
        done = send(district)
        assert done.sent == 2
        now = int(district.clock.now().timestamp())
        of_algorithm = {headers[SIGNATURE].partition("=")[0]: (headers, body) for headers, body in calls.received}
        assert set(of_algorithm) == set(hooks.ALGORITHMS)
        for hook in hooks.every(district):
            headers, body = of_algorithm[hook.algorithm]
            secret, told = hooks.secret_of(district.settings, hook), json.loads(body)
            seen: set[str] = set()
            assert verified(secret, headers, body, now + 200, seen) == "new"
            assert verified(secret, headers, body, now + 200, seen) == "repeated"
            assert verified(secret, headers, body, now + 301, set()) == "stale"
            assert verified(secret, headers, body.replace(b"rejected", b"accepted"), now, set()) == "forged"
            assert verified(secret, {**headers, TIMESTAMP: str(now + 1)}, body, now, set()) == "forged"
            assert verified(b"other", headers, body, now, set()) == "forged"
            assert verified(secret, {}, body, now, set()) == "forged"
            assert (told["type"], told["ticket"], told["closing"]) == ("ticket.rejected", number, "rejected")
            assert [one["request_id"] for one in told["reports"]] == ["C-1"]
            assert "卷宗" not in body.decode()


def test_a_webhook_is_tried_again_under_the_same_id_and_never_follows_elsewhere(folder: Path) -> None:
    with webhook_server() as (calls, port), closing_store(open_small(folder, webhook_hosts=f"http://127.0.0.1:{port}")) as district:
        hooks.add(district, "agency", "registry_bureau", f"http://127.0.0.1:{port}/", algorithm="hmac-sha256", actor="test")
        calls.answers = [(500, {}), (302, {"Location": "http://127.0.0.1:1/"}), (204, {}), (410, {})]
        assert (send(district).failed, len(calls.received)) == (2, 2)
        now = later(district, seconds=BACK_OFF[0].total_seconds())
        done = send(now)
        assert (done.sent, done.dead) == (1, 1)
        ids = [headers["X-DistrictLake-Id"] for headers, _ in calls.received]
        assert ids[:2] == ids[2:]
        hooks.remove(district, 1, actor="test")
        retry(now)
        assert send(now).dead == 1
        assert "was removed" in messages(now, state="dead")[0]["error"]


@pytest.mark.parametrize(
    "url",
    [
        "http://hall.example/", "https://hall.example:8443/", "https://hall.example@evil.example/", "https://evil.example/?hall.example",
        "https://hall.example.evil.example/", "file:///etc/passwd", "https://169.254.169.254/", "https://127.0.0.1/", "https://[::1]/",
        "https://hall.example\\@evil.example/", "https://hall.example:x/", "//hall.example/", "https://user:word@hall.example/", "",
        "gopher://hall.example/", "https://hall.example\n.evil.example/",
    ],
)  # fmt: skip
def test_only_listed_hosts_are_called(url: str) -> None:
    settings = Settings(webhook_hosts="hall.example, http://plain.example:8080")
    assert allowed("https://hall.example/callback?x=1", settings)
    assert allowed("https://HALL.example.:443/", settings)
    assert allowed("http://plain.example:8080/", settings)
    with pytest.raises(HookRefused):
        allowed(url, settings)


def test_a_host_that_is_listed_no_more_is_called_no_more(folder: Path) -> None:
    with webhook_server() as (calls, port):
        with closing_store(open_small(folder, webhook_hosts=f"http://127.0.0.1:{port}")) as district:
            hooks.add(district, "agency", "registry_bureau", f"http://127.0.0.1:{port}/", algorithm="hmac-sm3", actor="test")
        with closing_store(open_small(folder)) as district:
            assert send(district).dead == 2
        assert calls.received == []


POINTS = ["commit:1", "commit:2", "claimed:1", "handed over:1", "commit:3", "claimed:2", "handed over:2", "commit:5"]


@pytest.mark.crash
@pytest.mark.parametrize("point", POINTS)
def test_killed_between_any_two_writes_no_mail_is_lost_and_a_repeat_has_the_same_id(
    folder: Path, server: tuple[Mailbox, int], point: str
) -> None:
    box, port = server
    with closing_store(open_small(folder)) as district:
        report(district)  # the Office hears of it: a second mail
        settings = district.settings
    child = environment(settings) | {
        "DISTRICTLAKE_MAIL_FROM": "lake@district.example", "DISTRICTLAKE_SMTP_HOST": "127.0.0.1", "DISTRICTLAKE_SMTP_PORT": str(port), "DISTRICTLAKE_SMTP_SECURITY": "none",
    }  # fmt: skip
    run = subprocess.run([sys.executable, "-m", "tests.notify_child", point], env=child, cwd=PROJECT_ROOT, capture_output=True, check=False)
    assert run.returncode == -9, run.stderr.decode()
    before = len(box.mails)
    with closing_store(open_small(folder, **posting(port, mail_from="lake@district.example"))) as district:
        now = later(district, minutes=2)
        send(now)
        with district.store.session(read_only=True) as session:
            assert {(one.state, one.channel) for one in session.scalars(select(Message))} == {("sent", "mail")}
            told = {one.id for one in session.scalars(select(Notification))}
            assert {one.notification_id for one in session.scalars(select(MessageItem))} == told
            assert all(one.sent_at for one in session.scalars(select(Notification)))
            sent = {f"<{one.id}@district.example>" for one in session.scalars(select(Message))}
    assert set(box.ids) == sent
    assert len(sent) == 2
    repeated = len(box.mails) - len(sent)
    assert repeated == (1 if point in ("handed over:1", "handed over:2", "commit:3", "commit:5") else 0), (before, box.ids)
