"""One side of ``benchmarks.compare`` in a process of its own: ``python -m benchmarks.compare_side FOLDER ours|duckdb|pandas NIGHT RUN``."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.compare_data import COMPARISON, PERSONS, VISITS, district_of

Report = dict[str, Any]


def digest(pairs: Iterable[tuple[str, str, str]]) -> str:
    return hashlib.blake2b(json.dumps(sorted(pairs), ensure_ascii=False).encode(), digest_size=16).hexdigest()


def files(folder: Path, resource: str) -> list[str]:
    from deltalake import DeltaTable

    return list(DeltaTable(str(folder / "state" / "lake" / "warehouse" / Path(*resource.split(".")))).file_uris())


def measured(work: Callable[[], Report]) -> Report:
    cpu, wall = time.process_time(), time.perf_counter()
    report = work()
    return {**report, "cpu_work": time.process_time() - cpu, "wall_work": time.perf_counter() - wall}


def ours(folder: Path, night: str) -> Report:
    from dataclasses import replace

    from districtlake.clock import SHANGHAI, FixedClock
    from districtlake.comparison.compare import compare
    from districtlake.warehouse.leads import read_leads

    moment = datetime(2026, 3, 3 if night == "first_night" else 4, 2, tzinfo=SHANGHAI)
    district = replace(district_of(folder), clock=FixedClock(moment))

    def work() -> Report:
        done = next(one for one in compare(district, [COMPARISON]) if one.pairing.endswith(VISITS))
        if done.outcome != "compared":
            raise SystemExit(f"{done.outcome}: {done.reason}")
        return {"mode": done.mode, "keys": done.keys, "opened": done.opened, "closed": done.closed}

    report = measured(work)
    leads = read_leads(district.lake).filter(state="open")
    pairs = leads.select("key", "value", "right_value").rows()
    return {**report, "leads": len(pairs), "digest": digest(pairs)}


def by_duckdb(folder: Path, night: str) -> Report:
    import duckdb

    def work() -> Report:
        with duckdb.connect(config={"threads": 2}) as connection:
            persons, visits = (files(folder, one) for one in (PERSONS, VISITS))
            connection.execute(
                """
                copy (select v.visit_no, v.name, p.name as registered from read_parquet($visits) v join read_parquet($persons) p using (citizen_id)
                      where v.name <> p.name and upper(regexp_replace(v.name, '[\\s·•]', '', 'g')) <> upper(regexp_replace(p.name, '[\\s·•]', '', 'g')))
                to '{}' (format parquet)
                """.format(str(folder / "by_hand.parquet").replace("'", "''")),
                {"visits": visits, "persons": persons},
            )
            return {}

    return _read_back(folder, measured(work))


def by_pandas(folder: Path, night: str) -> Report:
    import pandas as pd

    def plain(text: str) -> str:
        return re.sub(r"[\s·•]", "", text).upper()

    def work() -> Report:
        visits = pd.concat([pd.read_parquet(one, columns=["visit_no", "citizen_id", "name"]) for one in files(folder, VISITS)])
        persons = pd.concat([pd.read_parquet(one, columns=["citizen_id", "name"]) for one in files(folder, PERSONS)])
        both = visits.merge(persons.rename(columns={"name": "registered"}), on="citizen_id")
        both = both[both["name"] != both["registered"]]
        both = both[both["name"].map(plain) != both["registered"].map(plain)]
        both[["visit_no", "name", "registered"]].to_parquet(folder / "by_hand.parquet", index=False)
        return {}

    return _read_back(folder, measured(work))


def _read_back(folder: Path, report: Report) -> Report:
    import polars as pl

    pairs = pl.read_parquet(folder / "by_hand.parquet").select("visit_no", "name", "registered").rows()
    return {**report, "leads": len(pairs), "digest": digest(pairs), "mode": "full", "keys": 0, "opened": 0, "closed": 0}


if __name__ == "__main__":
    where, side, which, _ = sys.argv[1:]
    print(json.dumps({"ours": ours, "duckdb": by_duckdb, "pandas": by_pandas}[side](Path(where), which)))
