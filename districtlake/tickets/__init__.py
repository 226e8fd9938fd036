"""The closed loop of problem data (Articles 27, 28): findings and reports become tickets with a clock, answers close them with proof.

``machine``: stages, roles, transitions as data. ``journal``: the only writer of tickets; events, row, message in one transaction.
In: ``raise_tickets`` (register), ``overdue`` (updates that did not come), ``feedback`` (users). ``membership``: what is under a ticket.
``deadlines``: clock, escalation. ``handling``: what people do; ``dispositions``, ``waivers``, ``grouping``, ``suspension``.
Out: ``queries`` (lists, stories); ``outbox``, ``workbook``, ``sheet_rows`` (the Excel package). Messages wait in the store.
Not here: what a problem is (``quality.problems``), day counting (``policy``), the tables (``store``), sending.
To add something that can happen: a line in ``machine.TRANSITIONS`` and a function that calls ``journal.happened``.
"""
