"""The closed loop of problem data (Articles 27, 28): findings and reports become tickets with a clock, answers close them with proof.

``machine``: stages, roles, transitions as data. ``journal``: the only writer of tickets; events, row, message in one transaction.
``raise_tickets``: register to tickets. ``overdue``: updates that did not come. ``deadlines``: the clock, escalation. ``handling``: what people do. ``waivers``: confirmed findings.
``queries``: lists, counts, stories. ``outbox``, ``workbook``, ``sheet_rows``: the Excel package.
Not here: what a problem is (``quality.problems``), day counting (``policy``), the tables (``store``), sending (messages wait in the store).
To add something that can happen: a line in ``machine.TRANSITIONS`` and a function that calls ``journal.happened``.
"""
