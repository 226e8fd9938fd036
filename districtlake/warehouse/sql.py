"""SQL over the lake with DuckDB: read only, lazily, within a time and a memory limit; nothing outside the lake can be reached.

Which tables there are is told by ``relations`` (``agency.resource``, ``agency.resource__history``; rooms above add theirs).
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from districtlake.catalog.models import Resource
from districtlake.errors import DistrictLakeError
from districtlake.warehouse.relations import HISTORY_SUFFIX, Files, Relations, warehouse_relations
from districtlake.warehouse.statement import QueryError, Statement, duck_words, parse, schema_in_duckdb

__all__ = ["QueryError", "Session", "query"]

MEMORY = "2GB"
_MEMORY = re.compile(r"\s*\d+(\.\d+)?\s*([KMGT]i?)?B\s*", re.IGNORECASE)
BATCH_ROWS = 50_000
_HANDLE = "__lake"


def query(lake: Path, resources: Mapping[str, Resource], statement: str, *, as_of: datetime | None = None) -> pl.DataFrame:
    """Run one SELECT over the warehouse and return its rows. For limits, parameters and lazy results: ``Session``.

    Raises:
        QueryError: not a single SELECT, or DuckDB refuses it.
    """
    with Session(warehouse_relations(lake, resources), statement, as_of=as_of) as session:
        return pl.DataFrame(session.table())


class Session:
    """One statement on a connection of its own. Only the tables the statement names are opened. A context manager.

    Args:
        parameters: values of ``$name``.
        as_of: the moment whose tables are asked; None: as they stand.
        timeout: seconds after which the statement is interrupted; None: never.
        memory: DuckDB's memory limit, as "2GB"; what does not fit spills to ``spill`` or fails with a sentence.

    Raises:
        QueryError: see ``statement.parse``; unknown tables, columns and parameters name those there are.
    """

    def __init__(
        self,
        relations: Relations,
        statement: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        as_of: datetime | None = None,
        timeout: float | None = None,
        memory: str = MEMORY,
        spill: Path | None = None,
    ) -> None:
        self.relations = relations
        self.timeout = timeout
        self.rows = 0
        """Rows given out by ``batches`` so far."""
        self._parameters = dict(parameters or {})
        self._kept: list[Any] = []
        self._expired = False
        self._timer: threading.Timer | None = None
        config: dict[str, Any] = {"threads": min(os.cpu_count() or 2, 8), "memory_limit": memory, "python_enable_replacements": False}
        if not _MEMORY.fullmatch(memory) or not float(
            memory.strip().rstrip("BIKMGTbikmgt ")
        ):  # DuckDB takes "-5GB" and "none" for no limit at all
            raise QueryError(f"{memory[:40]!r} is no memory limit.", hint="内存上限写作 500MB、2GB，必须大于0。", code="sql.memory_limit")
        config["temp_directory"] = str(spill) if spill else ""
        try:
            self.connection = duckdb.connect(":memory:", config=config)
        except duckdb.Error as error:
            raise QueryError(f"DuckDB: {str(error).splitlines()[0]}", hint="内存上限写作 500MB、2GB。") from None
        try:
            self.statement: Statement = parse(self.connection, statement)
            self._check_parameters()
            readable: list[str] = []
            for name in self.statement.tables:
                readable += self._open(name, as_of)
            self.connection.execute(f"SET allowed_paths = {_list(readable)}")
            self.connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._stop_timer()
        self.connection.close()

    # -- results --------------------------------------------------------------------------------------------------------

    def reader(self) -> pa.RecordBatchReader:
        """The result as a stream of Arrow batches; rows are computed as they are read.

        Every column has a name of its own (a second ``a`` is ``a_1``): a JSON object, a frame or a file would keep only one of them.
        """
        self._start_timer()
        try:
            with warnings.catch_warnings():  # "an extra copy of the rows": the price of parameters without materialising
                warnings.simplefilter("ignore", UserWarning)
                if self._parameters:
                    result: Any = self.connection.execute(self.statement.runnable, self._parameters)
                else:
                    result = self.connection.sql(self.statement.runnable)
                reader: pa.RecordBatchReader = _portable(result.to_arrow_reader(BATCH_ROWS))
        except Exception as error:
            self._stop_timer()
            raise self._told(error) from None
        return reader

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, batch by batch. An error on the way is a ``QueryError`` like one at the start."""
        return self.begin()[0]

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        try:
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                if self._expired:
                    raise self._told(duckdb.InterruptException("interrupted"))
                self.rows += batch.num_rows
                yield batch
        except DistrictLakeError:
            raise
        except (duckdb.Error, pa.ArrowException, RuntimeError, OSError) as error:
            raise self._told(error) from None
        finally:
            self._stop_timer()

    def begin(self) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
        """``batches`` and their schema; what is wrong with the statement is said here, before anything is written."""
        reader = self.reader()
        return self._batches(reader), reader.schema

    def table(self) -> pa.Table:
        """The whole result."""
        batches, schema = self.begin()
        return pa.Table.from_batches(list(batches), schema)

    def columns(self) -> dict[str, str]:
        """Name -> DuckDB type of the result, without running the statement."""
        try:
            rows = self.connection.execute("DESCRIBE " + self.statement.runnable, self._parameters or None).fetchall()
        except duckdb.Error as error:
            raise self._told(error) from None
        return dict(zip(_named_once([str(row[0]) for row in rows]), (str(row[1]) for row in rows), strict=True))

    def relation(self) -> duckdb.DuckDBPyRelation:
        """The result as a DuckDB relation on this session's connection: lazy, to be refined further. Keep the session open."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                return self.connection.sql(self.statement.runnable, params=self._parameters or None)
        except duckdb.Error as error:
            raise self._told(error) from None

    def explain(self) -> str:
        """DuckDB's plan, as text."""
        try:
            rows = self.connection.execute("EXPLAIN " + self.statement.runnable, self._parameters or None).fetchall()
        except duckdb.Error as error:
            raise self._told(error) from None
        return "\n".join(str(row[1]) for row in rows)

    def progress(self) -> float | None:
        """Per cent done of the statement being run, where DuckDB can tell."""
        try:
            done = float(self.connection.query_progress())
        except duckdb.Error:
            return None
        return done if 0 <= done <= 100 else None

    # -- inside -----------------------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        wanted, given = set(self.statement.parameters), set(self._parameters)
        if wanted != given:
            missing, unused = sorted(wanted - given), sorted(given - wanted)
            told = [f"${name} has no value" for name in missing] + [f"the statement has no ${name}" for name in unused]
            raise QueryError(f"Parameters: {'; '.join(told)}.", hint="写作 --param 名称=值；语句里写作 $名称。")

    def _open(self, name: str, as_of: datetime | None) -> list[str]:
        """A view over the relation's sources. Returns the files it reads: the connection is given access to those and no others."""
        relation = self.relations.get(name)
        if relation is None:
            raise self._unknown_table(name)
        opened = relation.open(as_of)
        handles: dict[str, str] = {}
        readable: list[str] = []
        for part, source in opened.parts.items():
            handle = f"{_HANDLE}__{relation.schema}__{relation.name}__{part}"
            handles[part] = f'"{handle}"'
            if isinstance(source, Files):
                self._view_of_files(handle, source)
                readable += source.paths
            else:
                self.connection.register(handle, source)
                self._kept.append(source)
        select = opened.select.format_map(handles) if opened.select else f"SELECT * FROM {next(iter(handles.values()))}"
        self.connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema_in_duckdb(relation.schema)}"')
        self.connection.execute(f'CREATE VIEW "{schema_in_duckdb(relation.schema)}"."{relation.name}" AS {select}')
        return readable

    def _view_of_files(self, handle: str, files: Files) -> None:
        self.connection.register("__empty", files.empty)
        self.connection.execute(f'CREATE TEMP TABLE "{handle}__empty" AS FROM "__empty"')
        self.connection.unregister("__empty")
        rows = f" UNION ALL BY NAME FROM read_parquet({_list(files.paths)}, union_by_name = true)" if files.paths else ""
        self.connection.execute(f'CREATE TEMP VIEW "{handle}" AS FROM "{handle}__empty"{rows}')

    def _unknown_table(self, name: str) -> QueryError:
        known = sorted(
            k for k, relation in self.relations.items() if relation.exists() and (HISTORY_SUFFIX in name or HISTORY_SUFFIX not in k)
        )
        bare = name.rpartition(".")[2]
        near = [key for key in known if key.rpartition(".")[2] == bare] or difflib.get_close_matches(name, known, n=3, cutoff=0.55)
        if not near:  # the resource is named nearly right, its agency not at all
            tails = {key.rpartition(".")[2]: key for key in known}
            near = [tails[tail] for tail in difflib.get_close_matches(bare, list(tails), n=3, cutoff=0.7)]
        told = f"是否要查：{'、'.join(near)}？" if near else f"有这些表：{'、'.join(known) or '还没有'}。"
        return QueryError(f"There is no table {name}.", hint=f"{told}全部表见 districtlake tables。", code="sql.unknown_table")

    def _told(self, error: Exception) -> DistrictLakeError:
        """DuckDB's error as ours: what is unknown, what there is instead, which limit was met."""
        if isinstance(error, DistrictLakeError):
            return error
        text = str(error)
        if self._expired:
            return QueryError(
                f"The statement was stopped after {self.timeout:g} seconds.",
                hint="缩小范围（where、limit），或用 --timeout 放宽。", code="sql.timeout",
            )  # fmt: skip
        if "Out of Memory" in text or "failed to allocate" in text or "could not allocate" in text:
            return QueryError(
                "The statement needs more memory than it may use.", hint="缩小范围，或用 --memory 4GB 放宽。", code="sql.memory"
            )
        if found := re.search(r'Table with name "?([^"\s]+?)"? does not exist', text):
            return self._unknown_table(found.group(1))
        if re.search(r"Referenced column|does not have a column named|not found in FROM clause", text):
            return QueryError(f"DuckDB: {text.splitlines()[0]}", hint=self._columns_hint(), code="sql.unknown_column")
        return QueryError(f"DuckDB: {duck_words(error)}", hint=self._position(text))

    def _columns_hint(self) -> str:
        told = []
        for name in self.statement.tables:
            relation = self.relations[name]
            rows = self.connection.execute(f'DESCRIBE "{schema_in_duckdb(relation.schema)}"."{relation.name}"').fetchall()
            told.append(f"{name} 的列：{', '.join(str(row[0]) for row in rows)}。")
        return "".join(told) or "表名写作 机构.资源。"

    @staticmethod
    def _position(text: str) -> str:
        """The line that DuckDB points at, where it does."""
        found = re.search(r"^LINE \d+: .*$", text, flags=re.M)
        return f"见 {found.group(0)}" if found else "表名写作 机构.资源；districtlake tables 列出全部表。"

    def _start_timer(self) -> None:
        if self.timeout is not None and self._timer is None:
            self._timer = threading.Timer(self.timeout, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        self._expired = True
        self.connection.interrupt()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _named_once(names: Sequence[str]) -> list[str]:
    """Names that come twice are numbered, as DuckDB's own ``.df()`` does: ``a``, ``a_1``."""
    told, taken = list[str](), set(names)
    for name in names:
        if name in told:
            name = next(new for new in (f"{name}_{number}" for number in itertools.count(1)) if new not in taken)
            taken.add(name)
        told.append(name)
    return told


def _portable(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows as every form of output takes them: each column with a name of its own, intervals as text (ISO 8601)."""
    fields: list[pa.Field] = []
    for name, field in zip(_named_once(reader.schema.names), reader.schema, strict=True):
        fields.append(pa.field(name, pa.string() if field.type == pa.month_day_nano_interval() else field.type))
    schema = pa.schema(fields)
    if schema.equals(reader.schema):
        return reader

    def columns(batch: pa.RecordBatch) -> Iterator[pa.Array]:
        for column, field in zip(batch.columns, fields, strict=True):
            yield column if column.type == field.type else pa.array([_duration(value) for value in column.to_pylist()], pa.string())

    return pa.RecordBatchReader.from_batches(schema, (pa.RecordBatch.from_arrays(list(columns(batch)), schema=schema) for batch in reader))


def _duration(value: Any) -> str | None:
    if value is None:
        return None
    seconds = f"{value.nanoseconds / 1e9:.9f}".rstrip("0").rstrip(".")
    return f"P{value.months}M{value.days}DT{seconds}S"


def _list(paths: Sequence[str]) -> str:
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def watch(session: Session, tell: Callable[[float | None, float], None], *, every: float = 1.0) -> Callable[[], None]:
    """Call ``tell(per cent or None, seconds)`` from a thread while the statement runs; returns what ends it."""
    ended = threading.Event()
    began = time.monotonic()

    def run() -> None:
        while not ended.wait(every):
            tell(session.progress(), time.monotonic() - began)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        thread.join()

    return stop
