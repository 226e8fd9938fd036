"""Steps of the closed loop: reports, dispatch, extensions, urgency, dispositions (Articles 27 and 28)."""

from __future__ import annotations

from datetime import date
from typing import Any

from pytest_bdd import given, parsers, then, when
from sqlalchemy import select

from districtlake.store.tables import Notification, Report
from districtlake.tickets import dispositions, feedback, handling
from districtlake.tickets.machine import STAGES, Actor, TicketRefused
from districtlake.tickets.queries import TicketView, ticket_events
from districtlake.tickets.suspension import suspend_sharing, suspended_keys
from districtlake.warehouse.commit import read
from districtlake.warehouse.history import current
from pipelines.routing import route

OFFICE = Actor("大数据中心", "office")


def only(case: Any) -> TicketView:
    found: TicketView = case.ticket
    return found


def provider(case: Any) -> Actor:
    return Actor("数据管理员", "provider", only(case).agency)


def refused(case: Any, action: Any) -> None:
    try:
        action()
    except TicketRefused as error:
        case.remembered["refusal"] = str(error)


# -- 反馈 ------------------------------------------------------------------------------------------------------------


@given(parsers.parse("{reporter} reports by {channel} as {request}: {header} of {key} in {title} should be {claimed}"))
@when(parsers.parse("{reporter} reports by {channel} as {request}: {header} of {key} in {title} should be {claimed}"))
def reports(case: Any, reporter: str, channel: str, request: str, header: str, key: str, title: str, claimed: str) -> None:
    feedback.report(
        case.district, Actor(reporter, "user", case.agency("民政局")), case.resource(title), lambda name: current(case.district.lake, name),
        request_id=request, key=key, item=case.item(title, header), claimed=claimed, channel=channel,
    )  # fmt: skip


@when(parsers.parse("{reporter} reports that {key} is missing from {title}"))
def reports_missing(case: Any, reporter: str, key: str, title: str) -> None:
    feedback.report(
        case.district, Actor(reporter, "user", case.agency("民政局")), case.resource(title), lambda name: current(case.district.lake, name),
        request_id="missing", key=key, matter="omission", text="本人未在册",
    )  # fmt: skip


@when(parsers.parse("{reporter} reports that {key} in {title} infringes privacy"))
def reports_infringement(case: Any, reporter: str, key: str, title: str) -> None:
    feedback.report(
        case.district, Actor(reporter, "user", case.agency("民政局")), case.resource(title), lambda name: current(case.district.lake, name),
        request_id="privacy", key=key, matter="infringement", text="涉及个人隐私",
    )  # fmt: skip


@then(parsers.parse("the Office has one ticket of the matter {matter}, and no clock runs"))
def office_has(case: Any, matter: str) -> None:
    ticket = only(case)
    assert (ticket.stage, ticket.origin, ticket.matter, ticket.due_at, ticket.due_state) == ("waiting", "feedback", matter, None, "waiting")
    assert told(case) == [("opened", "office", "")]


@then(parsers.parse("{count:d} reports are kept, by {channels}"))
def reports_kept(case: Any, count: int, channels: str) -> None:
    with case.district.store.session(read_only=True) as session:
        found = list(session.scalars(select(Report)))
    assert len(found) == count
    assert sorted(row.channel for row in found) == sorted(channels.split("、"))


@when("the Office suspends sharing of the row")
def suspend(case: Any) -> None:
    suspend_sharing(case.district, only(case).number, OFFICE, "涉及个人隐私")


@then(parsers.parse("{key} of {title} may not be shared"))
def not_shared(case: Any, key: str, title: str) -> None:
    assert suspended_keys(case.district.store, case.resource(title).id) == {key}


def told(case: Any) -> list[tuple[str, str, str]]:
    with case.district.store.session(read_only=True) as session:
        return [(row.event, row.audience, row.recipient) for row in session.scalars(select(Notification).order_by(Notification.id))]


# -- 处理 ------------------------------------------------------------------------------------------------------------


@when("the Office passes the ticket on")
def passes_on(case: Any) -> None:
    handling.dispatch(case.district, only(case).number, OFFICE)


@then(parsers.parse("the ticket is {stage}, due {day}"))
def stands(case: Any, stage: str, day: str) -> None:
    assert (STAGES[only(case).stage], only(case).due_date) == (stage, date.fromisoformat(day))


@when(parsers.parse("the provider asks for an extension until {day} because {reason}"))
def asks(case: Any, day: str, reason: str) -> None:
    refused(
        case,
        lambda: handling.request_extension(case.district, only(case).number, provider(case), reason=reason, until=date.fromisoformat(day)),
    )


@when("the provider grants it to itself")
def grants_itself(case: Any) -> None:
    refused(case, lambda: handling.approve_extension(case.district, only(case).number, provider(case)))


@when("the Office grants it")
def grants(case: Any) -> None:
    handling.approve_extension(case.district, only(case).number, OFFICE)


@when(parsers.parse("the Office refuses it because {reason}"))
def refuses(case: Any, reason: str) -> None:
    handling.refuse_extension(case.district, only(case).number, OFFICE, reason)


@then(parsers.parse("it is refused: {words}"))
def is_refused(case: Any, words: str) -> None:
    assert words in case.remembered.pop("refusal")


@when(parsers.parse("the Office marks it urgent, due {day}"))
def urgent(case: Any, day: str) -> None:
    handling.mark_urgent(case.district, only(case).number, OFFICE, due=date.fromisoformat(day), reason="当事人当日办理")


@when("the night passes")
def night(case: Any) -> None:
    route(case.district)


@then(parsers.parse("the ticket is overdue, escalated {count:d} times, and open"))
def overdue(case: Any, count: int) -> None:
    assert (only(case).due_state, only(case).escalations, only(case).state) == ("overdue", count, "open")
    assert [message for message in told(case) if message[:2] == ("escalated", "office")] == [("escalated", "office", "")] * count


@when("the provider says that it is corrected")
def claims(case: Any) -> None:
    handling.claim_fixed(case.district, only(case).number, provider(case))


@when(parsers.parse("the provider confirms that it is right, because {explanation}"))
def confirms(case: Any, explanation: str) -> None:
    dispositions.confirm_correct(
        case.district,
        only(case).number,
        provider(case),
        lambda name: read(case.district.lake, "problems", name),
        case.district.catalog,
        explanation=explanation,
    )


@when(parsers.parse("the provider settles with the reporter: {agreement}; {plan}; looked at again on {day}"))
def settles(case: Any, agreement: str, plan: str, day: str) -> None:
    dispositions.negotiate(
        case.district, only(case).number, provider(case), agreement=agreement, plan=plan, review_on=date.fromisoformat(day)
    )


@then(parsers.parse("the ticket is handled as {words}, and {reporter} is told"))
def handled(case: Any, words: str, reporter: str) -> None:
    ticket = only(case)
    values = case.district.policy.dispositions.values
    from districtlake.tickets.machine import DISPOSITIONS

    assert (ticket.stage, values[DISPOSITIONS[ticket.closing or ""]]) == ("settled", words)
    if reporter != "nobody":
        assert [message[1:] for message in told(case) if message[1] == "reporter"] == [("reporter", reporter)]


@then(parsers.parse("the record keeps {words}"))
def record_keeps(case: Any, words: str) -> None:
    facts = str([event.data for event in ticket_events(case.district.store, only(case).id)])
    for word in words.split("、"):
        assert word in facts


@when(parsers.parse("{reporter} objects: {reason}"))
def objects(case: Any, reporter: str, reason: str) -> None:
    handling.reopen(case.district, only(case).number, Actor(reporter, "user", case.agency("民政局")), reason)


@then(parsers.parse("a {number:d}nd round waits for the Office"))
def second_round(case: Any, number: int) -> None:
    assert (only(case).round, only(case).stage) == (number, "waiting")


@then("the person's own words and the claimed value are in no event and no message")
def nowhere(case: Any) -> None:
    with case.district.store.session(read_only=True) as session:
        claimed = [row.claimed for row in session.scalars(select(Report)) if row.claimed]
        keys = [row.key for row in session.scalars(select(Report))]
        said = str([row.data for row in session.scalars(select(Notification))])
    said += str([event.data for event in ticket_events(case.district.store, only(case).id)])
    assert claimed
    for secret in (*claimed, *keys):
        assert secret not in said
