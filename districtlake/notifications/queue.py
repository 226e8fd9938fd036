"""Notifications become messages: one mail per recipient and look, one call of each webhook per notification. All in one transaction.

What must be known at once (urgent, overdue, suspended, an outcome for its reporter) is taken at every look; the rest once a night, so
that an agency gets one mail a day.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, time

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from districtlake.clock import SHANGHAI, Clock, local_date
from districtlake.store.engine import Store
from districtlake.store.tables import Message, MessageItem, Notification, Ticket, Webhook

LOCK = "notifications"
AT_ONCE = ("marked_urgent", "escalated", "sharing_suspended", "sharing_resumed")


def enqueue(store: Store, clock: Clock, *, everything: bool) -> int:
    """Put notifications that are in no message yet into messages; the number of messages made.

    Args:
        everything: the nightly digest. False: only what cannot wait, and what a day that is over left behind.
    """
    now = clock.now()
    today = local_date(now)
    with store.session() as session:
        store.exclusive(session, LOCK)
        query = select(Notification).where(Notification.queued_at.is_(None)).order_by(Notification.id)
        if not everything:
            begin = datetime.combine(today, time(), tzinfo=SHANGHAI)
            query = query.join(Ticket, Ticket.id == Notification.ticket_id).where(
                or_(Notification.event.in_(AT_ONCE), Notification.audience == "reporter", Ticket.urgent, Notification.at < begin)
            )
        found = list(session.scalars(query))
        hooks: dict[tuple[str, str], list[Webhook]] = defaultdict(list)
        for hook in session.scalars(select(Webhook).where(Webhook.active).order_by(Webhook.id)):
            hooks[hook.audience, hook.recipient].append(hook)
        made = 0
        by_recipient: dict[tuple[str, str], list[Notification]] = defaultdict(list)
        for one in found:
            for hook in hooks[one.audience, one.recipient]:
                identity = _identity("webhook", one.message_id, str(hook.id))
                _put(session, Message(id=identity, channel="webhook", webhook=hook.id, **_common(one, now)), [one])
                made += 1
            if not (one.audience == "reporter" and hooks[one.audience, one.recipient]):  # a program is told where it listens
                by_recipient[one.audience, one.recipient].append(one)
            one.queued_at = now
        for (audience, recipient), ones in sorted(by_recipient.items()):
            earlier = select(func.count()).select_from(Message).where(
                Message.channel == "mail", Message.audience == audience, Message.recipient == recipient, Message.day == today
            )  # fmt: skip
            identity = _identity("mail", audience, recipient, today.isoformat(), str(session.scalar(earlier)), ones[0].message_id)
            _put(session, Message(id=identity, channel="mail", webhook=None, **_common(ones[0], now)), ones)
            made += 1
    return made


def _identity(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def _common(one: Notification, now: datetime) -> dict[str, object]:
    return {"audience": one.audience, "recipient": one.recipient, "day": local_date(now), "next_attempt_at": now, "created_at": now}


def _put(session: Session, message: Message, ones: Iterable[Notification]) -> None:
    session.add(message)
    session.flush()
    session.add_all(MessageItem(message_id=message.id, notification_id=one.id) for one in ones)
