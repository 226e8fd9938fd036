"""Great Expectations is loaded without the pyspark that is installed beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
{before}
from expectations.session import load
load()
import great_expectations.compatibility.pyspark as compatibility
from great_expectations.compatibility.not_imported import NotImported
assert isinstance(compatibility.pyspark, NotImported), "Great Expectations imported pyspark"
{after}
print("loaded")
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "assert not [name for name in sys.modules if name.startswith('pyspark')]"),
        (
            "import types; sys.modules['pyspark'] = mine = types.ModuleType('pyspark'); sys.modules['pyspark.sql'] = types.ModuleType('pyspark.sql')",
            "import pyspark; assert pyspark is mine and 'pyspark.sql' in sys.modules",
        ),
    ],
    ids=["nothing-imported", "what-was-imported-stays"],
)
def test_a_program_without_a_file_loads_great_expectations_and_no_pyspark(before: str, after: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(before=before, after=after)], capture_output=True, text=True, check=False)
    assert done.stdout == "loaded\n", done.stderr[-1000:]
