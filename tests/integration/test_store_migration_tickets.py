"""Tickets written before they had stages are taken over whole: nothing of them is lost, and each is the sum of its events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, select, text

from districtlake.store import engine as engine_module
from districtlake.store.engine import open_store
from districtlake.store.tables import Ticket, TicketEvent
from districtlake.tickets.journal import COLUMNS, rebuilt

pytest_plugins = ["tests.postgres_server"]
pytestmark = pytest.mark.usefixtures("real_migrations")

OLD = """
INSERT INTO tickets (id, number, agency, resource, delivery_id, rule_id, rule_title, dimension, severity, on_failure, kind, state,
 problems, open_problems, sample_rows, opened_at, received_at, due_date, due_at, provisional, terms, policy_id, policy_version,
 closed_at, closing, package, version)
VALUES (:id, :number, 'a', 'a.r', 'd1', :rule, '规则', :dimension, 'critical', 'quarantine', 'problem', :state, 3, 2, '[4, 7]',
 '2026-03-02 01:00:00', '2026-03-02 01:00:00', '2026-03-09', '2026-03-09 16:00:00', :provisional, :terms, 'haishu_2021', '1.0',
 :closed_at, :closing, NULL, 2)
"""
EVENT = "INSERT INTO ticket_events (ticket_id, at, event, actor, data) VALUES (:id, '2026-03-02 01:00:00', 'opened', 'system', '{}')"


def at_revision(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for number, state in enumerate(("open", "closed"), 1):
            values = {
                "id": f"t{number}", "number": f"T2026-00000{number}", "rule": f"r{number}", "state": state, "provisional": number == 1,
                "dimension": "completeness" if number == 1 else "accuracy", "terms": json.dumps({"days": 5, "article": "第二十七条第三款"}),
                "closed_at": None if state == "open" else "2026-03-05 01:00:00", "closing": None if state == "open" else "fixed",
            }  # fmt: skip
            connection.execute(text(OLD), values)
            connection.execute(text(EVENT), {"id": f"t{number}"})
    engine.dispose()


def test_old_tickets_are_taken_over_with_all_they_say(store_url: str) -> None:
    at_revision(store_url, "0003")
    with open_store(store_url) as store, store.session(read_only=True) as session:
        tickets = list(session.scalars(select(Ticket).order_by(Ticket.number)))
        assert [(t.stage, t.state, t.matter, t.closing, t.provisional) for t in tickets] == [
            ("handling", "open", "omission", None, True),
            ("settled", "closed", "error", "fixed", False),
        ]
        assert tickets[0].received_at == datetime(2026, 3, 2, 1, tzinfo=UTC)
        assert (tickets[0].sample_rows, tickets[0].terms["days"], tickets[0].round, tickets[0].version) == ([4, 7], 5, 1, 2)
        for ticket in tickets:
            events = list(session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id)))
            assert [(event.event, event.role) for event in events] == [("opened", "system"), ("taken_over", "system")]
            assert rebuilt(events) == {name: getattr(ticket, name) for name in COLUMNS}


@pytest.mark.parametrize("change", ["UPDATE ticket_events SET actor = 'x'", "DELETE FROM ticket_events"])
def test_events_stay_append_only_after_the_step(store_url: str, change: str) -> None:
    from sqlalchemy.exc import DBAPIError

    at_revision(store_url, "0003")
    with open_store(store_url) as store, pytest.raises(DBAPIError, match="append-only"), store.session() as session:
        session.execute(text(change))
