"""Great Expectations: suites compiled from rules, our own expectations, the fused engine, Data Docs.

Here: ``validate.validate`` (the implementation of ``districtlake.quality.validation.Validator``), ``compile.suite_of``,
``docs.data_docs``. Not here: which rules a resource has (``districtlake.quality``), what happens to a failing row, Dagster.
To add an expectation of our own: one file in ``own/`` (metric, expectation, fused condition), and its name in ``own.MODULES``.
To fuse another of GX's: one function in ``conditions.py`` or ``aggregates.py``; the differential tests then hold it equal to GX.
Importing this package loads neither great_expectations nor pandas; ``engine``, ``session`` and ``own/*`` do, on the first call.
"""
