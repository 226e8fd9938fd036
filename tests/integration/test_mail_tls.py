"""Mail over TLS: a real mail server with a certificate of an authority of its own, by STARTTLS and by TLS from the first byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from districtlake.notifications.sending import Sent, counts, send
from tests.certificates import Authority, Served
from tests.portal_people import closing_store, prepare
from tests.receivers import Mailbox, mail_server
from tests.small_district import open_small

pytestmark = pytest.mark.filterwarnings("ignore:.*tls:UserWarning")  # the controller's opinion of its own options


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "district")
    (tmp_path / "password").write_text("right\n", encoding="utf-8")
    return tmp_path / "district"


@contextmanager
def encrypted(security: str, served: Served, **more: Any) -> Iterator[tuple[Mailbox, dict[str, Any]]]:
    """A server that takes mail from who signed in over TLS, and how to post to it (but for the authority)."""
    box = Mailbox()
    context = {"ssl_context": served.context()} if security == "tls" else {"tls_context": served.context(), "require_starttls": True}
    asked = {"authenticator": box.authenticate, "auth_required": True, **({"auth_require_tls": False} if security == "tls" else {})}
    with mail_server(**{**context, **asked, **more}) as (received, port):
        yield received, {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": security, "smtp_user": "lake"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_out_encrypted_and_signed_in(folder: Path, authority: Authority, security: str) -> None:
    with encrypted(security, authority.serve("127.0.0.1")) as (box, posting):
        posting |= {"smtp_ca_file": authority.file, "smtp_password_file": folder.parent / "password"}
        with closing_store(open_small(folder, **posting)) as district:
            assert send(district) == Sent(queued=1, sent=1)
        assert len(box.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["another authority", "another name", "expired"])
def test_a_wrong_certificate_is_refused_and_the_mail_waits(
    folder: Path, authority: Authority, tmp_path: Path, security: str, fault: str
) -> None:
    served = authority.serve("mail.other.example") if fault == "another name" else authority.serve("127.0.0.1", expired=fault == "expired")
    trusted = Authority(tmp_path / "another").file if fault == "another authority" else authority.file
    with encrypted(security, served) as (box, posting):
        posting |= {"smtp_ca_file": trusted, "smtp_password_file": folder.parent / "password"}
        with closing_store(open_small(folder, **posting)) as district:
            done = send(district)
            assert (done.sent, done.dead, done.failed, done.waiting) == (0, 0, 0, 1)
            assert "certificate" in done.closed
            assert "DISTRICTLAKE_SMTP_CA_FILE" in done.closed
            assert counts(district)["waiting"] == 1
        assert box.mails == []
    with encrypted(security, authority.serve("127.0.0.1")) as (box, posting):  # put right, it goes out
        posting |= {"smtp_ca_file": authority.file, "smtp_password_file": folder.parent / "password"}
        with closing_store(open_small(folder, **posting)) as district:
            assert send(district).sent == 1
        assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"smtp_password_file": "wrong"}, "does not let lake in"),
        ({"smtp_password_file": "none"}, "DISTRICTLAKE_SMTP_PASSWORD_FILE"),
        ({"smtp_ca_file": "none"}, "DISTRICTLAKE_SMTP_CA_FILE"),
        ({"smtp_ca_file": "wrong"}, "DISTRICTLAKE_SMTP_CA_FILE"),
        ({"smtp_security": "tls"}, "no common TLS"),
        ({"smtp_host": "mail.district.example", "smtp_security": "none"}, "readably"),
    ],
)
def test_what_is_set_wrongly_is_named_and_nothing_is_lost(folder: Path, authority: Authority, changes: dict[str, str], words: str) -> None:
    (folder.parent / "wrong").write_text("wrong", encoding="utf-8")
    with encrypted("starttls", authority.serve("127.0.0.1")) as (box, posting):
        posting |= {"smtp_ca_file": authority.file, "smtp_password_file": folder.parent / "password"}
        posting |= {name: folder.parent / value if name.endswith("_file") else value for name, value in changes.items()}
        with closing_store(open_small(folder, **posting)) as district:
            done = send(district)
            assert words in done.closed
            assert (done.sent, done.waiting) == (0, 1)
        assert box.mails == []


def test_a_server_without_starttls_gets_no_mail_and_no_password(folder: Path, authority: Authority) -> None:
    box = Mailbox()
    with mail_server(authenticator=box.authenticate, auth_require_tls=False) as (received, port):
        posting = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_user": "lake", "smtp_password_file": folder.parent / "password"}
        with closing_store(open_small(folder, **posting)) as district:
            done = send(district)
            assert "offers no STARTTLS" in done.closed
            assert (done.sent, done.waiting) == (0, 1)
    assert (box.auth, received.mails) == ([], [])
