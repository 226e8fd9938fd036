"""Expectations of our own, real GX expectations with renderers in Chinese and English.

Each file holds: the metric (pandas, as GX has it), its fused condition (Polars, added to ``conditions.CONDITIONS``), the expectation.
To add one: a file here, its name in ``MODULES``, its arguments in ``districtlake.quality.own_expectations``, a case in ``tests/integration/test_fused_engine_own.py``.
Not here: the cleansing of citizen ids, the reading of reference tables.
"""

from importlib import import_module

MODULES = (
    "expect_column_values_to_exist_in_resource",
    "expect_column_pair_birth_date_to_match_citizen_id",
    "expect_column_pair_sex_to_match_citizen_id",
    "expect_column_pair_date_to_be_at_age_by_citizen_id",
    "expect_column_values_to_be_valid_citizen_id",
    "expect_column_values_to_be_valid_uscc",
    "expect_column_values_to_be_valid_org_code",
    "expect_column_values_to_be_valid_division_code",
    "expect_column_pair_division_code_to_be_valid_on_date",
    "expect_column_values_to_be_in_code_list",
    "expect_multicolumn_values_to_equal_resource",
    "expect_table_data_to_be_fresh",
    "expect_table_row_count_to_be_near_earlier_deliveries",
)


def register() -> None:
    """Make them known to GX, by importing them: defining an expectation registers it."""
    for module in MODULES:
        import_module(f"{__name__}.{module}")
