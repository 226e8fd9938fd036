"""The use cases around a delivery: receive it, process it, and what an operator can do with it afterwards.

Lives here: the district as one object (``district``), receiving (``receive``), the pure step from tables and delivery to new
tables (``advance``), committing it crash-safely (``process``), release, withdraw, reprocess (``operations``), locks.
Does not live here: how files are read, cells cleansed, rows judged or tables written; those rooms are called from here.
To add an operator's action: a function in ``operations`` that ends in ``rebuild.rebuild``.
"""
