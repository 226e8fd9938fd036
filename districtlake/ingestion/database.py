"""Reading an agency's database into a file that is then a delivery like any other: each cell the server's own text, digit for digit.

Both drivers speak the text protocol of their server, so a cell never becomes a Python number or date on the way: it is written as the server
spells it (bytes as 0x and hexadecimal digits). One read-only transaction with one snapshot, a cursor on the server's side, rows in batches:
memory stays flat and nothing is ever written there. PostgreSQL and MySQL (MariaDB).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from districtlake.catalog.sources import Database
from districtlake.errors import IngestionError

BATCH = 10_000
"""Rows held at once."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class DatabaseError(IngestionError):
    """An agency's database cannot be read. Codes: ``database.address`` ``database.unreachable`` ``database.no_table`` ``database.no_column``
    ``database.denied`` ``database.timeout`` ``database.query`` ``database.lost``. The server's own words may quote a cell and are not told."""

    code = "database.unreachable"


@dataclass(frozen=True)
class Fetched:
    """What was read.

    Attributes:
        since: the watermark from which on rows were asked for, overlap taken off; None: all.
        watermark: the largest one there is now, as the server spells it; None without a watermark column or without rows.
        unmarked: rows whose watermark is empty; they are read every time, or they would be lost.
        server_time: the server's clock at the snapshot.
    """

    rows: int
    columns: tuple[str, ...]
    since: str | None
    watermark: str | None
    unmarked: int
    server_time: str


class Server(Protocol):
    """What the two kinds of server do differently."""

    quote: str

    def bound(self, watermark: str) -> Any:
        """A watermark as a parameter, so that the server compares it as a value of the column's type."""
        ...

    def connect(self, arguments: Sequence[Any], named: dict[str, Any], seconds: int) -> Any: ...
    def begin(self, connection: Any, seconds: int) -> None: ...
    def stream(self, connection: Any) -> Any: ...
    def code(self, error: BaseException) -> str: ...


class PostgreSQL:
    """psycopg2; every type is read as text by a typecaster of this connection alone."""

    quote = '"'

    def bound(self, watermark: str) -> Any:
        return watermark  # an untyped literal takes the column's type

    def connect(self, arguments: Sequence[Any], named: dict[str, Any], seconds: int) -> Any:
        import psycopg2
        from psycopg2 import extensions

        connection = psycopg2.connect(*arguments, **{"connect_timeout": 15, **named})
        kinds = tuple(
            {*extensions.string_types, *(oid for one in extensions.string_types.values() for oid in one.values), 114, 199, 3802, 3807}
        )
        extensions.register_type(extensions.new_type(kinds, "AS_TEXT", lambda text, cursor: text), connection)
        return connection

    def begin(self, connection: Any, seconds: int) -> None:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:  # spellings that do not depend on how the server is set up
            for setting in ("DateStyle = ISO, YMD", "TimeZone = 'Asia/Shanghai'", "IntervalStyle = iso_8601", "bytea_output = hex"):
                cursor.execute(f"SET LOCAL {setting}")
            cursor.execute("SET LOCAL extra_float_digits = 3")
            cursor.execute(f"SET LOCAL statement_timeout = {seconds * 1000}")

    def stream(self, connection: Any) -> Any:
        cursor = connection.cursor(name="districtlake")
        cursor.itersize = BATCH
        return cursor

    def code(self, error: BaseException) -> str:
        state = str(getattr(error, "pgcode", None) or "")
        known = {
            "42P01": "database.no_table", "3F000": "database.no_table", "42703": "database.no_column", "42501": "database.denied",
            "57014": "database.timeout", "25006": "database.query",
        }  # fmt: skip
        if state.startswith(("08", "57P")) or not state:
            return "database.unreachable"
        return known.get(state, "database.query")


class MySQL:
    """PyMySQL without its converters: what the server sent, decoded; binary columns as bytes."""

    quote = "`"

    def bound(self, watermark: str) -> Any:
        return Decimal(watermark) if _NUMBER.fullmatch(watermark) else watermark  # a text beside a number would be compared as floats

    def connect(self, arguments: Sequence[Any], named: dict[str, Any], seconds: int) -> Any:
        import pymysql
        from pymysql.converters import encoders

        given = {"connect_timeout": 15, "charset": "utf8mb4", **named}
        return pymysql.connect(*arguments, **{**given, "conv": encoders, "read_timeout": seconds + 60})

    def begin(self, connection: Any, seconds: int) -> None:
        import pymysql

        with connection.cursor() as cursor:
            for setting in (f"max_execution_time = {seconds * 1000}", f"max_statement_time = {seconds}"):  # MySQL's name, MariaDB's name
                try:
                    cursor.execute(f"SET SESSION {setting}")
                except pymysql.MySQLError:
                    continue
            cursor.execute("SET SESSION time_zone = '+08:00'")
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def stream(self, connection: Any) -> Any:
        from pymysql.cursors import SSCursor

        return connection.cursor(SSCursor)

    def code(self, error: BaseException) -> str:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        known = {
            1146: "database.no_table", 1049: "database.no_table", 1054: "database.no_column", 1142: "database.denied", 1143: "database.denied",
            1044: "database.denied", 3024: "database.timeout", 1969: "database.timeout", 1792: "database.query",
        }  # fmt: skip
        return known.get(number, "database.unreachable" if number in (0, 1045, 1698) or number >= 2000 else "database.query")


SERVERS: dict[str, Callable[[], Server]] = {"postgresql": PostgreSQL, "mysql": MySQL, "mariadb": MySQL}


def fetch_to(target: Path, address: str, source: Database, since: str | None, tell: Callable[[int], None] = lambda rows: None) -> Fetched:
    """Read the source into the Parquet file ``target``: every column text, in the order of the table, empty cells null.

    Args:
        address: SQLAlchemy's form, ``postgresql+psycopg2://user:password@host/base`` or ``mysql+pymysql://…``.
        since: the watermark of the last reading (``Fetched.watermark``); ``overlap`` of the source is taken off. None: all rows.
        tell: hears the number of rows read so far.

    Raises:
        DatabaseError: retryable where waiting can help.
    """
    server, arguments, named = _server(address, source)
    lower = None if since is None or source.watermark is None else below(since, source.overlap)
    with _told(server, source):
        connection = server.connect(arguments, named, source.seconds)
    try:
        with _told(server, source):
            server.begin(connection, source.seconds)
            return _read(server, connection, source, lower, target, tell)
    finally:
        connection.close()


def columns_of(address: str, source: Database) -> tuple[str, ...]:
    """The names of the columns, in order. Raises ``DatabaseError``."""
    server, arguments, named = _server(address, source)
    with _told(server, source):
        connection = server.connect(arguments, named, source.seconds)
    try:
        with _told(server, source), connection.cursor() as cursor:
            server.begin(connection, source.seconds)
            cursor.execute(f"SELECT * FROM {_from(server, source)} LIMIT 0")
            return tuple(str(column[0]) for column in cursor.description)
    finally:
        connection.close()


def _read(server: Server, connection: Any, source: Database, lower: str | None, target: Path, tell: Callable[[int], None]) -> Fetched:
    place, mark = _from(server, source), _quoted(server, source.watermark) if source.watermark else ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        now = str(cursor.fetchone()[0])
        watermark = None
        if mark:
            cursor.execute(f"SELECT MAX({mark}) FROM {place}")
            watermark = _text(cursor.fetchone()[0])
    select, bound = f"SELECT * FROM {place}", None
    if mark and lower is not None:
        select = f"SELECT * FROM {place} WHERE {mark} >= ".replace("%", "%%") + f"%s OR {mark.replace('%', '%%')} IS NULL"
        bound = (server.bound(lower),)
    rows = unmarked = 0
    with server.stream(connection) as cursor:
        cursor.execute(select, bound)
        batch = cursor.fetchmany(BATCH)
        names = tuple(str(column[0]) for column in cursor.description)
        if len(set(names)) < len(names):
            raise _error("database.query", source, again=False)
        at = _position(names, source)
        schema = pa.schema([(name, pa.string()) for name in names])
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            while batch:
                columns = [pa.array([_text(cell) for cell in column], pa.string()) for column in zip(*batch, strict=True)]
                writer.write_table(pa.table(columns, schema=schema), row_group_size=BATCH)
                rows += len(batch)
                unmarked += 0 if at is None else columns[at].null_count
                tell(rows)
                batch = cursor.fetchmany(BATCH)
    return Fetched(rows, names, lower, watermark, unmarked, now)


def _position(names: Sequence[str], source: Database) -> int | None:
    if source.watermark is None:
        return None
    folded = [name.casefold() for name in names]
    if source.watermark.casefold() not in folded:
        raise _error("database.no_column", source, again=False)
    return folded.index(source.watermark.casefold())


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return "0x" + bytes(cell).hex() if isinstance(cell, (bytes, bytearray, memoryview)) else str(cell)


def below(watermark: str, overlap: float) -> str:
    """A watermark less the overlap, in the server's spelling: seconds of a time, whole days of a date, or a number's own units.

    A text of another form stays itself: rows from it on are read, it included.
    """
    if _NUMBER.fullmatch(watermark):
        return f"{Decimal(watermark) - Decimal(int(overlap) if overlap == int(overlap) else str(overlap)):f}"
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", watermark):
            return str(date.fromisoformat(watermark) - timedelta(days=math.ceil(overlap / 86400)))
        moment = datetime.fromisoformat(watermark)
        return (moment - timedelta(seconds=overlap)).isoformat(sep=" ")
    except (ValueError, OverflowError):
        return watermark


def _from(server: Server, source: Database) -> str:
    if source.table is not None:
        return ".".join(_quoted(server, part) for part in source.table.split("."))
    # on a line of its own: a comment at the end of the query must not take the bracket with it
    return f"({str(source.query).rstrip().rstrip(';')}\n) AS districtlake"


def _quoted(server: Server, name: str) -> str:
    return f"{server.quote}{name.replace(server.quote, server.quote * 2)}{server.quote}"


def _server(address: str, source: Database) -> tuple[Server, Sequence[Any], dict[str, Any]]:
    try:
        url = make_url(address)
        server = SERVERS[url.get_backend_name()]()
        arguments, named = url.get_dialect()().create_connect_args(url)
    except (ArgumentError, KeyError, NoSuchModuleError, ValueError):
        raise _error("database.address", source, again=False) from None
    return server, arguments, {name: value for name, value in named.items() if name != "client_flag"}


@contextmanager
def _told(server: Server, source: Database) -> Iterator[None]:
    """What the driver raises, as one of our sentences; its own text may quote cells or addresses."""
    try:
        yield
    except IngestionError:
        raise
    except (OSError, pa.ArrowException):
        raise
    except ImportError:
        raise _error("database.address", source, again=False) from None
    except Exception as error:
        code = server.code(error)
        raise _error(code, source, again=code in ("database.unreachable", "database.timeout")) from None


def _error(code: str, source: Database, *, again: bool) -> DatabaseError:
    where = source.table or "query"
    return DatabaseError.of(code, code=code, retryable=again, connection=source.connection, place=where, column=source.watermark or "")
