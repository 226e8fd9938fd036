"""Every step of the schema, taken with rows in every table: nothing of them is lost or changed, and event tables still only grow.

No step offers a way back: what a newer version has written is not given up; a backup is the way back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from districtlake.store import engine as engine_module
from districtlake.store.base import Base
from districtlake.store.engine import open_store

pytest_plugins = ["tests.postgres_server"]
pytestmark = pytest.mark.usefixtures("real_migrations")

Rows = dict[str, list[dict[str, Any]]]
AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
PAIRED = {"due_at", "received_at", "due_date"}
"""Set or empty together, as a later step asks."""


def config() -> Config:
    found = Config()
    found.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
    return found


STEPS = [step.revision for step in reversed(list(ScriptDirectory.from_config(config()).walk_revisions()))]


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def upgrade(url: str, revision: str) -> None:
    with connected(url) as connection:
        wanted = config()
        wanted.attributes["connection"] = connection
        command.upgrade(wanted, revision)


def tables(connection: sa.Connection) -> list[sa.Table]:
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(url: str) -> None:
    """Two rows in every table, each column with a value (the second row; the first leaves empty what may be)."""
    with connected(url) as connection:
        keys: dict[str, list[dict[str, Any]]] = {}
        for table in tables(connection):
            known = _known(connection, table.name)
            keys[table.name] = []
            for number in (1, 2):
                row = {
                    column.name: value
                    for column in table.columns
                    if not _numbered(column) and (value := _value(column, number, known, keys, connection.dialect.name)) is not None
                }
                key = connection.execute(table.insert().values(row)).inserted_primary_key or ()
                keys[table.name].append(row | dict(zip([one.name for one in table.primary_key.columns], key, strict=True)))


def _numbered(column: sa.Column[Any]) -> bool:
    """Whether the database gives the number."""
    return column.name == "id" and isinstance(column.type, sa.Integer)


def _known(connection: sa.Connection, table: str) -> dict[str, list[str]]:
    """Column -> the values a check allows."""
    found: dict[str, list[str]] = {}
    for check in sa.inspect(connection).get_check_constraints(table):
        text = str(check["sqltext"])
        column = re.search(r"\(*\"?(\w+)\"?\)* (?:IN|= ANY|=)", text)
        values = re.findall(r"'([^']+)'", text)
        if column and values and " = (" not in text.replace("= ANY (", ""):
            found[column.group(1)] = values
    return found


def _value(column: sa.Column[Any], number: int, known: Mapping[str, list[str]], keys: Mapping[str, Sequence[Mapping[str, Any]]], dialect: str) -> Any:  # fmt: skip
    for foreign in column.foreign_keys:
        parents = keys[foreign.column.table.name]
        return parents[min(number, len(parents)) - 1][foreign.column.name] if parents and (number == 2 or not column.nullable) else None
    if column.nullable and number == 1 and column.name not in PAIRED:
        return None
    if column.name in known:
        return known[column.name][0]
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return number == 2
    if isinstance(kind, sa.Integer):
        return number
    if isinstance(kind, sa.DateTime):
        return AT if dialect == "postgresql" else AT.replace(tzinfo=None)
    if isinstance(kind, sa.Date):
        return date(2026, 3, number)
    if isinstance(kind, sa.JSON):
        return {"列": [number, None, "值"]}
    return f"{column.table.name}.{column.name} 第{number}"


def rows(url: str, only: Rows | None = None) -> Rows:
    """All rows of every table; ``only``: of these tables the columns they had then."""
    found: Rows = {}
    with connected(url) as connection:
        for table in tables(connection):
            if only is not None and table.name not in only:
                continue
            names = [column.name for column in table.columns if only is None or column.name in only[table.name][0]]
            query = sa.select(*(table.c[name] for name in names)).order_by(*table.primary_key.columns)
            found[table.name] = [dict(row) for row in connection.execute(query).mappings()]
    return found


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_step_keeps_every_row_of_every_table(store_url: str, step: str) -> None:
    upgrade(store_url, STEPS[STEPS.index(step) - 1])
    fill(store_url)
    before = rows(store_url)
    assert all(len(found) == 2 for found in before.values())
    upgrade(store_url, step)
    after = rows(store_url, only=before)
    for table, kept in before.items():
        if step == "0004" and table == "ticket_events":  # each ticket gets an event that states it whole
            assert after[table][: len(kept)] == kept
            assert len(after[table]) == 2 * len(kept)
        else:
            assert after[table] == kept, table
    with connected(store_url) as connection:
        events = [table.name for table in tables(connection) if table.name in ("audit_events", "ticket_events")]
    assert events
    for table in events:
        for change in (f"UPDATE {table} SET actor = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), connected(store_url) as connection:
                connection.execute(sa.text(change))


def test_rows_of_the_first_version_are_read_by_the_present_one(store_url: str) -> None:
    upgrade(store_url, STEPS[0])
    fill(store_url)
    first = rows(store_url)
    with open_store(store_url) as store, store.session(read_only=True) as session:
        counted = {mapper.local_table.name: len(list(session.scalars(sa.select(mapper.class_)))) for mapper in Base.registry.mappers}
    for table, kept in first.items():
        assert counted[table] >= len(kept)


def test_no_step_offers_a_way_back() -> None:
    for step in STEPS:
        module = ScriptDirectory.from_config(config()).get_revision(step).module
        assert not hasattr(module, "downgrade"), "then it must be tested with rows as well"
