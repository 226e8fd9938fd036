"""Drafting: files that nobody described become a draft of a catalogue entry, every suggestion with its evidence.

Lives here: gathering the files of one kind, choosing names, elements, code lists, ranges and patterns of columns, keys and dependencies, and
writing the YAML. Does not live here: reading files and profiling columns (``inspection``), the shape of an entry (``catalog``), running it.
A draft never holds back a row on a guess: only the key's rules quarantine, everything else reports until a person has confirmed it.
To suggest something more: a function in ``columns.py`` (one column) or ``dependencies.py`` (several), and its line in ``entry.py``.
"""
