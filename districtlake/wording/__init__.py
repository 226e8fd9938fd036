"""Sentences for people, in Chinese and in English: what was refused, and what to do now.

Here: ``sentences`` (a key and values become a sentence) and the sentences themselves, one file a language: ``zh.yaml``, ``en.yaml``.
Not here: texts of pages (``portal/texts``), reports and tickets, which are Chinese and stand where they are written.
To add a refusal: its key and ``<key>.hint`` in both files, and ``TicketRefused.of("<key>", name=value)`` where it is raised.
"""
