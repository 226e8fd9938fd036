"""Explanation: one row's story, from the file and line that brought it to the warehouse, the tickets and the marts where it is.

Lives here: collecting what raw, changes, quarantine, results, problems, history, the store and the leads say of one key, and telling it.
Does not live here: any of those records; nothing is written but the audit of values that were shown whole.
A new source of the story is a function in ``collect.py`` and its lines in ``telling.py``.
"""
