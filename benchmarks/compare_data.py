"""The two registers of ``benchmarks.compare``: ``python -m benchmarks.compare_data FOLDER first|change ROWS SHARE SEED``. Synthetic throughout."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import DeltaTable, write_deltalake

from districtlake.catalog.models import Catalog
from districtlake.delivery.district import District, open_district
from districtlake.settings import PROJECT_ROOT, Settings
from districtlake.store.tables import Delivery
from districtlake.warehouse.tables import address, ensure_tables, schema_of

PERSONS, VISITS = "public_security_bureau.population", "towns_and_streets.grid_visits"
COMPARISON = "name_against_registration"
AT = datetime(2026, 3, 2, 18, tzinfo=UTC)
DAYS = {"first": date(2026, 3, 2), "change": date(2026, 3, 3)}


def district_of(folder: Path) -> District:
    """The district below ``folder``, with the shipped catalogue."""
    settings = Settings(state=folder / "state", inbox=folder / "inbox", catalog_dirs=(PROJECT_ROOT / "catalog",), actor="benchmark")
    return open_district(settings)


def numbers(rows: int) -> pl.Series:
    """As many different numbers of the right shape and length; they belong to nobody."""
    return pl.Series("citizen_id", [f"330203{19000000 + index // 1000:08d}{index % 1000:03d}{index % 10}" for index in range(rows)])


def names(count: int, seed: int) -> pl.Series:
    surnames, given = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "一丁万云仁伟佳修俊克兰军冬凯刚力勇"
    random = np.random.default_rng(seed)
    a, b, c = random.integers(0, len(surnames), count), random.integers(0, len(given), count), random.integers(0, len(given), count)
    return pl.Series("name", [surnames[x] + given[y] + given[z] for x, y, z in zip(a, b, c, strict=True)])


def rows_of(resource: str, columns: dict[str, pl.Series], catalog: Catalog, delivery: str) -> pl.DataFrame:
    """Warehouse rows with what ``columns`` do not name left null."""
    schema = schema_of("warehouse", catalog.resources[resource], catalog)
    frame = pl.DataFrame(columns).with_columns(
        _delivery=pl.lit(delivery),
        _file=pl.lit("made.csv"),
        _row=pl.int_range(2, pl.len() + 2, dtype=pl.Int64),
        _valid_from=pl.lit(AT),
        _stale=pl.lit(False),
    )
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(list(schema)).cast(schema)


def delivered(district: District, day: date) -> None:
    """The ledger says of which day the tables are."""
    with district.store.session() as session:
        for number, resource in enumerate((PERSONS, VISITS)):
            name = f"{resource}-{day:%Y%m%d}"
            session.add(
                Delivery(
                    id=name, resource=resource, agency=resource.split(".")[0], source_path=f"{name}.csv", file_name=f"{name}.csv", sha256=f"{number}{day:%Y%m%d}".ljust(64, "0"),
                    bytes=1, mode="snapshot", state="done", data_date=day, received_at=AT, order_key=f"{day:%Y%m%d}", received_by="benchmark",
                )
            )  # fmt: skip


def first(folder: Path, rows: int, different: float, seed: int) -> None:
    district = district_of(folder)
    ids = numbers(rows)
    called = names(len(ids), seed)
    random = np.random.default_rng(seed + 1)
    other = pl.Series(random.random(len(ids)) < different)
    spelled = pl.select(pl.when(other).then(called.str.head(1) + "另" + called.str.tail(1)).otherwise(called)).to_series()
    order = random.permutation(len(ids))
    visits = {"visit_no": pl.Series([f"ZF{index:012d}" for index in range(len(ids))]), "citizen_id": ids[order], "name": spelled[order]}
    for resource, columns in ((PERSONS, {"citizen_id": ids, "name": called}), (VISITS, visits)):
        entry = district.catalog.resources[resource]
        ensure_tables(district.lake, entry, district.catalog)
        path = str(address(district.lake, "warehouse", resource))
        write_deltalake(path, rows_of(resource, columns, district.catalog, f"{resource}-1").sort(list(entry.key)).to_arrow(), mode="append")
    delivered(district, DAYS["first"])
    district.store.close()


def change(folder: Path, rows: int, share: float, seed: int) -> None:
    """Some rows of either side get another name, as a delivery's merge writes it."""
    district = district_of(folder)
    for place, resource in enumerate((PERSONS, VISITS)):
        key = district.catalog.resources[resource].key[0]
        table = DeltaTable(str(address(district.lake, "warehouse", resource)))
        held = pl.DataFrame(table.to_pyarrow_table())
        some = held.sample(n=max(int(held.height * share), 1), seed=seed + place).with_columns(
            name=pl.col("name").str.head(1) + "改" + pl.col("name").str.tail(1)
        )
        table.merge(some.to_arrow(), f"t.{key} = s.{key}", source_alias="s", target_alias="t").when_matched_update_all().execute()
    delivered(district, DAYS["change"])
    district.store.close()


if __name__ == "__main__":
    where, what, count, part, start = sys.argv[1:]
    {"first": first, "change": change}[what](Path(where), int(count), float(part), int(start))
