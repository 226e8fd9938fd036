"""Expectations of our own, real GX expectations with renderers in Chinese and English.

Each file holds: the metric (pandas, as GX has it), its fused condition (Polars, added to ``conditions.CONDITIONS``), the expectation.
To add one: a file here, its name in ``MODULES``, a case in ``tests/integration/test_fused_engine_own.py``.
Not here: the cleansing of citizen ids, the reading of reference tables.
"""

from importlib import import_module

MODULES = (
    "expect_column_values_to_exist_in_resource",
    "expect_column_pair_birth_date_to_match_citizen_id",
    "expect_column_pair_sex_to_match_citizen_id",
    "expect_column_pair_date_to_be_at_age_by_citizen_id",
)


def register() -> None:
    """Make them known to GX, by importing them: defining an expectation registers it."""
    for module in MODULES:
        import_module(f"{__name__}.{module}")
