"""Accounts and sessions on both databases: right and wrong passwords, the lock, fixation, limits, what an agency sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from districtlake.access import accounts, sessions
from districtlake.access.accounts import AccountRefused, NewAccount, SignInRefused
from districtlake.access.viewer import AccessDenied, Viewer
from districtlake.errors import NotFound
from districtlake.store.access_tables import Account, PortalSession
from districtlake.store.engine import Store
from districtlake.store.tables import AuditEvent, Ticket

pytest_plugins = ["tests.postgres_server"]

AGENCIES = frozenset({"health_bureau", "civil_affairs_bureau"})
PASSWORD = "correct horse battery"


@dataclass
class Watch:
    """A clock that a test sets."""

    instant: datetime = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def pass_by(self, span: timedelta) -> None:
        self.instant += span


def _account(store: Store, clock: Watch, login: str = "Health.Desk", **changes: object) -> str:
    values = {"login": login, "display": "卫健局数据岗", "role": "provider", "agency": "health_bureau"} | changes
    password = values.pop("password", PASSWORD)
    return accounts.create(store, clock, NewAccount(**values), password=password, agencies=AGENCIES, actor="test")  # type: ignore[arg-type]


def test_a_right_password_signs_in_and_a_wrong_one_does_not(store: Store) -> None:
    clock = Watch()
    _account(store, clock)
    viewer = accounts.sign_in(store, clock, "  health.desk ", PASSWORD)
    assert (viewer.actor, viewer.role, viewer.agency) == ("health.desk", "provider", "health_bureau")
    with pytest.raises(SignInRefused) as unknown:
        accounts.sign_in(store, clock, "nobody", PASSWORD)
    with pytest.raises(SignInRefused) as wrong:
        accounts.sign_in(store, clock, "health.desk", "wrong password!")
    assert str(unknown.value) == str(wrong.value), "the answer must not tell which login exists"
    with store.session(read_only=True) as session:
        stored = session.scalars(select(Account)).one()
        audited = [event.action for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]
    assert PASSWORD not in (stored.password_hash or "")
    assert (stored.password_hash or "").startswith("$argon2id$")
    assert audited == ["account.created", "sign_in.succeeded", "sign_in.failed"]


def test_guessing_is_slowed_down_and_the_right_password_waits_too(store: Store) -> None:
    clock = Watch()
    _account(store, clock)
    for _ in range(accounts.FREE_GUESSES):
        with pytest.raises(SignInRefused):
            accounts.sign_in(store, clock, "health.desk", "guess guess guess")
    with pytest.raises(SignInRefused):
        accounts.sign_in(store, clock, "health.desk", PASSWORD)
    clock.pass_by(accounts.FIRST_LOCK + timedelta(seconds=1))
    with pytest.raises(SignInRefused):
        accounts.sign_in(store, clock, "health.desk", "guess guess guess")
    clock.pass_by(accounts.FIRST_LOCK + timedelta(seconds=1))
    with pytest.raises(SignInRefused):
        accounts.sign_in(store, clock, "health.desk", PASSWORD)  # the second lock is longer
    clock.pass_by(accounts.LONGEST_LOCK)
    assert accounts.sign_in(store, clock, "health.desk", PASSWORD).actor == "health.desk"


@pytest.mark.parametrize(
    "changes",
    [{"password": "short"}, {"password": "health.desk health.desk"}, {"password": "aaaaaaaaaaaaaaaa"}, {"agency": "no_bureau"},
     {"agency": None}, {"login": "<script>"}, {"role": "king"}],
    ids=lambda changes: "-".join(f"{name}" for name in changes),
)  # fmt: skip
def test_what_is_no_account_is_refused(store: Store, changes: dict[str, object]) -> None:
    with pytest.raises(AccountRefused):
        _account(store, Watch(), **changes)
    with store.session(read_only=True) as session:
        assert session.scalars(select(Account)).all() == []


def test_a_login_is_given_once(store: Store) -> None:
    _account(store, Watch())
    with pytest.raises(AccountRefused, match="已被使用"):
        _account(store, Watch(), login="HEALTH.DESK")


def test_a_session_gets_a_new_token_at_sign_in_and_the_old_one_is_worth_nothing(store: Store) -> None:
    clock = Watch()
    _account(store, clock)
    before = sessions.begin(store, clock)
    viewer = accounts.sign_in(store, clock, "health.desk", PASSWORD)
    after = sessions.begin(store, clock, viewer, replacing=before.token)
    assert after.token != before.token
    assert after.csrf != before.csrf
    assert sessions.find(store, clock, before.token) is None
    found = sessions.find(store, clock, after.token)
    assert found is not None
    assert found.viewer == viewer
    assert sessions.right_csrf(found, after.csrf)
    assert not sessions.right_csrf(found, before.csrf)
    assert not sessions.right_csrf(found, None)
    with store.session(read_only=True) as session:
        kept = session.scalars(select(PortalSession)).one()
    assert after.token not in kept.token_hash


def test_a_session_ends_by_idling_by_age_by_signing_out_and_with_its_account(store: Store) -> None:
    clock = Watch()
    _account(store, clock)
    viewer = accounts.sign_in(store, clock, "health.desk", PASSWORD)
    idle = sessions.begin(store, clock, viewer)
    clock.pass_by(sessions.IDLE)
    assert sessions.find(store, clock, idle.token) is None
    old = sessions.begin(store, clock, viewer)
    for _ in range(int(sessions.LONGEST / timedelta(minutes=20))):
        assert sessions.find(store, clock, old.token) is not None
        clock.pass_by(timedelta(minutes=20))
    assert sessions.find(store, clock, old.token) is None
    out = sessions.begin(store, clock, viewer)
    sessions.end(store, clock, out)
    assert sessions.find(store, clock, out.token) is None
    closed = sessions.begin(store, clock, viewer)
    accounts.set_active(store, clock, "health.desk", False, actor="office")
    assert sessions.find(store, clock, closed.token) is None
    with pytest.raises(SignInRefused):
        accounts.sign_in(store, clock, "health.desk", PASSWORD)


def test_a_new_password_ends_every_session(store: Store) -> None:
    clock = Watch()
    _account(store, clock)
    signed = sessions.begin(store, clock, accounts.sign_in(store, clock, "health.desk", PASSWORD))
    accounts.set_password(store, clock, "health.desk", "another long sentence", actor="office")
    assert sessions.find(store, clock, signed.token) is None
    with pytest.raises(SignInRefused):
        accounts.sign_in(store, clock, "health.desk", PASSWORD)
    assert accounts.sign_in(store, clock, "health.desk", "another long sentence").actor == "health.desk"


def test_an_identity_provider_is_bound_once_and_takes_over_no_local_account(store: Store) -> None:
    clock = Watch()
    _account(store, clock, login="local.desk")
    _account(store, clock, login="oidc.desk", password=None)
    first = accounts.by_identity_provider(store, clock, issuer="https://id.example", subject="17", login="oidc.desk")
    again = accounts.by_identity_provider(store, clock, issuer="https://id.example", subject="17", login="renamed")
    assert first == again
    for subject, login in (("18", "oidc.desk"), ("19", "local.desk"), ("20", "nobody")):
        with pytest.raises(SignInRefused):
            accounts.by_identity_provider(store, clock, issuer="https://id.example", subject=subject, login=login)
    with pytest.raises(SignInRefused):
        accounts.sign_in(store, clock, "oidc.desk", "")


def test_an_agency_sees_its_own_and_nothing_else() -> None:
    provider = Viewer("1", "desk", "岗", "provider", "health_bureau")
    lost = Viewer("2", "lost", "岗", "provider", None)
    office = Viewer("3", "office", "岗", "office", None)
    unit = Viewer("4", "unit", "岗", "contractor", None, "zh", frozenset({"health_bureau", "civil_affairs_bureau.low_income"}))
    idle = Viewer("5", "idle", "岗", "contractor", None)
    assert provider.sees("health_bureau", "health_bureau.deaths")
    assert not provider.sees("civil_affairs_bureau", "civil_affairs_bureau.low_income")
    assert not lost.sees("health_bureau", "health_bureau.deaths")
    assert office.sees("civil_affairs_bureau", "civil_affairs_bureau.low_income")
    assert unit.sees("health_bureau", "health_bureau.deaths")
    assert unit.sees("civil_affairs_bureau", "civil_affairs_bureau.low_income")
    assert not unit.sees("civil_affairs_bureau", "civil_affairs_bureau.marriages")
    assert not idle.sees("health_bureau", "health_bureau.deaths")
    assert not unit.district_wide
    with pytest.raises(NotFound):
        provider.require("civil_affairs_bureau", "civil_affairs_bureau.low_income")
    with pytest.raises(AccessDenied):
        provider.must_be("office")
    for blind in (lost, idle):
        assert str(select(Ticket.id).where(blind.scope(Ticket.agency, Ticket.resource))).endswith("WHERE false")
