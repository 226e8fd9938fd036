"""What a refusal says, in both languages."""

from __future__ import annotations

from districtlake.errors import DistrictLakeError


def words(error: DistrictLakeError) -> str:
    """Message and hint in Chinese, then in English."""
    return " ".join([*error.told("zh"), *error.told("en")])
