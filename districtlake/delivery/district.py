"""The district as one object: settings, catalogue, store, clock and rules of the game, opened once and passed to every use case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from districtlake.catalog.load import load_catalog_tolerant
from districtlake.catalog.models import Catalog, Resource
from districtlake.clock import Clock, clock_from_environment
from districtlake.errors import CatalogError, DistrictLakeError, NotFound
from districtlake.policy.calendar import WorkingCalendar, load_calendar
from districtlake.policy.cycles import end_of
from districtlake.policy.pack import PolicyPack, load_policy
from districtlake.quality.validation import ReferenceUnreadable
from districtlake.settings import Settings
from districtlake.store.engine import Store, open_store
from districtlake.warehouse import history
from districtlake.warehouse.tables import address, scan_delta
from districtlake.wording.sentences import Listed


@dataclass(frozen=True)
class District:
    """Everything a use case needs. ``catalog_errors`` are entries left out because they are broken; the rest goes on."""

    settings: Settings
    catalog: Catalog
    store: Store
    clock: Clock
    policy: PolicyPack
    calendar: WorkingCalendar
    catalog_errors: tuple[CatalogError, ...] = field(default=())

    @property
    def lake(self) -> Path:
        return self.settings.lake

    def resource(self, resource_id: str) -> Resource:
        try:
            return self.catalog.resources[resource_id]
        except KeyError:
            known = Listed.of(sorted(self.catalog.resources))
            raise NotFound.of("resource.none", resource=resource_id, resources=known) from None

    def reference_values(self, resource_id: str, item: str) -> pl.Series | None:
        """The values of an item now in a resource's warehouse table; None when the resource was never delivered.

        Raises:
            ReferenceUnreadable: the table does not open.
        """
        found = self.reference_records(resource_id, (item,))
        return None if found is None else found[item]

    def reference_records(self, resource_id: str, items: tuple[str, ...], as_of: date | None = None) -> pl.DataFrame | None:
        """``items`` of the rows in a resource's warehouse table, as they stand or stood at the end of an Asia/Shanghai day.

        Returns:
            Columns named like the items; None when the resource was never delivered.

        Raises:
            ReferenceUnreadable: the table does not open.
        """
        with reading_reference(resource_id):
            table = self.reference_table(resource_id)
            if table is None:
                return None
            if as_of is None:
                return scan_delta(table).select(items).collect()
            moment = end_of(as_of) - timedelta(microseconds=1)
            return history.as_of(self.lake, self.resource(resource_id), moment).select(items).collect()

    def reference_table(self, resource_id: str) -> DeltaTable | None:
        """A resource's warehouse table as it stands; None when the resource was never delivered."""
        path = str(address(self.lake, "warehouse", resource_id))
        if not DeltaTable.is_deltatable(path):
            return None
        table = DeltaTable(path)
        return table if table.version() > 0 else None  # 0: created, never written


@contextmanager
def reading_reference(resource_id: str) -> Iterator[None]:
    """Whatever fails while another resource's table is read is ``ReferenceUnreadable``: a damaged log, a lost file."""
    try:
        yield
    except ReferenceUnreadable:
        raise
    except Exception as error:
        raise ReferenceUnreadable(
            f"{resource_id} 的表暂时无法打开（{type(error).__name__}），无法核对。", hint="从备份恢复该表，或检查磁盘与权限。"
        ) from error


def open_district(settings: Settings | None = None, clock: Clock | None = None) -> District:
    """Open the district that the environment describes; creates ``state`` and its store when they are not there.

    Raises:
        CatalogError: agencies, elements, code lists or policy are broken (a broken resource alone is set aside).
        DistrictLakeError: the state folder cannot be used.
    """
    settings = settings or Settings.from_environment()
    if "%" in str(settings.state):
        raise DistrictLakeError(
            f"The state folder {settings.state} has a percent sign in its path, which Delta tables cannot be kept under.",
            hint="Set DISTRICTLAKE_STATE to a folder without one.", code="settings.state_path",
        )  # fmt: skip
    for folder in (settings.state, settings.lake, settings.inbox, settings.outbox, settings.locks):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DistrictLakeError(
                f"The folder {folder} cannot be made: {error.strerror}.",
                hint="Check permissions and free space, or set DISTRICTLAKE_STATE to another folder.", code="settings.state_path",
            ) from error  # fmt: skip
    catalog, errors = load_catalog_tolerant(settings.catalog_dirs)
    return District(
        settings=settings,
        catalog=catalog,
        store=open_store(settings.database_url),
        clock=clock or clock_from_environment(),
        policy=load_policy(settings.catalog_dirs),
        calendar=load_calendar(settings.catalog_dirs),
        catalog_errors=tuple(errors),
    )
