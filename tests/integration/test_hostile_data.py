"""Texts that mean harm, in every place that people can write to: shown as text in pages, workbooks and mails, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from sqlalchemy import select

from districtlake.delivery.district import District
from districtlake.notifications.sending import counts, messages, send
from districtlake.portal.app import create_app
from districtlake.store.tables import Ticket
from tests.hostile_district import BREAKING, MARK, prepare_hostile
from tests.portal_people import MINE, OFFICE, closing_store, sign_in
from tests.receivers import mail_server
from tests.small_district import PEOPLE, open_small


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "district")
    return tmp_path / "district"


@pytest.fixture
def district(folder: Path) -> Iterator[District]:
    with closing_store(open_small(folder)) as found:
        yield found


class Structure(HTMLParser):
    """What a page is made of: whatever runs, and whether what is opened is closed in its order."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "source", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.wrong.append("a script of somebody's")
        if tag == "img" and not (given.get("src") or "").startswith("/static/"):
            self.wrong.append("an image of somebody's")
        self.wrong += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        self.wrong += [
            f"{tag} {name}={value}"
            for name, value in given.items()
            if name in ("href", "src", "action") and not (value or "").startswith(("/", "#"))
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> out of place")


def test_pages_show_it_as_text_and_keep_their_shape(district: District) -> None:
    with district.store.session(read_only=True) as session:
        numbers = list(session.scalars(select(Ticket.number)))
    shown = 0
    for login, paths in ((MINE, ("/answers", "/upload")), (OFFICE, ("/board", "/audit", "/upload"))):
        with TestClient(create_app(district), base_url="http://portal.example") as client:
            sign_in(client, login)
            tickets = [f"/tickets/{number}{query}" for number in numbers for query in ("", "?unmasked=true")]
            for path in ("/", "/tickets?state=all", *tickets, "/resources", f"/resources/{PEOPLE}", f"/feedback?resource={PEOPLE}", *paths):
                page = client.get(path)
                assert page.status_code == 200, path
                structure = Structure()
                structure.feed(page.text)
                structure.close()
                assert (structure.wrong, structure.open) == ([], []), path
                assert "{{7*7}}" in page.text or MARK not in page.text
                shown += f"onerror={MARK}" in page.text
    assert shown > 15, "it was there to be shown"


def test_a_package_holds_text_and_no_formula_and_its_name_no_markup(district: District) -> None:
    books = list(district.settings.outbox.rglob("*.xlsx"))
    assert books
    cells = []
    for book in books:
        assert "<" not in book.name
        for sheet in load_workbook(book):
            assert "<" not in sheet.title
            cells += [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert any(MARK in str(cell.value) for cell in cells)
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    assert [cell.hyperlink.target for cell in cells if cell.hyperlink is not None and cell.hyperlink.target] == []
    assert not any(isinstance(cell.value, str) and cell.value.startswith(("=", "@", "+")) for cell in cells), (
        "nor one after a trip through CSV"
    )


def test_a_mail_says_numbers_only_under_headers_of_ours(folder: Path) -> None:
    with mail_server() as (box, port):
        posting = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "mail_from": "office@district.example"}
        with closing_store(open_small(folder, **posting)) as district:
            assert send(district).sent == 2  # the agency's digest and the Office's
        for mail in box.mails:
            assert MARK not in str(mail["Subject"])
            assert len(str(mail["Subject"]).splitlines()) == 1
            assert mail.get_content_type() == "text/plain"
            assert set(mail.keys()) <= {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "X-Peer"}  # fmt: skip


def test_a_mailbox_that_would_add_headers_is_refused_by_name_and_the_rest_goes_out(folder: Path) -> None:
    path = folder / "catalog" / "agencies.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("registry@district.example", '"registry@district.example\\nBcc: evil@evil.example"'), encoding="utf-8")
    with mail_server() as (box, port):
        posting = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "mail_from": "office@district.example"}
        with closing_store(open_small(folder, **posting)) as district:
            done = send(district)
            assert (done.sent, done.dead) == (1, 1)
            assert counts(district)["dead"] == 1
            (dead,) = messages(district, state="dead")
            assert "mailbox" in dead["error"]
        assert all("evil" not in str(mail.items()) for mail in box.mails)


def test_hostile_names_are_what_the_catalogue_says(district: District) -> None:
    """The test's own ground: the names really are hostile."""
    assert BREAKING in district.catalog.agencies["registry_bureau"].name
    assert BREAKING in district.catalog.resources[PEOPLE].title
