"""Great Expectations is loaded without the pyspark that is installed beside it; what it imports for a few expectations waits for their use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from expectations.session import _when_used

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


def test_a_module_waits_until_something_in_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with _when_used("colorsys"):
        import colorsys
    assert "colorsys" not in sys.modules, "whoever else imports it gets the module itself"
    assert not hasattr(colorsys, "__file__"), "a look at the module is no use of it"
    assert colorsys.rgb_to_hsv(1, 0, 0) == (0, 1, 1)
    assert sys.modules["colorsys"].__file__
    with pytest.raises(AttributeError):
        colorsys.nothing  # noqa: B018


def test_a_module_that_is_there_is_left_alone() -> None:
    import colorsys

    with _when_used("colorsys"):
        assert sys.modules["colorsys"] is colorsys
