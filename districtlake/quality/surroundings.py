"""What a rule may ask about besides the rows it judges: other resources, code lists, the deliveries before, the day the data speak of.

The domain hands it to a validator in the place of the plain lookup of references, which it also is. Every part may be unknown;
a rule that needs an unknown part is not evaluated, never passed by silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from districtlake.catalog.models import CodeList
from districtlake.policy.pack import PolicyPack
from districtlake.quality.validation import Elsewhere, ReferenceLookup
from districtlake.standards.division_history import Editions

RecordLookup = Callable[[str, tuple[str, ...], date | None], pl.DataFrame | Elsewhere | None]
"""(resource id, items, day) -> these items of that resource's rows, as they stand (None) or stood at the end of an Asia/Shanghai day.

None when it was never delivered. Raises ``ReferenceUnreadable`` when the table does not open, ``NotFound`` for an unknown resource.
"""


@dataclass(frozen=True)
class Surroundings:
    """The surroundings of one validation; itself a ``ReferenceLookup``.

    Attributes:
        values: looks up one item of another resource.
        records: looks up several, row by row; None: there is no warehouse to ask.
        code_lists: those of the catalogue, by id.
        divisions: editions of division codes beyond the package's table.
        today: the Asia/Shanghai day of receipt: births may not lie after it.
        data_date: the day the delivery's data speak of; None: not stated.
        received_at: when the district received the delivery (UTC); None: this is no delivery.
        update_cycle: the resource's; "" where it has none.
        policy: for the grace of a cycle.
        row_counts: rows judged in each earlier delivery of the same mode, oldest first; None where counts are not comparable (a
            correction holds only corrected rows).
    """

    values: ReferenceLookup
    records: RecordLookup | None = None
    code_lists: Mapping[str, CodeList] = field(default_factory=dict)
    today: date | None = None
    data_date: date | None = None
    received_at: datetime | None = None
    update_cycle: str = ""
    policy: PolicyPack | None = None
    row_counts: tuple[int, ...] | None = None
    divisions: Editions = ()

    def __call__(self, resource: str, item: str) -> pl.Series | Elsewhere | None:
        return self.values(resource, item)

    @classmethod
    def of(cls, references: ReferenceLookup) -> Surroundings:
        """``references`` itself where it is one already."""
        return references if isinstance(references, cls) else cls(references)
