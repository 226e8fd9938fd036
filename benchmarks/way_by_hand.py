"""The other side of the way's benchmark: the same resource by hand, with nothing but Polars and deltalake.

``python -m benchmarks.way_by_hand <folder> <lake> <arguments.json>``. Written for this one file and its spellings: it knows which
repairs the agency's habits need and which errors it has seen, screens each column once and works on the cells that need it. It reads
``constants.json`` (sentences, code lists) and writes raw, cleansed, changes, quarantine, problems, history and warehouse, row by row
what our way writes. It keeps no archive, no receipt, no results table, no crash safety and no generality.
"""

from __future__ import annotations

import json
import resource as system
import sys
import time
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pyarrow  # noqa: F401 - deltalake loads it at the first write; here it counts as an import

from benchmarks import way_by_hand_tables as tables
from benchmarks.way_by_hand_columns import cleaned
from benchmarks.way_delivery_names import SHEET

KEY = "citizen_id"
REQUIRED = ("citizen_id", "name", "sex", "insured_from", "uscc", "status")
WARNINGS = {
    "unknown_region", "legacy_15", "org_code_check", "unknown_authority", "unusual_character", "masked", "no_area_code", "implausible_year",
}  # fmt: skip


def failures_of(frame: pl.DataFrame, columns: list[list[str]], faults: dict[str, pl.DataFrame], keep: pl.Series) -> pl.DataFrame:
    """``_index rule code`` of every row that breaks a rule; row numbers are the frame's, rows not kept are left out."""
    parts = []

    def breaks(rule: str, bad: pl.Series) -> None:
        parts.append(pl.DataFrame({"_index": (bad & keep).arg_true()}).with_columns(rule=pl.lit(rule), code=pl.lit(None, dtype=pl.String)))

    kept = keep.arg_true().implode() if not keep.all() else None
    for name, _, _ in columns:
        found = faults[name]
        if name in REQUIRED:
            absent = frame[name].is_null()
            breaks(f"{name}.required", absent.scatter(found["_index"], False) if absent.any() else absent)  # unread is not absent
        if kept is not None:
            found = found.filter(pl.col("_index").is_in(kept))
        kind = pl.when(pl.col("code").is_in(WARNINGS)).then(pl.lit(f"{name}.plausible")).otherwise(pl.lit(f"{name}.conforms"))
        parts.append(found.select("_index", rule=kind, code="code"))
    names = {name for name, *_ in columns}
    breaks("base_yuan.range", ~frame["base_yuan"].is_between(0, 100000))
    if "months" in names:
        breaks("months.range", ~frame["months"].is_between(0, 600))
    for name, base, _ in columns:
        if base == "remark":
            breaks(f"{name}.length", frame[name].str.len_chars() > 100)
    keys = pl.select(pl.when(keep).then(frame[KEY])).to_series()
    breaks("key.unique", keys.is_duplicated() & keys.is_not_null())
    id_ = pl.select(pl.when(frame[KEY].str.contains("^[0-9]{17}[0-9X]$")).then(frame[KEY])).to_series()
    breaks("birth_date.matches_id", (id_.str.slice(6, 8).str.to_date("%Y%m%d", strict=False) != frame["birth_date"]).fill_null(False))
    odd = id_.str.slice(16, 1).is_in(["1", "3", "5", "7", "9"])
    breaks("sex.matches_id", ((frame["sex"] == "1") != odd).fill_null(False) & frame["sex"].is_in(["1", "2"]))
    breaks("dates_in_order", frame["insured_to"] < frame["insured_from"])
    if "paid_yuan" in names:
        breaks("paid.below_base", frame["base_yuan"] < frame["paid_yuan"])
    return pl.concat(parts)


def read(path: str, names: list[str]) -> tuple[pl.DataFrame, str | None]:
    """The file as text under our names, with ``_row``, the line in it; and the sheet's name, if it has one."""
    if path.endswith(".csv"):
        return pl.read_csv(path, infer_schema=False, new_columns=names, row_index_name="_row", row_index_offset=2), None
    import fastexcel

    frame = fastexcel.read_excel(path).load_sheet(SHEET, dtypes="string").to_polars()
    frame.columns = names
    return frame.with_row_index("_row", offset=2), SHEET


class Clock:
    """CPU and wall seconds since the last ``lap``."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def lap(self, name: str) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        self.phases[name] = {"cpu": cpu - self.cpu, "wall": wall - self.wall}
        self.cpu, self.wall = cpu, wall


def main(arguments: list[str]) -> None:
    folder, lake, given = Path(arguments[0]), Path(arguments[1]), json.loads(Path(arguments[2]).read_text(encoding="utf-8"))
    constants = json.loads((folder / "constants.json").read_text(encoding="utf-8"))
    columns: list[list[str]] = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    regions = pl.Series(constants["regions"], dtype=pl.Int64)
    today, now, at = date.fromisoformat(given["today"]), datetime.fromisoformat(given["now"]), datetime.fromisoformat(given["at"])
    started_cpu, started_wall, clock = time.process_time(), time.perf_counter(), Clock()
    whole = given["kind"] == "snapshot"
    delivery, names = given["delivery"], [name for name, *_ in columns]

    raw, sheet = read(given["path"], names)
    place = [
        pl.lit(delivery).alias("_delivery"),
        pl.lit(given["file"]).alias("_file"),
        pl.lit(sheet, dtype=pl.String).alias("_sheet"),
        pl.col("_row").cast(pl.Int64),
    ]
    raw = raw.select(*place, *names, pl.lit(None, dtype=pl.String).alias("_extra"))
    clock.lap("read")
    tables.append(lake, "raw", raw)
    clock.lap("commit raw")

    values, altered, faults = [], [], {}
    for name, base, _ in columns:
        column = cleaned(name, base, raw[name], today, constants, regions)
        values.append(column.value.alias(name))
        altered.append(column.altered.select("_index", pl.lit(name).alias("item"), "before", "after", "rule"))
        faults[name] = column.faults
    frame = raw.with_columns(values)
    changes = pl.concat(altered).sort("_index", maintain_order=True)
    changes = pl.concat([raw.select("_delivery", "_file", "_sheet", "_row")[changes["_index"]], changes.drop("_index")], how="horizontal")
    clock.lap("cleanse")
    tables.append(lake, "cleansed", frame)
    clock.lap("commit cleansed")
    tables.append(lake, "changes", changes)
    clock.lap("commit changes")

    keep = ~tables.later_copies(frame, raw, names, faults)
    failures = failures_of(frame, columns, faults, keep)
    clock.lap("validate")
    told = tables.sightings(frame, raw, failures, constants)
    quarantine, quarantined = tables.quarantine(frame, raw, told, names)
    if not whole:
        quarantine = tables.with_standing(lake, quarantine, frame.filter(keep)[KEY])
    register = tables.register(lake, told, frame.filter(keep)[KEY], constants, delivery, now, whole=whole)
    clock.lap("quarantine and register")
    tables.overwrite(lake, "quarantine", quarantine)
    tables.overwrite(lake, "problems", register)
    clock.lap("commit quarantine and problems")
    accepted = frame.filter(keep & ~quarantined).drop("_extra")
    tables.to_warehouse(lake, accepted, quarantine["key"], names, KEY, delivery, at, whole=whole)
    clock.lap("change set, commit history and warehouse")
    print(
        json.dumps(
            {
                "cpu": time.process_time() - started_cpu, "wall": time.perf_counter() - started_wall,
                "rss": system.getrusage(system.RUSAGE_SELF).ru_maxrss * 1024, "phases": clock.phases,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
