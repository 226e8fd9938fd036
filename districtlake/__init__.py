"""The domain: from a delivered file to warehouse rows, problems and tickets. Usable from a notebook, the CLI and a portal.

Lives here: catalogue, standards, ingestion, cleansing, quality, warehouse, tickets, the command line.
Does not live here: Dagster (``assets``, ``pipelines``) and Great Expectations (``expectations``); neither is ever imported.
Imports look only downward, in the order that ``[tool.importlinter]`` of pyproject.toml states (ADR 0002).
"""
