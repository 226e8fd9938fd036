"""Marts: the tables for analysts, each one SELECT over the warehouse, built in dependency order and never half.

Lives here: a mart's types and lineage (``definition``), the system tables (``system``), pinned inputs (``sources``), what changed
since the last build (``affected``), the Delta table and the record of builds (``table``, ``record``), the build itself (``build``),
the checks of ``districtlake catalog check`` (``check``).
Does not live here: what a mart is (``catalog/marts/*/*.yaml`` and ``.sql``), Dagster (``assets.marts``, ``pipelines.marts``).
To add a mart: a YAML and a SQL file in the catalogue; nothing here changes.
"""
