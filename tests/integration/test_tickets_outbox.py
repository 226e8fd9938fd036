"""Packages for the agencies: what is in them, that each ticket travels once, and that no crash or race changes that."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from districtlake.catalog.load import load_catalog
from districtlake.clock import FixedClock
from districtlake.errors import IngestionError
from districtlake.policy.calendar import WorkingCalendar, load_calendar
from districtlake.policy.pack import load_policy
from districtlake.settings import PROJECT_ROOT
from districtlake.store.engine import Store
from districtlake.store.tables import Package, Ticket, TicketEvent
from districtlake.tickets import outbox as outbox_module
from districtlake.tickets.outbox import OutboxError, write_packages
from districtlake.tickets.raise_tickets import raise_tickets
from tests.problem_registers import RESOURCE, problem, register

pytest_plugins = ["tests.postgres_server"]

NOW = datetime(2026, 9, 24, 2, tzinfo=UTC)
POLICY = load_policy([PROJECT_ROOT / "catalog"])
CALENDAR = load_calendar([])
CATALOG = load_catalog([PROJECT_ROOT / "catalog"])
LOW_INCOME = "civil_affairs_bureau.low_income_persons"
ID_TITLE = next(item.title for item in CATALOG.resources[RESOURCE].items if item.name == CATALOG.resources[RESOURCE].key[0])


class Lake:
    """The registers, and raising from them."""

    def __init__(self, store: Store, *problems: dict[str, Any], calendar: WorkingCalendar = CALENDAR, at: datetime = NOW) -> None:
        self.store, self.rows, self.calendar = store, list(problems), calendar
        self.raise_all(at)

    def __call__(self, resource: str) -> pl.DataFrame:
        return register(*(row for row in self.rows if row["resource"] == resource))

    def raise_all(self, at: datetime = NOW) -> None:
        for resource in sorted({row["resource"] for row in self.rows}):
            raise_tickets(self.store, self(resource), clock=FixedClock(at), policy=POLICY, calendar=self.calendar)


def pack(store: Store, lake: Any, outbox: Path, at: datetime = NOW, **options: Any) -> list[Package]:
    return write_packages(store, lake, CATALOG, outbox, FixedClock(at), policy=POLICY, **options)


def files(outbox: Path) -> list[str]:
    return sorted(path.relative_to(outbox).as_posix() for path in outbox.rglob("*") if path.is_file())


def sheet_rows(path: Path, title: str) -> list[dict[str, Any]]:
    head, *rows = load_workbook(path)[title].iter_rows(values_only=True)
    return [dict(zip([str(name) for name in head], row, strict=True)) for row in rows]


def opened(path: Path) -> Workbook:
    return load_workbook(path)


def guide(path: Path) -> str:
    return "\n".join(str(value) for line in opened(path)["说明"].iter_rows(values_only=True) for value in line if value)


def test_a_package_says_what_where_why_and_by_when(store: Store, tmp_path: Path) -> None:
    key = CATALOG.resources[RESOURCE].key
    lake = Lake(
        store,
        problem("33020319900615001X|913302|110", item=key[0], row=12, sheet="名册", value="=cmd()", first_seen_at=NOW - timedelta(days=1)),
        problem("row:0a1b", item=f"{key[0]}+{key[1]}", row=3, value="-5", first_seen_at=NOW - timedelta(days=1)),
        problem("∅|A||B", "uscc.exists", severity="info", dimension="consistency", row=4, reason="@市场主体登记中没有"),
        problem("9", closing="passed"),
    )
    (package,) = pack(store, lake, tmp_path)
    agency = CATALOG.agencies["human_resources_bureau"].name
    assert package.file == f"human_resources_bureau/问题数据反馈单_{agency}_20260924_T2026-000001.xlsx"
    assert files(tmp_path) == [package.file]
    path = tmp_path / package.file
    assert (package.tickets, package.rows, package.sha256) == (2, 3, hashlib.sha256(path.read_bytes()).hexdigest())
    assert path.stat().st_mode & 0o077 == 0, "it may hold personal data"
    assert opened(path).sheetnames == ["说明", "工单", "问题明细"]

    text = guide(path)
    for said in (
        agency,
        "2026年9月24日",
        "共 2 件（问题 1 件，线索 1 件）",
        "2026年10月9日",
        "5个工作日",
        "流程依据《暂行办法》（已废止）",
        "60个自然日",
        "完成整改、确认无误、沟通解决",
    ):
        assert said in text
    assert "暂定" not in text
    title = CATALOG.resources[RESOURCE].title
    tickets = sheet_rows(path, "工单")
    assert [(row["工单号"], row["类别"], row["资源"], row["问题数"], row["涉及行（示例）"], row["处理期限"]) for row in tickets] == [
        ("T2026-000001", "问题", title, 2, "3、12", "2026-10-09"),
        ("T2026-000002", "线索", title, 1, "4", "2026-10-09"),
    ]
    details = sheet_rows(path, "问题明细")
    assert list(details[0]) == [
        "工单号", "资源", "文件", "工作表", "行号", "数据项", "主键", "当前值", "规则", "原因", "维度", "严重程度",
        "处理期限", "处理方式", "更正值", "处理说明", "计划", "日期", "编号",
    ]  # fmt: skip
    by_row = {row["行号"]: row for row in details}
    assert by_row[12] == {
        "工单号": "T2026-000001", "资源": title, "文件": "参保.csv", "工作表": "名册", "行号": 12, "数据项": ID_TITLE,
        "主键": "33020319900615001X / 913302 / 110", "当前值": "'=cmd()", "规则": "公民身份号码应符合 GB 11643。", "原因": "校验码不符。",
        "维度": "规范性", "严重程度": "严重", "处理期限": "2026-10-09", "处理方式": None, "更正值": None, "处理说明": None,
        "计划": None, "日期": None, "编号": None,
    }  # fmt: skip
    assert (by_row[3]["主键"], by_row[3]["当前值"]) == ("（无法识别）", "-5")
    assert "、" in by_row[3]["数据项"]
    assert (by_row[4]["主键"], by_row[4]["原因"], by_row[4]["严重程度"]) == ("（空） / A|B", "'@市场主体登记中没有", "提示")


def test_a_sheet_is_made_to_be_answered(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, *(problem(str(n), row=n) for n in range(2, 32)))
    (package,) = pack(store, lake, tmp_path)
    sheet = opened(tmp_path / package.file)["问题明细"]
    (dropdown,) = sheet.data_validations.dataValidation
    assert (dropdown.type, dropdown.formula1, str(dropdown.sqref)) == ("list", '"完成整改,确认无误,沟通解决,申请延期"', "N2:N31")
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:S31"
    assert sheet.column_dimensions["H"].width > 20
    assert (sheet["G2"].data_type, sheet["G2"].number_format, sheet["G31"].number_format) == ("s", "@", "@")
    assert sheet["N31"].fill.fgColor.rgb.endswith("FFF8E5")


def test_each_ticket_travels_once_to_its_agency(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, problem("1"), problem("2", resource=LOW_INCOME))
    first = pack(store, lake, tmp_path)
    assert [package.agency for package in first] == ["civil_affairs_bureau", "human_resources_bureau"]
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert pack(store, lake, tmp_path, NOW + timedelta(days=1)) == []
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
    lake.rows.append(problem("3", delivery="d2"))
    lake.raise_all(NOW + timedelta(days=1))
    (second,) = pack(store, lake, tmp_path, NOW + timedelta(days=1))
    assert [row["工单号"] for row in sheet_rows(tmp_path / second.file, "问题明细")] == ["T2026-000003"]
    with store.session(read_only=True) as session:
        assert (
            session.scalars(select(TicketEvent.event).order_by(TicketEvent.ticket_id, TicketEvent.id)).all()
            == ["opened", "dispatched", "packaged"] * 3
        )
        assert session.scalars(select(Ticket.package)).all().count(None) == 0


def test_closed_tickets_are_not_sent(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, problem("1"), problem("2", "birth_date.plausible", closing="passed"))
    (package,) = pack(store, lake, tmp_path)
    assert package.tickets == 1
    Lake(store, problem("8", delivery="d8"), problem("1"), at=NOW)
    lake = Lake(store, problem("8", delivery="d8", closing="absent"), problem("1"))
    assert pack(store, lake, tmp_path) == []


def test_many_problems_go_to_several_sheets(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, *(problem(str(n), row=n) for n in range(1, 26)))
    (package,) = pack(store, lake, tmp_path, rows_per_sheet=10)
    path = tmp_path / package.file
    assert opened(path).sheetnames == ["说明", "工单", "问题明细", "问题明细(2)", "问题明细(3)"]
    rows = [row["行号"] for title in ("问题明细", "问题明细(2)", "问题明细(3)") for row in sheet_rows(path, title)]
    assert rows == list(range(1, 26))
    assert str(opened(path)["问题明细(3)"].data_validations.dataValidation[0].sqref) == "N2:N6"


def test_a_problem_of_the_whole_delivery_has_no_row(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, problem("", "delivery.columns", item="", row=None, value=None, reason="文件缺少数据项：险种。", on_failure="hold"))
    (package,) = pack(store, lake, tmp_path)
    (row,) = sheet_rows(tmp_path / package.file, "问题明细")
    assert (row["行号"], row["当前值"], row["原因"]) == (None, None, "文件缺少数据项：险种。")
    assert sheet_rows(tmp_path / package.file, "工单")[0]["涉及行（示例）"] == "整个文件"


def test_provisional_deadlines_say_so(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, problem("1"), calendar=WorkingCalendar({}, frozenset()))
    (package,) = pack(store, lake, tmp_path)
    assert "暂定" in guide(tmp_path / package.file)
    assert sheet_rows(tmp_path / package.file, "工单")[0]["处理期限"] == "2026-10-01（暂定）"


def test_what_left_the_catalogue_is_still_sent(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, problem("1", resource="old_bureau.old_list"))
    (package,) = pack(store, lake, tmp_path)
    assert package.file.startswith("old_bureau/问题数据反馈单_old_bureau_")
    assert sheet_rows(tmp_path / package.file, "问题明细")[0]["资源"] == "old_bureau.old_list"


def test_a_crash_between_file_and_database_repeats_harmlessly(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(store, problem("1"))
    publish = outbox_module._publish

    def crash(temporary: Path, target: Path) -> None:
        publish(temporary, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox_module, "_publish", crash)
        with pytest.raises(KeyboardInterrupt):
            pack(store, lake, tmp_path)
    left = files(tmp_path)
    assert len(left) == 1
    with store.session(read_only=True) as session:
        assert session.scalars(select(Package)).all() == []
    (package,) = pack(store, lake, tmp_path, NOW + timedelta(days=1))
    assert files(tmp_path) == left == [package.file], "replaced under the same name, not written beside it"


def test_a_killed_process_leaves_nothing_that_stays(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "human_resources_bureau"
    folder.mkdir()
    for name, age in ((".writing-old.xlsx", 7200), (".writing-new.xlsx", 0)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (folder.stat().st_mtime - age,) * 2)
    pack(store, Lake(store, problem("1")), tmp_path)
    assert [path.name for path in folder.glob(".writing-*")] == [".writing-new.xlsx"], "another process may be writing that one"


def test_a_failing_agency_does_not_stop_the_others(store: Store, tmp_path: Path) -> None:
    lake = Lake(store, problem("1", resource=LOW_INCOME), problem("2"))

    def failing(resource: str) -> pl.DataFrame:
        if resource == LOW_INCOME:
            raise IngestionError("the register cannot be read")
        return lake(resource)

    with pytest.raises(IngestionError):
        pack(store, failing, tmp_path)
    assert [name.split("/")[0] for name in files(tmp_path)] == ["human_resources_bureau"]
    assert [package.agency for package in pack(store, lake, tmp_path)] == ["civil_affairs_bureau"]


def test_a_full_disk_is_a_sentence_and_the_tickets_wait(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(store, problem("1"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(outbox_module, "write_package", full)
        with pytest.raises(OutboxError, match="No space left on device") as caught:
            pack(store, lake, tmp_path)
    assert caught.value.retryable
    assert files(tmp_path) == []
    assert len(pack(store, lake, tmp_path)) == 1


def test_two_writers_at_once_send_one_package(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(store, problem("1"))
    together, real = threading.Barrier(2), outbox_module._written
    waited = threading.local()

    def both_written(*arguments: Any) -> Path:
        path = real(*arguments)
        if not getattr(waited, "once", False):
            waited.once = True
            together.wait(20)
        return path

    monkeypatch.setattr(outbox_module, "_written", both_written)
    results: list[list[Package]] = []
    threads = [threading.Thread(target=lambda: results.append(pack(store, lake, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(result) for result in results) == [0, 1]
    assert len(files(tmp_path)) == 1


def test_tickets_that_close_while_it_is_written_are_left_out(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(store, problem("1"), problem("2", "birth_date.plausible"))
    real, calls = outbox_module._written, [0]

    def meanwhile(*arguments: Any) -> Path:
        path = real(*arguments)
        calls[0] += 1
        if calls[0] == 1:
            lake.rows[0] = problem("1", closing="passed")
            lake.raise_all()
        return path

    monkeypatch.setattr(outbox_module, "_written", meanwhile)
    (package,) = pack(store, lake, tmp_path)
    assert [row["规则"] for row in sheet_rows(tmp_path / package.file, "工单")] == [lake.rows[1]["rule_title"]]
    assert (package.tickets, calls[0]) == (1, 2)


def test_an_agencys_name_cannot_leave_its_folder(store: Store, tmp_path: Path) -> None:
    agency = CATALOG.agencies["human_resources_bureau"].model_copy(update={"name": "../../人社/局:*"})
    catalog = CATALOG.model_copy(update={"agencies": {**CATALOG.agencies, "human_resources_bureau": agency}})
    (package,) = write_packages(store, Lake(store, problem("1")), catalog, tmp_path / "out", FixedClock(NOW), policy=POLICY)
    assert files(tmp_path / "out") == [package.file]
    assert package.file.count("/") == 1
