"""Alembic migrations, applied by ``store.engine.open_store``. One file per step in ``versions/``, named by its number.

A step that was released is never edited. ``HEAD`` lets a current database be recognised without loading Alembic.
"""

HEAD = "0008"
