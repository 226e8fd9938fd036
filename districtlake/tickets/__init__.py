"""The way back to the agency: problems become tickets with a deadline, tickets become a package in the outbox.

``raise_tickets``: the problem register to tickets, idempotent. ``queries``: lists, counts, due states, one ticket's story.
``deadlines``: recomputing provisional due days. ``outbox``: choosing and recording packages; ``workbook``: how one looks;
``sheet_rows``: many rows into Excel, quickly and safely.
Not here: what a problem is (``quality.problems``), day counting (``policy``), the tables (``store``).
To add something that happens to a ticket: a function that changes the row and appends a ``TicketEvent`` in one session.
"""
