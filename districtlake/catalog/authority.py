"""The one-source matrix (一数一源, Article 12): which resource is the authority for which data element of which kind of subject."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from districtlake.catalog.parts import Frozen, Identifier, NonEmpty

Items = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
"""``agency.resource.item``."""


class Fact(Frozen):
    """One property of one kind of subject, and who is right about it.

    Attributes:
        subject: of what it is a property: person, company, school, dwelling, …
        title: Chinese, for reports.
        element: the data element that states it.
        source: the item of the authoritative resource; several where several registers share the subjects (households and temporary
            residents), the first that has the subject counts.
        evidence: items that state the same on purpose, for comparison: no duplicate collection.
        basis: why: the article or the duty.
    """

    id: Identifier
    subject: Identifier
    title: NonEmpty
    element: Identifier
    source: Annotated[tuple[Items, ...], Field(min_length=1)]
    evidence: tuple[Items, ...] = ()
    basis: str = ""

    @field_validator("source", "evidence", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @property
    def authorities(self) -> tuple[tuple[str, str], ...]:
        """(``agency.resource``, item) of each source, the first first."""
        return tuple((source.rpartition(".")[0], source.rpartition(".")[2]) for source in self.source)

    @property
    def resources(self) -> tuple[str, ...]:
        return tuple(resource for resource, _ in self.authorities)
