"""The system tables of SQL: what the district knows about its own data. Ids, counts, states and days; never a row's value or key.

To add one: its columns and its function in ``SYSTEM_TABLES``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from deltalake import DeltaTable
from sqlalchemy import select

from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.store.tables import Delivery, Ticket
from districtlake.supervision.timeliness import timeliness_frame
from districtlake.warehouse.leads import read_leads
from districtlake.warehouse.tables import address, scan_delta

INSTANT = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class SystemTable:
    """A read-only relation ``system.<name>``.

    Attributes:
        columns: name -> (type, Chinese title).
        read: its rows now.
    """

    title: str
    columns: dict[str, tuple[Any, str]]
    read: Callable[[District], pl.DataFrame]

    @property
    def schema(self) -> pl.Schema:
        return pl.Schema({name: dtype for name, (dtype, _) in self.columns.items()})

    def frame(self, district: District) -> pl.DataFrame:
        """The rows, in this table's columns and types."""
        return self.read(district).select(list(self.columns)).cast(self.schema)


# what the store knows ----------------------------------------------------------------------------------------------
def _deliveries(district: District) -> pl.DataFrame:
    counts = ("delivered", "inserted", "changed", "unchanged", "duplicates", "deletions", "superseded", "quarantined", "held", "deleted")
    rows = []
    with district.store.session(read_only=True) as session:
        for d in session.scalars(select(Delivery).order_by(Delivery.received_at, Delivery.id)):
            rows.append(
                {
                    "delivery": d.id, "agency": d.agency, "resource": d.resource, "mode": d.mode, "state": d.state, "data_date": d.data_date,
                    "received_at": d.received_at, "received_date": local_date(d.received_at), "attempts": d.attempts, "bytes": d.bytes,
                    **{f"rows_{name}": (d.counts or {}).get(name) for name in counts},
                }
            )  # fmt: skip
    return pl.DataFrame(rows, schema=_DELIVERIES.schema)


_DELIVERIES = SystemTable(
    "交付",
    {
        "delivery": (pl.String, "交付编号"), "agency": (pl.String, "机构"), "resource": (pl.String, "资源"), "mode": (pl.String, "方式"),
        "state": (pl.String, "状态"), "data_date": (pl.Date, "数据日期"), "received_at": (INSTANT, "接收时间"),
        "received_date": (pl.Date, "接收日期"), "attempts": (pl.Int64, "失败次数"), "bytes": (pl.Int64, "字节数"),
        "rows_delivered": (pl.Int64, "交付行数"), "rows_inserted": (pl.Int64, "新增"), "rows_changed": (pl.Int64, "变更"),
        "rows_unchanged": (pl.Int64, "未变"), "rows_duplicates": (pl.Int64, "完全重复"), "rows_deletions": (pl.Int64, "删除操作"),
        "rows_superseded": (pl.Int64, "被后续操作取代"), "rows_quarantined": (pl.Int64, "隔离"),
        "rows_held": (pl.Int64, "暂停"), "rows_deleted": (pl.Int64, "消失"),
    },
    _deliveries,
)  # fmt: skip


def _tickets(district: District) -> pl.DataFrame:
    # columns, not objects: a page reads thousands of tickets each time
    told = select(
        Ticket.number, Ticket.agency, Ticket.resource, Ticket.delivery_id, Ticket.rule_id, Ticket.dimension, Ticket.severity, Ticket.kind,
        Ticket.state, Ticket.problems, Ticket.open_problems, Ticket.opened_at, Ticket.due_date, Ticket.closed_at, Ticket.closing,
    )  # fmt: skip
    with district.store.session(read_only=True) as session:
        rows = [tuple(row) for row in session.execute(told.order_by(Ticket.number))]
    return pl.DataFrame(rows, schema=_TICKETS.schema, orient="row")


_TICKETS = SystemTable(
    "工单",
    {
        "ticket": (pl.String, "工单号"), "agency": (pl.String, "机构"), "resource": (pl.String, "资源"), "delivery": (pl.String, "交付编号"),
        "rule": (pl.String, "规则"), "dimension": (pl.String, "维度"), "severity": (pl.String, "严重程度"), "kind": (pl.String, "类别"),
        "state": (pl.String, "状态"), "problems": (pl.Int64, "问题数"), "open_problems": (pl.Int64, "未关闭问题数"),
        "opened_at": (INSTANT, "开单时间"), "due_date": (pl.Date, "期限"), "closed_at": (INSTANT, "办结时间"),
        "closing": (pl.String, "办结方式"),
    },
    _tickets,
)  # fmt: skip


# what the lake knows -----------------------------------------------------------------------------------------------
def _layer(district: District, layer: str, resources: Collection[str] | None = None) -> Iterator[tuple[str, str, pl.LazyFrame]]:
    """(agency, resource, table) for every resource (of those named) that has a table of the layer."""
    for resource in sorted(district.catalog.resources.values(), key=lambda one: one.id):
        if resources is not None and resource.id not in resources:
            continue
        path = str(address(district.lake, layer, resource.id))
        if DeltaTable.is_deltatable(path):
            yield resource.agency, resource.id, scan_delta(DeltaTable(path))


def problems_of(district: District, columns: Sequence[str] | None = None, resources: Collection[str] | None = None) -> pl.DataFrame:
    """Rows of ``system.problems`` of the resources named (None: all), in ``columns`` of it beside ``agency`` and ``resource``."""
    names = [name for name in columns or _PROBLEMS.columns if name not in ("agency", "resource")]
    frames = [
        scan.select(names).collect().with_columns(agency=pl.lit(agency), resource=pl.lit(resource))
        for agency, resource, scan in _layer(district, "problems", resources)
    ]
    schema = {name: dtype for name, dtype in _PROBLEMS.schema.items() if name in (*names, "agency", "resource")}
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def results_of(
    district: District, first: date | None = None, last: date | None = None, resources: Collection[str] | None = None
) -> pl.DataFrame:
    """Rows of ``system.results`` of the resources named and the days from ``first`` to ``last`` (None: all). ``current`` is among those read."""
    # Results are filed under deliveries; their day is the one the data speaks of, else the day of receipt.
    days = _deliveries(district).select(
        delivery=pl.col("delivery"), data_date=pl.coalesce("data_date", "received_date"), delivery_state=pl.col("state")
    )
    wanted = pl.lit(True)
    if first is not None or last is not None:
        days = days.filter(pl.col("data_date").is_between(first or date.min, last or date.max))
        wanted = pl.col("_delivery").is_in(days["delivery"].implode())
    names = [name for name in _RESULTS.columns if name not in ("agency", "resource", "delivery", "data_date", "delivery_state", "current")]
    frames = []
    for agency, resource, scan in _layer(district, "results", resources):
        known = scan.collect_schema()  # a table begun by an earlier release lacks a column until its resource's next delivery
        columns = [pl.col(name) if name in known else pl.lit(None, dtype=_RESULTS.schema[name]).alias(name) for name in names]
        rows = scan.filter(wanted).select(pl.col("_delivery").alias("delivery"), *columns).collect()
        frames.append(rows.with_columns(agency=pl.lit(agency), resource=pl.lit(resource)))
    found = pl.concat(frames) if frames else pl.DataFrame(schema=_RESULTS.schema).drop("data_date", "delivery_state", "current")
    latest = pl.col("validated_at") == pl.col("validated_at").max().over("resource")
    return found.join(days, on="delivery", how="left").with_columns(current=latest)


_RESULTS = SystemTable(
    "规则结果",
    {
        "agency": (pl.String, "机构"), "resource": (pl.String, "资源"), "delivery": (pl.String, "交付编号"), "data_date": (pl.Date, "数据日期"),
        "delivery_state": (pl.String, "交付状态"), "rule": (pl.String, "规则"), "rule_title": (pl.String, "说明"),
        "dimension": (pl.String, "维度"), "severity": (pl.String, "严重程度"), "on_failure": (pl.String, "后果"),
        "scope": (pl.String, "范围"), "outcome": (pl.String, "结论"), "evaluated": (pl.Int64, "评价数 B"), "passed": (pl.Int64, "符合数 A"),
        "failed": (pl.Int64, "不符合数"), "reason": (pl.String, "未评价的原因"), "unfused_seconds": (pl.Float64, "逐格判定秒数"),
        "validated_at": (INSTANT, "校验时间"), "current": (pl.Boolean, "是否该资源最近一次"),
    },
    results_of,
)  # fmt: skip

_PROBLEMS = SystemTable(
    "问题",
    {
        "problem_id": (pl.String, "问题编号"), "agency": (pl.String, "机构"), "resource": (pl.String, "资源"), "rule": (pl.String, "规则"),
        "rule_title": (pl.String, "说明"), "item": (pl.String, "数据项"), "dimension": (pl.String, "维度"), "severity": (pl.String, "严重程度"),
        "on_failure": (pl.String, "后果"), "state": (pl.String, "状态"), "closing": (pl.String, "关闭方式"),
        "first_delivery": (pl.String, "首次交付"), "first_seen_at": (INSTANT, "首次发现"), "last_delivery": (pl.String, "最近交付"),
        "last_seen_at": (INSTANT, "最近发现"), "closed_at": (INSTANT, "关闭时间"), "sightings": (pl.Int64, "出现次数"),
    },
    problems_of,
)  # fmt: skip


_LEADS = SystemTable(
    "比对线索",
    {
        "lead_id": (pl.String, "线索编号"), "comparison": (pl.String, "比对"), "code": (pl.String, "规则编号"), "rule_version": (pl.Int64, "规则版本"),
        "title": (pl.String, "说明"), "agency": (pl.String, "被核实机构"), "resource": (pl.String, "被核实资源"), "item": (pl.String, "数据项"),
        "delivery": (pl.String, "交付编号"), "as_of": (pl.Date, "数据截至"), "right_agency": (pl.String, "依据机构"),
        "right_resource": (pl.String, "依据资源"), "right_item": (pl.String, "依据数据项"), "right_delivery": (pl.String, "依据交付编号"),
        "right_as_of": (pl.Date, "依据数据截至"), "certainty": (pl.String, "把握"), "matches": (pl.Int64, "相符行数"),
        "dimension": (pl.String, "维度"), "state": (pl.String, "状态"), "closing": (pl.String, "关闭方式"), "first_seen_at": (INSTANT, "首次发现"),
        "last_seen_at": (INSTANT, "最近发现"), "sightings": (pl.Int64, "出现次数"), "turned_over_at": (INSTANT, "转请对方核实时间"),
        "closed_at": (INSTANT, "关闭时间"),
    },
    lambda district: read_leads(district.lake),
)  # fmt: skip
"""Neither key nor value nor sentence of a lead: those are for the two agencies."""


# what the catalogue says -------------------------------------------------------------------------------------------
def _agencies(district: District) -> pl.DataFrame:
    rows = [{"agency": a.id, "name": a.name, "kind": a.kind} for a in sorted(district.catalog.agencies.values(), key=lambda a: a.id)]
    return pl.DataFrame(rows, schema=_AGENCIES.schema)


_AGENCIES = SystemTable("机构", {"agency": (pl.String, "机构"), "name": (pl.String, "名称"), "kind": (pl.String, "类型")}, _agencies)


def _resources(district: District) -> pl.DataFrame:
    rows = [
        {
            "agency": r.agency, "resource": r.id, "title": r.title, "code": r.code, "business": r.business, "update_cycle": r.update_cycle,
            "sharing": r.sharing.class_, "opening": r.opening.class_, "mode": r.source.mode, "items": len(r.items), "key": "+".join(r.key),
        }
        for r in sorted(district.catalog.resources.values(), key=lambda r: r.id)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_RESOURCES.schema)


_RESOURCES = SystemTable(
    "资源",
    {
        "agency": (pl.String, "机构"), "resource": (pl.String, "资源"), "title": (pl.String, "名称"), "code": (pl.String, "编码"),
        "business": (pl.String, "业务"), "update_cycle": (pl.String, "更新周期"), "sharing": (pl.String, "共享属性"),
        "opening": (pl.String, "开放属性"), "mode": (pl.String, "方式"), "items": (pl.Int64, "数据项数"), "key": (pl.String, "主键"),
    },
    _resources,
)  # fmt: skip


def _codes(district: District) -> pl.DataFrame:
    today = local_date(district.clock.now())
    rows = [
        {"code_list": one.id, "list_name": one.name, "code": code, "name": name}
        for one in sorted(district.catalog.code_lists.values(), key=lambda one: one.id)
        for code, name in one.on(today).codes.items()
    ]
    return pl.DataFrame(rows, schema=_CODES.schema)


def _code_history(district: District) -> pl.DataFrame:
    rows = [
        {
            "code_list": one.id, "list_name": version.name, "version": version.version, "code": code, "name": name, "valid_from": first,
            "valid_to": last, "source": version.source or "",
        }
        for one in sorted(district.catalog.code_lists.values(), key=lambda one: one.id)
        for version, first, last in one.spans
        for code, name in version.codes.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=_CODE_HISTORY.schema)


_CODE_HISTORY = SystemTable(
    "代码表各版本及其有效期（首日为空：此前一直；末日为空：至今）",
    {
        "code_list": (pl.String, "代码表"), "list_name": (pl.String, "代码表名称"), "version": (pl.String, "版本"), "code": (pl.String, "代码"),
        "name": (pl.String, "名称"), "valid_from": (pl.Date, "有效期首日"), "valid_to": (pl.Date, "有效期末日"), "source": (pl.String, "来源"),
    },
    _code_history,
)  # fmt: skip


_CODES = SystemTable(
    "代码表",
    {"code_list": (pl.String, "代码表"), "list_name": (pl.String, "代码表名称"), "code": (pl.String, "代码"), "name": (pl.String, "名称")},
    _codes,
)

_UPDATE_TIMELINESS = SystemTable(
    "更新及时性（第二十六条）",
    {
        "resource": (pl.String, "资源"), "title": (pl.String, "名称"), "agency": (pl.String, "机构"), "agency_name": (pl.String, "机构名称"),
        "update_cycle": (pl.String, "更新周期"), "state": (pl.String, "状态"), "last_delivery": (pl.String, "最近交付"),
        "last_data_date": (pl.Date, "最近数据日期"), "last_received_at": (INSTANT, "最近接收时间"), "due_date": (pl.Date, "到期日"),
        "due_at": (INSTANT, "到期时刻"), "grace_until": (INSTANT, "宽限期止"), "missed": (pl.Int64, "错过次数"),
        "data_lag_days": (pl.Int64, "数据滞后天数"), "data_lagging": (pl.Boolean, "数据滞后"),
    },
    timeliness_frame,
)  # fmt: skip

_TODAY = SystemTable(
    "今日（上海）",
    {"today": (pl.Date, "今日")},
    lambda district: pl.DataFrame({"today": [local_date(district.clock.now())]}, schema={"today": pl.Date}),
)

SYSTEM_TABLES: dict[str, SystemTable] = {
    "agencies": _AGENCIES, "code_history": _CODE_HISTORY, "codes": _CODES, "deliveries": _DELIVERIES, "leads": _LEADS, "problems": _PROBLEMS, "resources": _RESOURCES,
    "results": _RESULTS, "tickets": _TICKETS, "today": _TODAY, "update_timeliness": _UPDATE_TIMELINESS,
}  # fmt: skip
"""``system.today`` is the only clock of a mart: a build then says which day it was made for, and can be repeated."""


def digest(frame: pl.DataFrame) -> str:
    """Changes when the frame's rows do; the order of rows does not matter."""
    import hashlib

    hashes = frame.hash_rows(seed=7).sort().to_numpy().tobytes() if frame.height else b""
    return hashlib.blake2b(repr(frame.schema).encode() + hashes, digest_size=8).hexdigest()
