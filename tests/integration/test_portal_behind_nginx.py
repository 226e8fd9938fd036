"""The shipped nginx.conf, for real: nginx in front of the portal, entered over https; what a client claims about itself changes nothing."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from urllib.parse import urlencode

import pytest
import uvicorn
from fastapi import FastAPI

from districtlake.portal.app import create_app
from districtlake.settings import PROJECT_ROOT
from tests.certificates import Authority
from tests.portal_people import MINE, PASSWORD, closing_store, prepare
from tests.small_district import open_small

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="left out: nginx is not installed")
NAME = "portal.district.example"
SHIPPED = PROJECT_ROOT / "deploy" / "portal"
AROUND = """
daemon off; master_process off; pid %(folder)s/nginx.pid; error_log %(folder)s/error.log;
events { worker_connections 128; }
http {
    access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi; types { text/html html; }
    include %(folder)s/districtlake.conf;
}
"""


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Front:
    """nginx, what a browser knows of it, and the portal behind it."""

    app: FastAPI
    https: int
    http: int
    trust: ssl.SSLContext

    def ask(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        *,
        name: str = NAME,
        host: str | None = None,
    ) -> tuple[HTTPResponse, str]:
        connection = HTTPSConnection("127.0.0.1", self.https, timeout=30)
        raw = socket.create_connection(("127.0.0.1", self.https), timeout=30)
        connection.sock = self.trust.wrap_socket(raw, server_hostname=name)
        sent = {"Host": host or name, **(headers or {})}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if form is None else "POST", path, None if form is None else urlencode(form), sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("nginx")
    authority = Authority(folder / "authority")
    served = authority.serve(NAME)
    https, http, behind = free_ports(3)
    text = (SHIPPED / "nginx.conf").read_text(encoding="utf-8")
    for shipped, here in (
        ("/etc/ssl/districtlake/portal.pem", str(served.certificate)), ("/etc/ssl/districtlake/portal.key", str(served.key)),
        ("/opt/districtlake/deploy/portal/pages", str(SHIPPED / "pages")), ("127.0.0.1:8000", f"127.0.0.1:{behind}"),
        ("listen 443 ", f"listen 127.0.0.1:{https} "), ("listen 80 ", f"listen 127.0.0.1:{http} "),
    ):  # fmt: skip
        assert shipped in text
        text = text.replace(shipped, here)
    (folder / "districtlake.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(AROUND % {"folder": folder}, encoding="utf-8")
    prepare(folder / "district")
    with closing_store(open_small(folder / "district", portal_url=f"https://{NAME}")) as district:
        # as ``districtlake portal serve --behind-tls`` runs it
        app = create_app(district, secure=True)
        config = uvicorn.Config(app, host="127.0.0.1", port=behind, log_level="warning", proxy_headers=True)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        nginx = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)], stderr=subprocess.PIPE)
        try:
            _wait(https, nginx)
            _wait(behind, nginx)
            yield Front(app, https, http, ssl.create_default_context(cafile=str(authority.file)))
        finally:
            nginx.terminate()
            nginx.communicate(timeout=20)
            server.should_exit = True
            thread.join(20)


@pytest.fixture(autouse=True)
def anew(front: Front, request: pytest.FixtureRequest) -> None:
    """Every test has the share of attempts of an address to itself: their clock stands still."""
    front.app.state.sign_ins = replace(front.app.state.sign_ins, kind=request.node.name)


def _wait(port: int, nginx: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert nginx.poll() is None, nginx.stderr and nginx.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.02)


def entered(front: Front, headers: dict[str, str] | None = None, login: str = MINE) -> tuple[HTTPResponse, str]:
    """Sign in as a browser does; the answer, and the cookie before."""
    form, text = front.ask("/sign-in?next=/tickets", headers)
    cookie = (form.getheader("Set-Cookie") or "").partition(";")[0]
    csrf = re.search(r'name="csrf" value="([^"]+)"', text)
    assert csrf, text
    data = {"login": login, "password": PASSWORD, "csrf": csrf.group(1), "target": "/tickets"}
    answer, _ = front.ask("/sign-in", {**(headers or {}), "Cookie": cookie}, data)
    return answer, (answer.getheader("Set-Cookie") or "")


def test_a_person_signs_in_over_https_with_a_cookie_that_nothing_else_gets(front: Front) -> None:
    answer, cookie = entered(front)
    assert (answer.status, answer.getheader("Location")) == (303, "/tickets")
    assert cookie.startswith("__Host-districtlake=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    page, text = front.ask("/tickets", {"Cookie": cookie.partition(";")[0]})
    assert page.status == 200
    assert "名称应简短" in text
    assert "max-age" in (page.getheader("Strict-Transport-Security") or "")
    assert "nginx/" not in (page.getheader("Server") or "")
    assert front.ask("/static/portal.css")[0].status == 200


FORGED = {
    "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=http", "X-Forwarded-Port": "81", "X-Forwarded-Prefix": "/evil",
    "X-Original-URL": "/audit", "X-Rewrite-URL": "/audit",
}  # fmt: skip


@pytest.mark.parametrize("host", [NAME, "evil.example", f"{NAME}:444", "127.0.0.1"])
def test_what_a_client_claims_about_itself_changes_nothing(front: Front, host: str) -> None:
    plain, text = front.ask("/sign-in")
    forged, other = front.ask("/sign-in", FORGED, host=host)
    if host in ("evil.example", "127.0.0.1"):  # not the name of the handshake: nginx has nobody to hand it to
        assert forged.status == 421
    else:
        assert forged.status == plain.status == 200
        assert (forged.getheader("Set-Cookie") or "").startswith("__Host-districtlake=")
        assert re.sub(r'"[\w-]{43}"', "", other) == re.sub(r'"[\w-]{43}"', "", text), "but for the tokens"
    assert "evil" not in other + str(forged.getheaders())


def test_a_claimed_address_gives_no_more_attempts(front: Front) -> None:
    # nobody's login: wrong guesses would lock an account that another test enters by, whichever comes first
    answers = [entered(front, {"X-Forwarded-For": f"203.0.113.{number}"}, "nobody")[0].status for number in range(22)]
    assert answers == [401] * 20 + [429] * 2


def test_another_name_gets_no_handshake_and_plain_http_leads_to_https(front: Front) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        front.ask("/", name="evil.example")
    connection = HTTPConnection("127.0.0.1", front.http, timeout=30)
    connection.request("GET", "/tickets?q=1", headers={"Host": "evil.example"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.status, answer.getheader("Location")) == (301, f"https://{NAME}/tickets?q=1")


def test_what_is_too_large_is_refused_before_it_is_sent_in_chinese(front: Front) -> None:
    sent = {"Host": NAME, "Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(300 * 2**20), "Expect": "100-continue"}
    raw = socket.create_connection(("127.0.0.1", front.https), timeout=30)
    with front.trust.wrap_socket(raw, server_hostname=NAME) as secured:
        secured.sendall(("POST /upload HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items()) + "\r\n").encode())
        answer = b""
        while "</html>" not in answer.decode(errors="ignore") and (part := secured.recv(65536)):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413")
    assert "文件太大" in answer.decode()
