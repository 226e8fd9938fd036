"""``districtlake inspect FILE --to out.csv`` on a long file: what it holds does not grow with the file (``slow``)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import polars as pl
import pytest

_CHILD = """
import sys
from pathlib import Path
from typer.testing import CliRunner
from districtlake.cli.app import app
result = CliRunner().invoke(app, ["inspect", sys.argv[1], "--to", sys.argv[2]])
assert result.exit_code == 0, result.output
# not ru_maxrss: that begins with what the parent held when it forked
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""
_MOST_MIB = 700
"""Half of what the texts of these files take; a file read whole takes more than they do."""
_MOST_MIB_PARQUET = 1200
"""There a row group's texts are held, here 190 MB of them nearly all different, once more as Arrow's dictionaries."""


def _rows(count: int) -> pl.LazyFrame:
    number = pl.int_range(pl.len(), dtype=pl.Int64)
    texts = {f"文字{at}": pl.format("浙江省宁波市海曙区望春路{}号{}室", number % (900 + at), number * 7919 % 1_000_003) for at in range(16)}
    rows = pl.LazyFrame({"at": [0]}).select(pl.col("at").repeat_by(count).explode())
    return rows.select(pl.format("NB{}", number + 10**9).alias("编号"), *(text.alias(name) for name, text in texts.items()))


def _csv(rows: pl.LazyFrame, path: Path) -> None:
    rows.sink_csv(path)


def _zip(rows: pl.LazyFrame, path: Path) -> None:
    plain = path.with_suffix(".csv")
    rows.sink_csv(plain)
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as packed:
        packed.write(plain, "rows.csv")
    plain.unlink()


def _parquet(rows: pl.LazyFrame, path: Path) -> None:
    rows.sink_parquet(path, row_group_size=200_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write", "most"),
    [("rows.csv", _csv, _MOST_MIB), ("packed.zip", _zip, _MOST_MIB), ("rows.parquet", _parquet, _MOST_MIB_PARQUET)],
)
def test_memory_stays_flat_and_every_cell_is_written(
    tmp_path: Path, name: str, write: Callable[[pl.LazyFrame, Path], None], most: int
) -> None:
    rows = _rows(1_500_000)  # 1.4 GB of text
    write(rows, tmp_path / name)
    out = tmp_path / "out.csv"
    done = subprocess.run([sys.executable, "-c", _CHILD, str(tmp_path / name), str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = pl.scan_csv(out, infer_schema=False)
    counted = pl.len().alias("rows"), pl.all().hash().sum()
    assert written.select(counted).collect(engine="streaming").equals(rows.select(counted).collect(engine="streaming"))
    assert int(done.stdout.splitlines()[-1]) / 1024 < most


def test_a_sample_has_texts_of_its_own() -> None:
    from districtlake.inspection.profile import Profiler

    batch = pl.DataFrame({"c0": [f"浙江省宁波市海曙区望春路{at}号" if at % 3 else None for at in range(5000)], "_row": range(5000)})
    profiler = Profiler(estimated_rows=5000, sample_rows=50)
    profiler.add(batch)
    (kept,) = profiler._kept
    assert kept.equals(batch.gather_every(100))
    assert kept.schema == batch.schema
    assert kept.estimated_size() < batch.estimated_size() / 20
