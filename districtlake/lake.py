"""The lake from Python and notebooks: ``from districtlake import lake``, then one line.

    lake.query("select status, count(*) n from market_regulation.business_entities group by status").df()
    lake.query("select * from market_regulation.business_entities where uscc = $uscc", uscc="…", as_of="2026-03-03").pl()
    lake.table("market_regulation.business_entities", to="arrow")
    lake.tables()                       # what there is
    lake.sample("public_security_bureau.population")   # a few rows, masked

Like ``districtlake sql``: read only, values as they are, each statement audited (ADR 0008). ``sample`` masks, like ``districtlake show``.
The district is the one that the environment describes (DISTRICTLAKE_STATE, …); ``lake.at(folder)`` opens another.
"""

from __future__ import annotations

import threading
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # importing this module loads nothing heavy
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from districtlake.delivery.district import District
    from districtlake.warehouse.sql import Session

Moment = str | date | datetime | None
Form = Literal["pandas", "polars", "arrow", "relation"]
_SHOWN_ROWS = 20


class Result:
    """The result of one statement, computed when it is asked for, in the form that is asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table: pa.Table | None = None
        self.columns: dict[str, str] = session.columns()

    def arrow(self) -> pa.Table:
        """A pyarrow table."""
        if self._table is None:
            self._table = self._session.table()
        return self._table

    def pl(self) -> pl.DataFrame:
        """A Polars frame."""
        import polars

        return polars.DataFrame(self.arrow())

    def df(self) -> pd.DataFrame:
        """A pandas frame."""
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    def relation(self) -> duckdb.DuckDBPyRelation:
        """A lazy DuckDB relation: ``.filter()``, ``.aggregate()``, ``.limit()``, … before anything is read."""
        return self._session.relation()

    def to(self, form: Form) -> Any:
        """In the form named.

        Raises:
            OperationRefused: no such form.
        """
        from districtlake.errors import OperationRefused

        forms = {"pandas": self.df, "polars": self.pl, "arrow": self.arrow, "relation": self.relation}
        if form not in forms:
            raise OperationRefused(f"There is no form {form}.", hint=f"Forms are: {', '.join(forms)}.")
        return forms[form]()

    def __repr__(self) -> str:
        return f"Result({', '.join(f'{name} {kind}' for name, kind in self.columns.items())})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the first rows."""
        import pandas

        with pandas.option_context("display.max_colwidth", None):
            return str(self.arrow().slice(0, _SHOWN_ROWS).to_pandas().to_html(index=False, border=0, na_rep=""))


class Lake:
    """One district's lake. ``state``: its state folder; None: what the environment says."""

    def __init__(self, state: str | Path | None = None) -> None:
        self._state = Path(state).resolve() if state is not None else None
        self._district: District | None = None
        self._lock = threading.Lock()

    @property
    def district(self) -> District:
        """Opened at first use."""
        with self._lock:
            if self._district is None:
                from districtlake.delivery.district import open_district
                from districtlake.settings import Settings

                self._district = open_district(Settings.from_environment(state=self._state))
            return self._district

    def query(
        self, statement: str, *, as_of: Moment = None, to: Form | None = None, timeout: float | None = None, memory: str = "2GB",
        **parameters: Any,
    ) -> Any:  # fmt: skip
        """One SELECT over ``agency.resource`` tables. ``$name`` in the statement takes the keyword argument ``name``.

        Args:
            as_of: "2026-03-03" (its end), a date or a moment: the tables as they were.
            to: "pandas", "polars", "arrow" or "relation"; None: a ``Result`` that gives each by ``.df() .pl() .arrow() .relation()``.
            timeout: seconds; memory: DuckDB's limit.

        Raises:
            QueryError: not a SELECT, or names a table, column or parameter that is not there.
        """
        from districtlake.analysis.ask import audit, open_session
        from districtlake.errors import DistrictLakeError

        outcome, tables = "done", ()  # type: tuple[str, tuple[str, ...]]
        try:
            session = open_session(self.district, statement, parameters=parameters, as_of=as_of, timeout=timeout, memory=memory)
            tables = session.statement.tables
            result = Result(session)
        except DistrictLakeError as error:
            outcome = error.code
            raise
        finally:
            audit(self.district, statement, via="python", as_of=as_of, outcome=outcome, tables=tables)
        return result if to is None else result.to(to)

    def table(self, name: str, *, columns: list[str] | None = None, as_of: Moment = None, to: Form | None = None) -> Any:
        """A whole table, "agency.resource", or some of its columns."""
        quoted = ['"' + part.replace('"', '""') + '"' for part in name.split(".")]
        listed = ", ".join('"' + column.replace('"', '""') + '"' for column in columns) if columns else "*"
        return self.query(f"select {listed} from {'.'.join(quoted)}", as_of=as_of, to=to)

    def tables(self) -> pl.DataFrame:
        """The tables that can be asked now: ``table``, ``title``."""
        import polars

        from districtlake.analysis.relations import relations_of

        found = [(r.id, r.title) for r in relations_of(self.district).values() if r.exists()]
        return polars.DataFrame(sorted(found), schema={"table": polars.String, "title": polars.String}, orient="row")

    def sample(self, name: str, rows: int = 5) -> pl.DataFrame:
        """A few rows of a resource, masked as its items are classified; not audited."""
        from districtlake.analysis.samples import masked_sample

        return masked_sample(self.district, name, rows)


_default = Lake()
query, table, tables, sample = _default.query, _default.table, _default.tables, _default.sample


def at(state: str | Path) -> Lake:
    """The lake of another state folder."""
    return Lake(state)
