"""The demonstration district: seeded deliveries of twelve agencies and the ground truth of every fault in them.

Lives here: people, businesses, their life over days, how agencies spell and file them, the faults, the answer book.
Does not live here: any judgement. This room imports nothing from standards, cleansing, quality, catalog or
expectations: it is the oracle they are measured against, so it computes check digits by itself.
To add a fault: a ``FaultKind`` in ``faults`` (slug, item, rule, fate, and how the cell is spoiled).
To add a resource: a ``Table`` in ``layouts``, an ``Increment`` or ``Snapshot`` that lives it, a ``Delivery`` in ``district``.
"""

from districtlake.demo.generator import RESOURCES, DemoError, Generated, generate, next_day
from districtlake.demo.leads import Lead, read_leads
from districtlake.demo.truth import TruthLine, read_ground_truth

__all__ = ["RESOURCES", "DemoError", "Generated", "Lead", "TruthLine", "generate", "next_day", "read_ground_truth", "read_leads"]
