"""Comparison (比对) of tables of different agencies: declared in ``catalog/comparisons``, carried out over the warehouse, incremental.

Here: compiling a declaration to SQL, which keys changed since the last comparison, whether both sides are fresh enough to be compared,
what becomes of each lead. Not here: the shape of the YAML (``catalog.comparisons``), the table of leads (``warehouse.leads``), tickets
(``tickets``; a lead is a finding of severity info), Dagster. A new comparison is one YAML file and no code.
"""
