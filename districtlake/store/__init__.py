"""The operational store: deliveries, operations, notices, tickets, packages, and the append-only event tables.

``tables``: the typed ORM models. ``engine``: opening a database (SQLite or PostgreSQL) and sessions. ``columns``: types that
mean the same on both. ``migrations``: Alembic, applied when a store is opened.
Not here: what the rows mean (``delivery``, ``tickets``), the lake's tables (``warehouse``).
To add a table or column: change ``tables``, add ``migrations/versions/<next>.py``, raise ``HEAD``; a test compares the two.
"""
