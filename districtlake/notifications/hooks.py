"""The addresses that are called, and which may be: only hosts that the operator has listed, so that no caller reaches into the network."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from sqlalchemy import select

from districtlake import secret_keys
from districtlake.delivery.district import District
from districtlake.errors import NotFound, OperationRefused
from districtlake.settings import Settings
from districtlake.store.tables import AuditEvent, Webhook
from districtlake.wording.sentences import Listed

ALGORITHMS = ("hmac-sha256", "hmac-sm3")


class HookRefused(OperationRefused):
    """The address may not be called."""

    code = "webhook.refused"


def allowed(url: str, settings: Settings) -> str:
    """The address, if it may be called: TLS, a listed host and port, no name or password in it.

    Raises:
        HookRefused: it may not.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    listed = {_place(entry) for entry in settings.webhook_hosts.split(",") if entry.strip()}
    host = (parts.hostname or "").rstrip(".").lower()
    plain = not any(char.isspace() or ord(char) < 33 or char == "\\" for char in url)
    if parts.scheme not in ("https", "http") or not host or "@" in parts.netloc or not plain or (parts.scheme, host, port) not in listed:
        raise HookRefused.of("hook.not_allowed", address=f"{parts.scheme or '?'}://{host or '?'}")
    return url


def _place(entry: str) -> tuple[str, str, int]:
    """An entry of the list as (scheme, host, port)."""
    text = entry.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    return parts.scheme, (parts.hostname or "").rstrip(".").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def secret_of(settings: Settings, hook: Webhook) -> bytes:
    """What its calls are signed with: derived from the installation's key, so the store holds no secret.

    It belongs to the whole address: one that is added again under the same number elsewhere signs differently.
    """
    address = hashlib.sha256("\x1f".join((hook.audience, hook.recipient, hook.url)).encode()).hexdigest()
    return secret_keys.derived(settings.secrets, f"webhook:{hook.id}:{address}").hex().encode()


def add(district: District, audience: str, recipient: str, url: str, *, algorithm: str, actor: str) -> tuple[Webhook, str]:
    """Call ``url`` for a recipient from now on.

    Returns:
        The webhook, and its secret: handed to the receiver's operator, shown this once.

    Raises:
        HookRefused: the address may not be called; NotFound: no such agency.
    """
    if algorithm not in ALGORITHMS:
        raise HookRefused.of("hook.no_signature", algorithm=algorithm, known=Listed.of(ALGORITHMS))
    if audience == "agency" and recipient not in district.catalog.agencies:
        raise NotFound.of("asked.no_agency", agency=recipient, known=Listed.of(sorted(district.catalog.agencies)))
    allowed(url, district.settings)
    now = district.clock.now()
    with district.store.session() as session:
        same = select(Webhook).where(Webhook.audience == audience, Webhook.recipient == recipient, Webhook.url == url)
        hook = session.scalar(same)
        if hook is None:
            hook = Webhook(audience=audience, recipient=recipient, url=url, algorithm=algorithm, created_at=now, created_by=actor)
            session.add(hook)
        hook.active, hook.algorithm = True, algorithm
        session.flush()
        _audit(session, district, actor, "webhook.added", hook)
    return hook, secret_of(district.settings, hook).decode()


def remove(district: District, number: int, *, actor: str) -> None:
    """Call it no more; what waits for it is not sent.

    Raises:
        NotFound: there is none.
    """
    with district.store.session() as session:
        hook = session.get(Webhook, number)
        if hook is None:
            raise NotFound.of("hook.none", number=number)
        hook.active = False
        _audit(session, district, actor, "webhook.removed", hook)


def every(district: District) -> list[Webhook]:
    with district.store.session(read_only=True) as session:
        return list(session.scalars(select(Webhook).order_by(Webhook.id)))


def _audit(session: object, district: District, actor: str, action: str, hook: Webhook) -> None:
    from sqlalchemy.orm import Session

    assert isinstance(session, Session)
    data = {"audience": hook.audience, "recipient": hook.recipient, "host": urlsplit(hook.url).hostname}
    session.add(
        AuditEvent(
            at=district.clock.now(),
            actor=actor,
            action=action,
            object_kind="webhook",
            object_id=str(hook.id),
            reason="",
            data=data,
        )
    )
