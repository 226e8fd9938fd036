"""Messages to their receivers. Nothing is lost whatever stops the process; what may have arrived is sent again under the same id.

A message is pushed on in time *before* it is sent, in a transaction of its own: whoever dies between sending and writing it down leaves
a message that is sent once more when that time has come, and no two senders take the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from districtlake.delivery.district import District
from districtlake.errors import NotFound
from districtlake.notifications import mail, webhook
from districtlake.notifications.addresses import OFFICE, agency_of, mailbox, name_of, office_mailbox
from districtlake.notifications.failures import NeverReceived, NotReceived, WayClosed
from districtlake.notifications.queue import enqueue
from districtlake.notifications.wording import Line, Sender, call_of, mail_of
from districtlake.store.tables import Message, MessageItem, Notification, Report, Ticket, Webhook

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
"""How long to wait after each failure; after one more the message is dead until somebody retries it."""
AT_A_TIME = 500


@dataclass
class Sent:
    """What a round did: messages made, received, put off and given up, and what waits; ``closed``: why no mail goes out at all."""

    queued: int = 0
    sent: int = 0
    failed: int = 0
    dead: int = 0
    waiting: int = 0
    closed: str = ""


def send(district: District, *, everything: bool = True, between: Callable[[str], None] = lambda step: None) -> Sent:
    """Make messages of what has happened, and send all that is due.

    Args:
        everything: the nightly digest as well; False: only what cannot wait.
        between: told of each step ("queued", "claimed", "handed over"), for tests that stop the process there.
    """
    done = Sent(queued=enqueue(district.store, district.clock, everything=everything))
    between("queued")
    ways = {"webhook"} | ({"mail"} if district.settings.smtp_host else set())
    if "mail" not in ways:
        done.closed = "没有设置邮件服务器（DISTRICTLAKE_SMTP_HOST），邮件留待发送。"
    with mail.Mailer(district.settings) as mailer:
        for identity in _due(district, ways):
            claimed = _claim(district, identity, ways)
            if claimed is None:
                continue
            between("claimed")
            try:
                _hand_over(district, claimed, mailer)
            except WayClosed as error:
                _put_back(district, claimed)
                done.closed = str(error)
                ways.discard("mail")
                continue
            except NotReceived as error:
                _failed(district, claimed, error, done)
                continue
            between("handed over")
            _received(district, claimed)
            done.sent += 1
    with district.store.session(read_only=True) as session:
        done.waiting = session.scalar(select(func.count()).select_from(Message).where(Message.state == "waiting")) or 0
    return done


def _due(district: District, ways: set[str]) -> list[str]:
    with district.store.session(read_only=True) as session:
        query = select(Message.id).where(
            Message.state == "waiting", Message.next_attempt_at <= district.clock.now(), Message.channel.in_(ways)
        )
        return list(session.scalars(query.order_by(Message.created_at, Message.id).limit(AT_A_TIME)))


def _claim(district: District, identity: str, ways: set[str]) -> Message | None:
    """Push the message on; None when another sender was faster, or its way was found closed meanwhile."""
    now = district.clock.now()
    with district.store.session() as session:
        message = session.scalars(select(Message).where(Message.id == identity).with_for_update()).one()
        if message.state != "waiting" or message.next_attempt_at > now or message.channel not in ways:
            return None
        message.next_attempt_at = now + BACK_OFF[min(message.attempts, len(BACK_OFF) - 1)]
        message.attempts += 1
    return message


def _hand_over(district: District, message: Message, mailer: mail.Mailer) -> None:
    with district.store.session(read_only=True) as session:
        ones = list(
            session.execute(
                select(Notification, Ticket.resource)
                .join(MessageItem, MessageItem.notification_id == Notification.id)
                .join(Ticket, Ticket.id == Notification.ticket_id)
                .where(MessageItem.message_id == message.id)
                .order_by(Notification.id)
            )
        )
        agency = agency_of(session, message.audience, message.recipient)
        hook = session.get(Webhook, message.webhook) if message.webhook is not None else None
        reports = _own_reports(session, message, ones[0][0].ticket_id)
    lines = [_line(one, resource, district) for one, resource in ones]
    settings = district.settings
    if message.channel == "webhook":
        if hook is None or not hook.active:
            raise NeverReceived("The webhook was removed.", hint="Add it again, then retry.")
        body = call_of(lines[0], ones[0][0].at, settings.portal_url, reports)
        webhook.deliver(hook, message.id, {"id": message.id, **body}, int(district.clock.now().timestamp()), settings)
        return
    to = mailbox(district.catalog, agency) or (settings.mail_from if message.audience == "office" else None)
    if not to:
        raise NeverReceived("No mailbox is known for the recipient.", hint="Enter the agency's contact in agencies.yaml, then retry it.")
    sender = Sender(settings.mail_from or office_mailbox(district.catalog) or f"{OFFICE}@districtlake.invalid", settings.portal_url, district.policy.note)  # fmt: skip
    name = name_of(district.catalog, agency)
    try:
        mail_to_send = mail_of(message.id, to, name, lines, message.day, message.created_at, sender)
    except ValueError:  # a line break in an address would begin a header of its own
        raise NeverReceived(
            "The recipient's or our own mailbox is no address.",
            hint="Correct contact in agencies.yaml or DISTRICTLAKE_MAIL_FROM, then retry it.",
        ) from None
    mailer.deliver(mail_to_send)


def _line(one: Notification, resource: str, district: District) -> Line:
    entry = district.catalog.resources.get(resource)
    return Line(one.event, one.data["number"], entry.title if entry else resource, one.data.get("due_date"), one.data.get("closing"))


def _own_reports(session: Session, message: Message, ticket_id: str) -> list[dict[str, Any]]:
    if message.audience != "reporter":
        return []
    query = select(Report).where(Report.ticket_id == ticket_id, Report.reporter == message.recipient).order_by(Report.reported_at)
    return [{"id": one.id, "request_id": one.request_id, "external_id": one.external_id} for one in session.scalars(query)]


def _received(district: District, message: Message) -> None:
    now = district.clock.now()
    with district.store.session() as session:
        session.execute(update(Message).where(Message.id == message.id).values(state="sent", sent_at=now, error=""))
        items = select(MessageItem.notification_id).where(MessageItem.message_id == message.id)
        session.execute(update(Notification).where(Notification.id.in_(items), Notification.sent_at.is_(None)).values(sent_at=now))


def _failed(district: District, message: Message, error: NotReceived, done: Sent) -> None:
    dead = not error.retryable or message.attempts > len(BACK_OFF)
    with district.store.session() as session:
        session.execute(
            update(Message)
            .where(Message.id == message.id, Message.state == "waiting")
            .values(error=error.message, state="dead" if dead else "waiting")
        )
    done.dead += dead
    done.failed += not dead


def _put_back(district: District, message: Message) -> None:
    """It was not this message's fault: due at once, and not counted."""
    with district.store.session() as session:
        session.execute(
            update(Message)
            .where(Message.id == message.id, Message.state == "waiting")
            .values(attempts=message.attempts - 1, next_attempt_at=district.clock.now())
        )


def messages(district: District, *, state: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """The latest messages, newest first, with how many notifications each holds."""
    count = select(func.count()).where(MessageItem.message_id == Message.id).scalar_subquery()
    query = select(Message, count).order_by(Message.created_at.desc(), Message.id).limit(limit)
    if state is not None:
        query = query.where(Message.state == state)
    names = ("id", "channel", "audience", "recipient", "day", "state", "attempts", "next_attempt_at", "error", "created_at", "sent_at")
    with district.store.session(read_only=True) as session:
        return [{name: getattr(one, name) for name in names} | {"notifications": held} for one, held in session.execute(query)]


def counts(district: District) -> dict[str, int]:
    """Messages by state, and ``unqueued``: notifications that are in none yet."""
    with district.store.session(read_only=True) as session:
        rows = session.execute(select(Message.state, func.count()).group_by(Message.state))
        found = {row[0]: row[1] for row in rows}
        found["unqueued"] = session.scalar(select(func.count()).select_from(Notification).where(Notification.queued_at.is_(None))) or 0
    return {state: found.get(state, 0) for state in ("unqueued", "waiting", "sent", "dead")}


def retry(district: District, identity: str | None = None) -> int:
    """Let dead messages be tried again from the beginning, under the same id.

    Args:
        identity: one of them; None: all.

    Raises:
        NotFound: no dead message has this id.
    """
    with district.store.session() as session:
        query = select(Message).where(Message.state == "dead").with_for_update()
        found = list(session.scalars(query.where(Message.id == identity) if identity else query))
        if identity and not found:
            raise NotFound(f"No dead message has the id {identity}.", hint="districtlake notifications list --state dead shows them.")
        for message in found:
            message.state, message.attempts, message.next_attempt_at, message.error = "waiting", 0, district.clock.now(), ""
    return len(found)
