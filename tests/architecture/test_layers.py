"""The house rules that a tool can check: layers, room docstrings, module length, light imports, no machine's paths."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT

ROOTS = ("districtlake", "expectations", "assets", "pipelines", "benchmarks")
MODULES = sorted(path for root in ROOTS for path in (PROJECT_ROOT / root).rglob("*.py"))
PACKAGES = sorted({path.parent for path in MODULES if (path.parent / "__init__.py").exists()})


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [PROJECT_ROOT / name for name in listed if (PROJECT_ROOT / name).is_file()]


def test_imports_look_only_downward() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert lint.returncode == 0, lint.stdout


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_every_room_says_what_lives_there(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert text, f"{package} has no docstring"
    assert len(text.splitlines()) <= 10


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_modules_stay_readable(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)), "a module says what it is for"
    assert len(source.splitlines()) <= 420
    assert module.stem not in {"utils", "util", "helpers", "common", "misc"}


def test_importing_the_definitions_stays_light() -> None:
    """Great Expectations, PySpark and matplotlib take seconds each: they are imported where they are used."""
    code = (
        "import sys, pipelines.definitions; print([m for m in ('great_expectations','pyspark','matplotlib','pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_names_a_registry_or_a_path_of_one_machine() -> None:
    hosts = ["pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "repo1.ma" + "ven", "crates" + ".io"]
    paths = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
    found = []
    for path in tracked():
        if path.suffix in {".png", ".xlsx", ".xls", ".parquet", ".svg"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{path.relative_to(PROJECT_ROOT)}: {word}" for word in (*hosts, *paths) if word in text]
    assert found == []


def test_the_project_keeps_no_copy_of_the_real_deliveries(shared_data: Path) -> None:
    delivered = {path.stat().st_size: path for path in (shared_data / "deliveries").rglob("*") if path.is_file()}
    same = [path for path in tracked() if path.stat().st_size > 1000 and path.stat().st_size in delivered
            and path.read_bytes() == delivered[path.stat().st_size].read_bytes()]  # fmt: skip
    assert same == []
