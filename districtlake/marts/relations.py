"""Marts and system tables as tables of SQL: ``library.mart`` and ``system.table``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from deltalake import DeltaTable

from districtlake.delivery.district import District
from districtlake.errors import NotFound, OperationRefused
from districtlake.marts import record, table
from districtlake.marts.system import SYSTEM_TABLES
from districtlake.warehouse.relations import Opened, Relation, files_of


def mart_relations(district: District) -> dict[str, Relation]:
    """Every mart of the catalogue, built or not, and every system table.

    As of a moment a mart is the version that had been built by then; a system table tells only of the present.
    """
    relations = [
        Relation(mart.library, mart.name, _mart(district, mart.id), mart.title, _exists(district, mart.id))
        for mart in district.catalog.marts.values()
    ]
    relations += [Relation("system", name, _system(district, name), known.title) for name, known in SYSTEM_TABLES.items()]
    for name, title in (("mart_builds", "集市生成记录"), ("mart_results", "集市规则结果")):
        relations.append(Relation("system", name, _recorded(district, name), title, _exists(district, f"system.{name}")))
    return {relation.id: relation for relation in relations}


def _exists(district: District, mart: str) -> Callable[[], bool]:
    return lambda: table.version_of(district.lake, mart) is not None


def _mart(district: District, mart: str) -> Callable[[datetime | None], Opened]:
    def opened(moment: datetime | None) -> Opened:
        if table.version_of(district.lake, mart) is None:
            raise NotFound(f"{mart} was never built.", hint="districtlake marts build")
        version = table.version_at(district.lake, mart, moment) if moment is not None else None
        return Opened({"rows": files_of(DeltaTable(str(table.path_of(district.lake, mart)), version=version))})

    return opened


def _system(district: District, name: str) -> Callable[[datetime | None], Opened]:
    def opened(moment: datetime | None) -> Opened:
        if moment is not None:
            raise OperationRefused(f"system.{name} tells only of the present.", hint="Leave --as-of out.")
        return Opened({"rows": SYSTEM_TABLES[name].frame(district).to_arrow()})

    return opened


def _recorded(district: District, name: str) -> Callable[[datetime | None], Opened]:
    read = {"mart_builds": record.builds, "mart_results": record.results}[name]
    return lambda moment: Opened({"rows": read(district.lake).to_arrow()})
