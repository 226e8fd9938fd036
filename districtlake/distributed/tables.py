"""The warehouse's table as a fold of several deliveries needs it: at a version, between two deliveries, and what differs in the end.

Between two deliveries it lies as Parquet in the operation's staging folder. Each such table is worked out from the one before and then takes its place,
so at most two lie there at once; a delivery that changes nothing makes none.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from districtlake.catalog.models import Catalog, Resource
from districtlake.distributed import set_work
from districtlake.distributed.arrow import portable, structure
from districtlake.distributed.set_work import OnSpark, quoted
from districtlake.spark.paths import delta_at, spark_path
from districtlake.warehouse.tables import address, key_columns, open_table, schema_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType


@dataclass
class TablesOnSpark:
    """Tables of one resource during one operation. ``folder``: the operation's staging."""

    session: SparkSession
    folder: Path
    lake: Path
    resource: Resource
    catalog: Catalog
    _number: int = 0
    _last: tuple[OnSpark, OnSpark] | None = None
    """The table that was laid last: as it was worked out, and as it lies."""

    def at(self, version: int) -> OnSpark:
        """The warehouse at a version, in the columns and types of the catalogue as it now is (``warehouse.commit.read_as_catalogued``)."""
        from pyspark.sql import functions as F

        height = int(open_table(self.lake, "warehouse", self.resource.id, version).count())
        table = delta_at(self.session, address(self.lake, "warehouse", self.resource.id), version)
        stored = {field.name: field.dataType for field in table.schema.fields}
        columns = []
        for field in self._structure("warehouse").fields:
            column = F.col(quoted(field.name)) if field.name in stored else F.lit(None)
            columns.append((column if stored.get(field.name) == field.dataType else column.cast(field.dataType)).alias(field.name))
        return OnSpark(table.select(*columns), height)

    def empty(self, layer: str) -> OnSpark:
        """A layer's table without a row."""
        return OnSpark(self.session.createDataFrame([], self._structure(layer)), 0)

    def laid(self, table: OnSpark) -> OnSpark:
        """The table as it is read; one that is worked out is written first, and the one before it removed."""
        lies = self._as_it_lies(table)
        if not lies.worked_out:
            return lies
        self._number += 1
        folder = self._folder(self._number)
        table.frame.write.parquet(spark_path(folder))
        self._last = table, OnSpark(self.session.read.schema(table.frame.schema).parquet(spark_path(folder)), table.height)
        shutil.rmtree(self._folder(self._number - 1), ignore_errors=True)
        return self._last[1]

    def difference(self, before: OnSpark, after: OnSpark) -> OnSpark:
        """The lines that turn ``before`` into ``after``. The tables between are removed then."""
        path = spark_path(self.folder / "difference")
        height = set_work.difference_lines(before.frame, self._as_it_lies(after).frame, key_columns(self.resource), path)
        shutil.rmtree(self._folder(self._number), ignore_errors=True)
        return OnSpark(self.session.read.parquet(path), height)

    def _as_it_lies(self, table: OnSpark) -> OnSpark:
        """A delivery that is held hands on the table it was given: what that was worked out from is gone when it was laid."""
        return self._last[1] if self._last is not None and table is self._last[0] else table

    def _folder(self, number: int) -> Path:
        return self.folder / f"between-{number}"

    def _structure(self, layer: str) -> StructType:
        columns = schema_of(layer, self.resource, self.catalog)
        return structure({name: portable(dtype) for name, dtype in columns.items()})[0]
