"""How analysts reach the lake: every table of SQL under one roof, statements within limits and audited, results in many forms.

Lives here: the tables that SQL knows (``relations``), audited sessions (``ask``), writing results to files and pipes (``export``).
Does not live here: how a statement is read and run (``warehouse.sql``); the Python helper (``districtlake.lake``), the command (``cli.sql``).
To add tables: a function that gives ``warehouse.relations.Relation``, called in ``relations.relations_of``.
To add a form of output: a writer in ``export.WRITERS``.
"""
