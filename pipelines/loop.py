"""The closed loop of Articles 26 to 28, played once with synthetic data: ``python -m pipelines.loop`` (``districtlake demo loop``).

Everything is real: the shipped catalogue, Great Expectations, tickets, packages, mails to a server of its own. Only the clock is moved
on. What it tells it reads back from the tables of record; whatever does not come about as the measures say ends it with exit code 1.
"""

import csv
import io
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from openpyxl import load_workbook
from sqlalchemy import func, select

from districtlake.clock import SHANGHAI, FixedClock
from districtlake.delivery.confirmed_rows import release_confirmed
from districtlake.delivery.corrected_rows import take_package
from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import process_resource
from districtlake.delivery.receive import receive, submit
from districtlake.demo import generate
from districtlake.demo.mail_sink import MailSink, mail_sink
from districtlake.demo.truth import read_ground_truth
from districtlake.notifications.sending import send
from districtlake.settings import Settings
from districtlake.store.tables import Message, Notification, Package, Report, Ticket, TicketEvent, TicketProblem
from districtlake.tickets import feedback
from districtlake.tickets.grouping import merge
from districtlake.tickets.machine import CLOSINGS, Actor
from districtlake.tickets.workbook import EXTENSION
from districtlake.warehouse.commit import read
from districtlake.warehouse.history import current
from pipelines.child import emitter, guarded
from pipelines.resources import engine
from pipelines.routing import route

RESOURCE = "market_regulation.food_licences"
AGENCY = "market_regulation"
USER_AGENCY = "civil_affairs_bureau"
BEGIN = datetime(2026, 3, 2, 18, tzinfo=SHANGHAI)
PROVIDER, OFFICE, COUNTER = (
    Actor("市场监管局数据岗", "provider", AGENCY),
    Actor("数据局值班岗", "office"),
    Actor("民政窗口岗", "user", USER_AGENCY),
)


class LoopBroken(Exception):
    """Something did not come about."""


@dataclass
class Story:
    """The district as time goes by, and what was told."""

    district: District
    sink: MailSink
    tell: Callable[[str], None]
    figures: dict[str, int] = field(default_factory=dict)

    def at(self, moment: datetime) -> None:
        self.district = replace(self.district, clock=FixedClock(moment))

    def say(self, text: str) -> None:
        self.tell(f"{self.district.clock.now().astimezone(SHANGHAI):%m月%d日 %H:%M}　{text}")

    def night(self, *, released: bool = False) -> list[Any]:
        """Receive, process, release, raise and close tickets, write packages, send. The mails that went out."""
        before, district = len(self.sink.mails), self.district
        receive(district, district.settings.inbox)
        process_resource(district, RESOURCE, engine())
        if released:
            release_confirmed(district, engine)
        route(district)
        send(district)
        return self.sink.mails[before:]

    def ticket(self, number: str) -> Ticket:
        with self.district.store.session(read_only=True) as session:
            return session.scalars(select(Ticket).where(Ticket.number == number)).one()

    def needs(self, fact: bool, what: str) -> None:
        if not fact:
            raise LoopBroken(what)


def main(arguments: list[str] | None = None) -> int:
    """Play it in the state folder of the environment; 0 when all of it came about."""
    emit = emitter()
    started = time.monotonic()
    state = Settings.from_environment().state
    figures: dict[str, Any] = {}
    with mail_sink() as sink:
        settings = Settings(
            state=state, inbox=state / "inbox", settle_seconds=0, smtp_host="127.0.0.1", smtp_port=sink.port, smtp_security="none",
            portal_url="https://portal.haishu.example", actor="demonstration",
        )  # fmt: skip
        district = open_district(settings, FixedClock(BEGIN))
        story = Story(district, sink, lambda text: emit("told", text=text))
        try:
            play(story)
            success = True
        except LoopBroken as error:
            emit("broken", what=str(error))
            success = False
        finally:
            figures = story.figures
            district.store.close()
    emit("finished", success=success, figures=figures, seconds=round(time.monotonic() - started, 1))
    return 0 if success else 1


def play(story: Story) -> None:
    """The story from delivery to the reporter's mail."""
    head, rows = _clean_rows(story.district.settings.state / "demo")
    wrong, right, odd, late = rows[0], rows[1], rows[2], rows[3]  # corrected, confirmed, negotiated, left alone
    spoiled = [dict(row) for row in rows]
    spoiled[0]["有效期起"], spoiled[0]["有效期止"] = wrong["有效期止"], wrong["有效期起"]
    spoiled[1]["统一社会信用代码"] = _other_check_digit(right["统一社会信用代码"])
    spoiled[2]["有效期起"] = "以批文为准"
    spoiled[3]["经营者名称"] = ""
    keys = {name: row["许可证编号"] for name, row in (("fixed", wrong), ("confirmed", right), ("negotiated", odd), ("late", late))}
    _write(story.district.settings.inbox / AGENCY / f"食品经营许可_{BEGIN:%Y%m%d}.csv", head, spoiled)
    story.say(f"市场监管局交付食品经营许可{len(spoiled)}行，其中4行有误。")

    night = BEGIN.replace(hour=2) + timedelta(days=1)
    story.at(night)
    mails = story.night()
    tickets = {name: _ticket_of(story, key) for name, key in keys.items()}
    story.needs(len(set(tickets.values())) == 4, "四处错误应成为四张工单")
    due = story.ticket(tickets["late"]).due_date
    story.say(f"夜间校验发现{len(keys)}处问题，生成工单{'、'.join(sorted(tickets.values()))}，处理期限{due}（第二十七条，5个工作日）。")
    _mailed(story, mails, "market-regulation-data@haishu.example", "转提供单位4件")

    story.at(night.replace(hour=9, minute=30))
    district = story.district
    taken = feedback.report(
        district, COUNTER, district.resource(RESOURCE), lambda one: current(district.lake, one), request_id="窗口-0001", key=keys["fixed"],
        item="valid_to", text="许可证载明的有效期止与系统不一致",
    )  # fmt: skip
    story.say(f"民政窗口反馈同一行，登记为{taken.number}，先到区大数据主管机构。")
    merge(district, taken.number, tickets["fixed"], OFFICE, reason="与校验发现的是同一问题")
    story.say(f"主管机构核对后并入{tickets['fixed']}，反馈人随之转入。")

    story.at(night.replace(hour=10))
    answers = {
        keys["fixed"]: ("完成整改", "已在业务系统更正", "", ""),
        keys["confirmed"]: ("确认无误", "已核对登记原件，代码由登记机关如此赋予", "", ""),
        keys["negotiated"]: ("沟通解决", "批文正在补录，窗口暂按纸质批文受理", "补录后重报", "2026-06-01"),
    }
    done = take_package(story.district, _filled(story, answers), PROVIDER)
    story.needs(len(done.done) == 3 and not done.faults, f"反馈单应采纳三处答复：{done.faults}")
    words = district.policy.dispositions.values | {"extension": EXTENSION}
    told = "、".join(f"{number} {words[choice]}" for number, choice, _ in done.done)
    story.say(f"市场监管局交回反馈单：{told}；{tickets['late']}没有答复。")
    story.needs(story.ticket(tickets["fixed"]).stage == "reviewing", "报告已改正后应待复核，而不是办结")
    story.say(f"{tickets['fixed']}待复核：说已改正不算，要由新的交付证明。")

    correction = district.settings.state / "食品经营许可_更正.csv"
    _write(correction, head, [wrong])
    received = submit(story.district, correction, RESOURCE, correction=True, data_date=BEGIN.date(), actor=PROVIDER.name)
    story.needs(len(received.new) == 1, "更正文件应成为一次交付")
    story.say("市场监管局上传更正文件1行。")

    story.at(night + timedelta(days=1))
    mails = story.night(released=True)
    story.needs(story.ticket(tickets["fixed"]).closing == "fixed", "更正经校验通过后应自动办结")
    story.say(f"重新归集，同一规则通过，{tickets['fixed']}自动办结（{CLOSINGS['fixed']}）。")
    _mailed(story, mails, _mailbox(story, USER_AGENCY), "办结")
    held = set(current_keys(story))
    story.needs(keys["confirmed"] in held, "确认无误的行应放行入仓")
    story.say(f"{tickets['confirmed']}{CLOSINGS['confirmed']}：该行自隔离区放行入仓，一年内不再重复提出。")
    story.needs(keys["negotiated"] not in held and story.ticket(tickets["negotiated"]).closing == "negotiated", "沟通解决的行不入仓")
    story.say(f"{tickets['negotiated']}{CLOSINGS['negotiated']}：计划和回看日期已记录，单独统计，该行仍在隔离区。")

    assert due is not None
    story.at(datetime.combine(due, night.timetz()) + timedelta(days=1))
    mails = story.night()
    open_one = story.ticket(tickets["late"])
    story.needs(open_one.escalations == 1 and open_one.state == "open", "逾期应提醒，并保持在办")
    story.say(f"{tickets['late']}逾期未办：提醒提供单位和主管机构，工单保持在办。")
    _mailed(story, mails, "market-regulation-data@haishu.example", "逾期")
    _mailed(story, mails, _mailbox(story, "data_office"), "逾期")
    with story.district.store.session(read_only=True) as session:
        stale = list(session.scalars(select(Ticket.number).where(Ticket.origin == "timeliness")))
    story.needs(len(stale) == 1, "多日未交付的资源应有一张更新逾期的工单")
    story.say(f"食品经营许可应每日更新，多日没有交付：另生成更新逾期工单{stale[0]}（第二十六条）。")
    _figures(story)


def _clean_rows(folder: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Header and twenty rows of a generated delivery that carry no seeded fault."""
    made = generate(folder, seed=20260302, days=1, first_day=BEGIN.date(), size=2000, resources=[RESOURCE])
    (file,) = (path for path in made.files if path.suffix == ".csv")
    reader = csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig")))
    head = next(reader)
    touched = {line.row for line in read_ground_truth(folder) if line.file == file.name}
    repeated = {tuple(line.key.values()) for line in read_ground_truth(folder) if line.file == file.name}
    rows = [dict(zip(head, cells, strict=True)) for number, cells in enumerate(reader, start=2) if number not in touched]
    clean = [row for row in rows if (row["许可证编号"],) not in repeated]
    return head, clean[:20]


def _other_check_digit(code: str) -> str:
    return code[:-1] + ("1" if code[-1] != "1" else "2")


def _write(path: Path, head: list[str], rows: Iterable[Mapping[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, head)
        writer.writeheader()
        writer.writerows(rows)


def _register(story: Story) -> Callable[[str], pl.DataFrame]:
    return lambda resource: read(story.district.lake, "problems", resource)


def _ticket_of(story: Story, key: str) -> str:
    """The ticket of the one finding under a key."""
    found = _register(story)(RESOURCE).filter(pl.col("key") == key)
    story.needs(found.height == 1, f"一行一处错误应有一个问题，却有{found.height}个：{found['rule'].to_list()}")
    with story.district.store.session(read_only=True) as session:
        query = select(Ticket.number).join(TicketProblem, TicketProblem.ticket_id == Ticket.id)
        return session.scalars(query.where(TicketProblem.problem_id == found["problem_id"][0])).one()


def current_keys(story: Story) -> list[str]:
    table = current(story.district.lake, RESOURCE)
    return table.select("licence_no").collect()["licence_no"].to_list() if table is not None else []


def _filled(story: Story, answers: Mapping[str, tuple[str, str, str, str]]) -> Path:
    """The agency's package with the answers typed in."""
    with story.district.store.session(read_only=True) as session:
        package = session.scalars(select(Package).where(Package.agency == AGENCY)).one()
    book = load_workbook(story.district.settings.outbox / package.file)
    sheet = book["问题明细"]
    head = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        given = answers.get(str(row[head.index("主键")].value))
        for title, text in zip(("处理方式", "处理说明", "计划", "日期"), given or (), strict=False):
            row[head.index(title)].value = text or None
    path = story.district.settings.state / "反馈单_已填.xlsx"
    book.save(path)
    return path


def _mailbox(story: Story, agency: str) -> str:
    return story.district.catalog.agencies[agency].contact or ""


def _mailed(story: Story, mails: Iterable[Any], to: str, word: str) -> None:
    found = [mail for mail in mails if mail["To"] == to and word in mail["Subject"]]
    story.needs(len(found) == 1, f"{to}应收到一封说到“{word}”的邮件")
    story.say(f"邮件　{to}　“{found[0]['Subject']}”")


def _figures(story: Story) -> None:
    with story.district.store.session(read_only=True) as session:

        def count(query: Any) -> int:
            return session.scalar(query) or 0

        by_closing = {row[0]: row[1] for row in session.execute(select(Ticket.closing, func.count()).group_by(Ticket.closing))}
        story.figures |= {
            "tickets": count(select(func.count()).select_from(Ticket)), "open": by_closing.get(None, 0),
            **{name: by_closing.get(name, 0) for name in ("fixed", "confirmed", "negotiated", "merged")},
            "escalations": count(select(func.sum(Ticket.escalations))), "events": count(select(func.count()).select_from(TicketEvent)),
            "reports_told": count(select(func.count()).select_from(Report).where(Report.told_at.is_not(None))),
            "mails": len(story.sink.mails), "unsent": count(select(func.count()).select_from(Message).where(Message.state != "sent")),
            "untold": count(select(func.count()).select_from(Notification).where(Notification.sent_at.is_(None))),
        }  # fmt: skip
    story.needs(story.figures["unsent"] == 0 and story.figures["untold"] == 0, "每条消息都应送达")
    story.needs(story.figures["reports_told"] == 1, "反馈人应被告知")
    ids = [mail["Message-ID"] for mail in story.sink.mails]
    story.needs(len(ids) == len(set(ids)), "没有重复的邮件")


if __name__ == "__main__":
    sys.exit(guarded(main))
