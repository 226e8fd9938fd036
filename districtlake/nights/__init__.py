"""The nightly run as a matter of record: what was expected of it, what came of it, what is missing, and how that is told.

Lives here: the record of every night (``record``, ``watch``), what a night owes and whether it was paid (``expected``), the summary as data
(``summary``, ``attention``, ``missing``, ``tables_now``), the mail-ready report (``report`` and its template).
Does not live here: running anything (``pipelines.nightly``), printing (``cli.nightly``); this room only asks tables of record.
To add a part of the night: name it in ``expected.STEPS``, run it in ``pipelines.nightly``, show it in ``templates/report.html``.
"""
