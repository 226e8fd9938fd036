"""Quality: what rules a resource has, what a failed rule does to a row, and the problems that result.

Lives here: the rule (``rules``), its derivation from the catalogue (``derive``), what a validator is (``validation``),
row fates (``fates``), the problem register (``problems``), results with A/B of GB/T 36344 (``results``).
Does not live here: Great Expectations (``expectations``), tickets (``tickets``).
To add a derived rule: one function in ``derive``; a declared rule needs no code, only ``checks:`` in the catalogue.
"""
