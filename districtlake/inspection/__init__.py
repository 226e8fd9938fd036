"""Inspection: any file read without configuration, and what is in it told with its evidence.

Lives here: finding tables, headers, titles and footers in a grid of cells; reading every format into ``FoundTable`` objects; the profile of
a table (types, elements of the standards, keys, dirt); writing what was read as CSV; the report as a page. Does not live here: reading by
a catalogue entry, and the readers themselves (ingestion); meaning and repair (cleansing). Nothing here writes to the lake.
To add a format: a reader in ingestion, one branch in ``read.py``. To add a look at columns: one function in ``profile.py``.
"""
