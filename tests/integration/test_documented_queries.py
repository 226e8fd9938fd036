"""Every query and every line of Python that the documentation shows runs on the demonstration district; so does the example notebook."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from districtlake.analysis.ask import open_session
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.lake import Lake
from districtlake.settings import PROJECT_ROOT
from districtlake.warehouse.commit import read

DOCUMENTS = sorted([*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")])
_EXAMPLES_OF_ERRORS = {"market_regulation.business_entity"}
"""Names that a page gives wrongly on purpose, to show what is answered."""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _commands() -> list[tuple[str, list[str]]]:
    """(document, words) of every ``districtlake sql`` on a line of its own in a block."""
    found = []
    for path in DOCUMENTS:
        for block in re.findall(r"```(?:console|sh|bash)?\n(.*?)```", _text(path), flags=re.S):
            for line in block.splitlines():
                if re.match(r"(\$ )?(\.venv/bin/)?districtlake sql ", line):
                    words = shlex.split(line.partition(" | ")[0], comments=True)
                    found.append((path.name, words[words.index("sql") + 1 :]))
    return found


def _statements() -> list[tuple[str, str]]:
    return [(path.name, body) for path in DOCUMENTS for body in re.findall(r"```sql\n(.*?)```", _text(path), flags=re.S)]


def test_the_documents_show_queries() -> None:
    assert len(_commands()) >= 4


@pytest.mark.parametrize(("document", "words"), _commands(), ids=lambda value: value if isinstance(value, str) else value[0][:50])
def test_every_documented_command_runs(document: str, words: list[str], demonstration: District) -> None:
    statement = words[0]
    assert not statement.startswith("-"), "the statement comes first in our pages"
    options = dict(zip(words[1::2], words[2::2], strict=False))
    parameters = dict(one.split("=", 1) for one in [options["--param"]]) if "--param" in options else {}
    if any(f"from {name}" in f"{statement} " and name in statement.split() for name in _EXAMPLES_OF_ERRORS):
        with pytest.raises(DistrictLakeError):
            open_session(demonstration, statement)
        return
    with open_session(demonstration, statement, parameters=parameters, as_of=options.get("--as-of")) as session:
        assert session.table().num_columns > 0


def test_every_sql_block_runs(demonstration: District) -> None:
    for document, statement in _statements():
        with open_session(demonstration, statement.rstrip().rstrip(";")) as session:
            assert session.table().num_columns > 0, document


def _python() -> list[tuple[str, str]]:
    return [
        (path.name, body)
        for path in DOCUMENTS
        for body in re.findall(r"```python\n(.*?)```", _text(path), flags=re.S)
        if "import lake" in body
    ]


@pytest.mark.parametrize(("document", "body"), _python(), ids=lambda value: value[:30])
def test_every_line_of_documented_python_runs(document: str, body: str, demonstration: District, monkeypatch: pytest.MonkeyPatch) -> None:
    from districtlake import lake

    here = Lake(demonstration.settings.state)
    for name in ("query", "table", "tables", "sample"):
        monkeypatch.setattr(lake, name, getattr(here, name))
    try:
        exec(compile(body, document, "exec"), {})
    finally:
        here.district.store.close()


@pytest.mark.timeout(300)
def test_the_notebook_runs_and_shows_nobody(demonstration: District) -> None:
    """Executed as ``make notebook`` does; the page stands alone, and no sensitive value of the warehouse is in it."""
    state = demonstration.settings.state
    done = subprocess.run(
        [sys.executable, str(PROJECT_ROOT / "scripts" / "notebook")], env={**os.environ, "DISTRICTLAKE_STATE": str(state)},
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (state / "notebooks" / "district.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 3
    assert "各维度的质量" in page  # in a picture, as text
    assert not re.search(r"<script|(src|href)=\"(?!#)", page)
    shown = page + (state / "notebooks" / "district.ipynb").read_text(encoding="utf-8")
    secret: set[str] = set()
    for entry in demonstration.catalog.resources.values():
        for item in entry.items:
            if (
                demonstration.catalog.sensitivity_of(item) in ("L3", "L4")
                and (demonstration.lake / "warehouse" / entry.agency / entry.name).is_dir()
            ):
                column = read(demonstration.lake, "warehouse", entry.id)[item.name]
                secret |= {str(value) for value in column.drop_nulls().unique() if column.dtype == pl.String and len(str(value)) >= 6}
    assert len(secret) > 100
    assert [value for value in secret if value in shown] == []
