"""One side of ``benchmarks.read`` in a process of its own; prints one line of JSON.

``python -m benchmarks.read_side FOLDER SIDE CASE TARGET``. CASE: ``utf8`` ``gb18030`` ``breaks`` ``large`` ``book`` ``digits``. TARGET:
where the side writes its Delta table. ``check`` in the place of SIDE: rows of the table at TARGET and a digest of their cells.

Every side writes the same columns: ``_delivery``, ``_file``, ``_sheet``, ``_row`` and each cell as text. By hand ``_row`` is the number of
the record; ours is the line on which it begins, which with line breaks in cells no peer knows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES = {"utf8": "utf8.csv", "gb18030": "gb18030.csv", "breaks": "breaks.csv", "large": "large.csv", "book": "book.xlsx"}
DELIVERY = "benchmark"


def measured(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    cpu, wall = time.process_time(), time.perf_counter()
    report = work()
    return {**report, "cpu_work": time.process_time() - cpu, "wall_work": time.perf_counter() - wall}


def ours(folder: Path, case: str, target: Path) -> dict[str, Any]:
    """The product's own reader and its own commit, as a delivery takes them; the raw rows pass by in parts."""
    import polars as pl

    from benchmarks.way_ours import RESOURCE_ID, district_of
    from districtlake.ingestion.limits import Limits
    from districtlake.ingestion.read import open_delivery
    from districtlake.warehouse.commit import Commits, versions
    from districtlake.warehouse.tables import address, ensure_tables, schema_of

    district = district_of(folder, target)
    resource = district.resource(RESOURCE_ID)
    ensure_tables(district.lake, resource, district.catalog)
    schema = schema_of("raw", resource, district.catalog)
    file = folder / FILES[case]

    def work() -> dict[str, Any]:
        commits = Commits(district.lake, RESOURCE_ID, versions(district.lake, RESOURCE_ID), 1)
        with open_delivery(file, file.name, resource, Limits.of(district.settings)) as stream:
            stamped = (frame.with_columns(_delivery=pl.lit(DELIVERY)).select(list(schema)).cast(schema) for frame in stream)
            commits.append_batches("raw", stamped, schema)
            return {"rows": stream.report().rows}

    return {**measured(work), "table": str(address(district.lake, "raw", RESOURCE_ID))}


def by_polars(folder: Path, case: str, target: Path) -> dict[str, Any]:
    import polars as pl
    from deltalake import write_deltalake

    def work() -> dict[str, Any]:
        file = folder / FILES[case]
        if case == "book":
            frame = pl.read_excel(file, engine="calamine", infer_schema_length=0)
        else:
            frame = pl.read_csv(file.read_bytes().decode("gb18030").encode() if case == "gb18030" else file, infer_schema=False)
        frame = frame.with_columns(
            _delivery=pl.lit(DELIVERY),
            _file=pl.lit(file.name),
            _sheet=pl.lit(None, dtype=pl.String),
            _row=pl.int_range(2, pl.len() + 2, dtype=pl.Int64),
        )
        write_deltalake(str(target), frame)
        return {"rows": frame.height}

    return {**measured(work), "table": str(target)}


def by_pyarrow(folder: Path, case: str, target: Path) -> dict[str, Any]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    from deltalake import write_deltalake

    def work() -> dict[str, Any]:
        file = folder / FILES[case]
        encoding = "gb18030" if case == "gb18030" else "utf8"
        with file.open(encoding=encoding) as text:
            names = text.readline().strip().split(",")
        reader = pyarrow.csv.open_csv(
            file,
            pyarrow.csv.ReadOptions(encoding=encoding, block_size=4 << 20),
            pyarrow.csv.ParseOptions(newlines_in_values=case == "breaks"),
            pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]),
        )
        own = [("_delivery", pa.string()), ("_file", pa.string()), ("_sheet", pa.string()), ("_row", pa.int64())]
        schema = pa.schema([*own, *((name, pa.string()) for name in names)])
        done = 0

        def batches() -> Any:
            nonlocal done
            for batch in reader:
                rows = batch.num_rows
                arrays = [pa.repeat(DELIVERY, rows), pa.repeat(file.name, rows), pa.nulls(rows, pa.string())]
                numbers = pa.array(np.arange(done + 2, done + 2 + rows))
                yield pa.record_batch([*arrays, numbers, *batch.columns], schema=schema)
                done += rows

        write_deltalake(str(target), pa.RecordBatchReader.from_batches(schema, batches()))
        return {"rows": done}

    return {**measured(work), "table": str(target)}


def by_duckdb(folder: Path, case: str, target: Path) -> dict[str, Any]:
    import duckdb
    from deltalake import write_deltalake

    def work() -> dict[str, Any]:
        file = folder / FILES[case]
        source = file
        if case == "gb18030":
            source = target.with_suffix(".utf8.csv")
            source.write_bytes(file.read_bytes().decode("gb18030").encode())
        with duckdb.connect(config={"threads": 2}) as connection:
            found = connection.sql(
                "select $delivery as _delivery, $name as _file, null::varchar as _sheet, row_number() over () + 1 as _row, * "
                "from read_csv($file, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')",
                params={"delivery": DELIVERY, "name": file.name, "file": str(source)},
            )
            write_deltalake(str(target), found.to_arrow_reader(100_000))
            return {}

    return {**measured(work), "table": str(target)}


def by_pandas(folder: Path, case: str, target: Path) -> dict[str, Any]:
    import pandas as pd
    import pyarrow as pa
    from deltalake import write_deltalake

    def work() -> dict[str, Any]:
        file = folder / FILES[case]
        if case == "book":
            frame = pd.read_excel(file, dtype=str, keep_default_na=False, engine="openpyxl")
        else:
            # skipping blank lines, pandas also drops a blank at the beginning of a record that begins a buffer
            encoding = "gb18030" if case == "gb18030" else "utf-8"
            frame = pd.read_csv(file, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding=encoding)
        frame["_delivery"], frame["_file"], frame["_sheet"], frame["_row"] = DELIVERY, file.name, None, range(2, len(frame) + 2)
        frame["_sheet"] = frame["_sheet"].astype("string[pyarrow]")
        write_deltalake(str(target), pa.Table.from_pandas(frame, preserve_index=False))
        return {"rows": len(frame)}

    return {**measured(work), "table": str(target)}


def digits(folder: Path, side: str) -> dict[str, Any]:
    """Numbers with a right check character, and how many are judged in a CPU second."""
    import polars as pl

    from districtlake.standards.check_digits import citizen_id_check, matrix_of, uscc_check

    frame = pl.read_parquet(folder / "digits.parquet")
    found: dict[str, Any] = {}
    for name, vectorised in (("citizen_id", citizen_id_check), ("uscc", uscc_check)):
        cells = frame[name].filter(frame[name].str.len_bytes() == 18)
        if side == "ours":
            vectorised(matrix_of(cells.head(1000), 18))
            cpu = time.process_time()
            right = int(vectorised(matrix_of(cells, 18)).sum())
        else:
            from stdnum.cn import ric, uscc

            cells = cells.head(100_000)
            check = (
                (lambda text: ric.calc_check_digit(text) == text[-1])
                if name == "citizen_id"
                else (lambda text: uscc.calc_check_digit(text) == text[-1])
            )
            texts = cells.to_list()
            cpu = time.process_time()
            right = sum(map(check, texts))
        cpu = time.process_time() - cpu
        judged = int(vectorised(matrix_of(cells, 18)).sum())
        if right != judged:
            raise SystemExit(f"{name}: {side} finds {right:,} of {len(cells):,} right, ours {judged:,}.")
        found[name] = {"rows": len(cells), "right": right, "rows_per_cpu_second": round(len(cells) / max(cpu, 1e-9))}
    return found


def check(table: str, titles: dict[str, str]) -> dict[str, Any]:
    """Rows and a digest of a table's cells, whatever its columns are called; an empty cell and none are the same."""
    import numpy as np
    import polars as pl
    from deltalake import DeltaTable

    rows, digest = 0, 0
    for uri in DeltaTable(table).file_uris():
        frame = pl.read_parquet(uri).rename(titles, strict=False)
        cells = frame.select(pl.col(name).fill_null("") for name in sorted(titles.values()))
        rows, digest = rows + frame.height, (digest + int(cells.hash_rows(1).to_numpy().sum(dtype=np.uint64))) % 2**64
        if (
            frame["_delivery"].null_count()
            or frame["_row"].n_unique() != frame.height
            or set(frame["_file"].unique()) - set(FILES.values())
        ):
            raise SystemExit(f"{table}: rows without where they came from")
    return {"rows": rows, "digest": digest}


SIDES = {"ours": ours, "polars": by_polars, "pyarrow": by_pyarrow, "duckdb": by_duckdb, "pandas": by_pandas}

if __name__ == "__main__":
    where, side, case, target = sys.argv[1:]
    if side == "check":
        from benchmarks.read_data import COLUMNS
        from benchmarks.way_delivery import columns

        print(json.dumps(check(target, {c.title: c.name for c in columns(COLUMNS)})))
    elif case == "digits":
        print(json.dumps(digits(Path(where), side)))
    else:
        print(json.dumps(SIDES[side](Path(where), case, Path(target))))
