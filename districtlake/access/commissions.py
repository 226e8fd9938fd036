"""What technical service units are commissioned with (Article 29): which resources an account sees, until which day, under which letter."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from districtlake.access.accounts import normal_login
from districtlake.clock import Clock, local_date
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.store.access_tables import Account, Commission
from districtlake.store.engine import Store
from districtlake.store.tables import AuditEvent


class CommissionRefused(DistrictLakeError):
    """A commission cannot be given like this."""

    code = "access.commission"


@dataclass(frozen=True)
class Given:
    """A commission with the login it is for. ``holds``: today it counts."""

    commission: Commission
    login: str
    holds: bool


def give(store: Store, clock: Clock, login: str, scope: str, *, last_day: date, reference: str, known: Collection[str], actor: str) -> int:
    """Commission an account with an agency's resources or one resource; returns the commission's number.

    Args:
        last_day: the last Shanghai day it holds.
        reference: the contract or letter of commission.
        known: agencies and resources of the catalogue.

    Raises:
        NotFound: no such account, agency or resource; CommissionRefused: the account is no contractor's, or the day is over.
    """
    if scope not in known:
        raise NotFound.of("commission.no_scope", scope=scope)
    if last_day < local_date(clock.now()):
        raise CommissionRefused.of("commission.day_over", day=last_day)
    if not reference.strip():
        raise CommissionRefused.of("commission.no_reference")
    with store.session() as session:
        account = session.scalar(select(Account).where(Account.login == normal_login(login)))
        if account is None:
            raise NotFound.of("commission.no_account", login=login)
        if account.role != "contractor":
            raise CommissionRefused.of("commission.no_contractor", login=login)
        found = Commission(
            account_id=account.id, scope=scope, reference=reference.strip(), last_day=last_day, given_at=clock.now(), given_by=actor,
            ended_at=None,
        )  # fmt: skip
        session.add(found)
        session.flush()
        _audit(session, clock, actor, "commission.given", account.login, {"number": found.id, "scope": scope, "last_day": str(last_day)})
        return found.id


def end(store: Store, clock: Clock, number: int, *, actor: str) -> None:
    """End a commission now; what it showed is no longer seen with the next request.

    Raises:
        NotFound: there is none, or it is over.
    """
    with store.session() as session:
        found = session.get(Commission, number)
        if found is None or found.ended_at is not None:
            raise NotFound.of("commission.none", number=number)
        found.ended_at = clock.now()
        _audit(
            session,
            clock,
            actor,
            "commission.ended",
            session.get_one(Account, found.account_id).login,
            {"number": number, "scope": found.scope},
        )


def scopes_of(session: Session, clock: Clock, account: str) -> frozenset[str]:
    """Agencies and resources that the account is commissioned with today."""
    query = select(Commission.scope).where(Commission.account_id == account, Commission.ended_at.is_(None))
    return frozenset(session.scalars(query.where(Commission.last_day >= local_date(clock.now()))))


def every(store: Store, clock: Clock, *, login: str | None = None) -> list[Given]:
    """All commissions, those that hold first."""
    today = local_date(clock.now())
    query = select(Commission, Account.login).join(Account, Account.id == Commission.account_id)
    if login is not None:
        query = query.where(Account.login == normal_login(login))
    with store.session(read_only=True) as session:
        found = [Given(row[0], row[1], row[0].ended_at is None and row[0].last_day >= today) for row in session.execute(query)]
    return sorted(found, key=lambda one: (not one.holds, one.login, one.commission.scope, one.commission.id))


def last_days(store: Store, clock: Clock, account: str) -> dict[str, date]:
    """Scope -> the last day, of what the account is commissioned with today."""
    today = local_date(clock.now())
    query = select(Commission.scope, Commission.last_day).where(
        Commission.account_id == account, Commission.ended_at.is_(None), Commission.last_day >= today
    )
    days: dict[str, date] = {}
    with store.session(read_only=True) as session:
        for scope, day in session.execute(query):
            days[scope] = max(day, days.get(scope, day))
    return days


def _audit(session: Session, clock: Clock, actor: str, action: str, login: str, data: dict[str, object]) -> None:
    session.add(AuditEvent(at=clock.now(), actor=actor, action=action, object_kind="account", object_id=login, reason="", data=data))
