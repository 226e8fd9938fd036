"""The person behind a request, and the one place that says which agencies' data that person sees (Articles 5, 20, 33)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import ColumnElement, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from districtlake.errors import DistrictLakeError, NotFound
from districtlake.store.access_tables import Role
from districtlake.wording.sentences import Listed, Named

__all__ = ["AGENCY_ROLES", "ROLES", "AccessDenied", "Role", "Viewer"]

ROLES: dict[str, str] = {
    "provider": "数据提供单位",
    "user": "数据使用单位",
    "office": "区大数据主管机构",
    "contractor": "技术服务单位",
    "auditor": "审计（只读）",
}
"""Role -> its name for people, in the words of the measures where they have one."""

AGENCY_ROLES = frozenset({"provider", "user"})
"""Roles that act for one agency and see that agency's data only."""

DISTRICT_ROLES = frozenset({"office", "auditor"})
"""Roles that see every agency's data. A technical service unit sees what it is commissioned with."""

assert set(ROLES) == set(get_args(Role))


class AccessDenied(DistrictLakeError):
    """The person may not do this. Says what is missing, never what lies behind."""

    code = "access.denied"


@dataclass(frozen=True)
class Viewer:
    """Who asks.

    Attributes:
        actor: the login, as events and the audit trail name it.
        agency: the agency acted for; None for roles of the district.
        commissioned: agencies and resources that a technical service unit works on today (Article 29).
    """

    account: str
    actor: str
    display: str
    role: Role
    agency: str | None
    language: Literal["zh", "en"] = "zh"
    commissioned: frozenset[str] = frozenset()

    @property
    def district_wide(self) -> bool:
        return self.role in DISTRICT_ROLES

    def sees(self, agency: str, resource: str) -> bool:
        """Whether rows of ``resource``, provided by ``agency``, may be shown to this person."""
        if self.role == "contractor":
            return agency in self.commissioned or resource in self.commissioned
        return self.district_wide or (self.agency is not None and self.agency == agency)

    def scope(self, agency: InstrumentedAttribute[str], resource: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        """The condition every query over agencies' rows carries. Without an agency or a commission it is false: nothing is seen by mistake."""
        if self.district_wide:
            return true()
        if self.role == "contractor":
            return or_(agency.in_(self.commissioned), resource.in_(self.commissioned)) if self.commissioned else false()
        return agency == self.agency if self.agency else false()

    def require(self, agency: str, resource: str) -> None:
        """Refuse as if it did not exist: another agency's number must not be confirmed either.

        Raises:
            NotFound: ``agency``'s data are not this person's to see.
        """
        if not self.sees(agency, resource):
            raise NotFound.of("access.no_such", what=resource)

    def must_be(self, *roles: Role) -> None:
        """Raises AccessDenied unless the role is one of ``roles``."""
        if self.role not in roles:
            raise AccessDenied.of("access.role", roles=Listed.of(Named("role", role, ROLES[role]) for role in roles))
