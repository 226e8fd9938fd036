"""What the command line says when the program itself is at fault: a sentence and a number; the place in a log; no cell anywhere."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from districtlake.cli import app
from districtlake.cli.faults import trace_of
from districtlake.cli.subprocesses import RunEnded, pipeline_events
from districtlake.settings import Settings
from tests.portal_people import SECRET


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISTRICTLAKE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("DISTRICTLAKE_DEBUG", raising=False)
    return tmp_path / "state"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["districtlake", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.run()
    return ended.value.code


def broken(*_: object, **__: object) -> None:
    held_in_a_variable = SECRET
    try:
        int(held_in_a_variable)
    except ValueError as error:
        raise KeyError(f"no row {SECRET}") from error


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("districtlake.delivery.district.open_district", broken)


@pytest.mark.usefixtures("fault")
def test_a_fault_is_a_sentence_with_a_number_and_a_log(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "tables") == 1
    said = capsys.readouterr()
    assert "系统出错" in said.err
    assert "Traceback" not in said.err + said.out
    assert "faults.py" not in said.err
    (log,) = (state / "logs").glob("*-fault.log")
    assert str(log) in said.err.replace("\n", "")
    kept = log.read_text(encoding="utf-8")
    assert kept.splitlines()[0] in said.err
    assert "in broken" in kept
    assert "builtins.ValueError" in kept
    assert "builtins.KeyError" in kept
    assert SECRET not in kept + said.err + said.out


@pytest.mark.usefixtures("fault")
def test_debug_shows_the_place_and_programs_get_json(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--debug", "tables", "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "internal"
    assert "in broken" in said.err
    assert SECRET not in said.err + said.out


@pytest.mark.usefixtures("fault")
def test_the_sentence_comes_even_where_no_log_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("DISTRICTLAKE_STATE", str(tmp_path / "file"))
    assert run(monkeypatch, "tables") == 1
    assert "日志写不进" in capsys.readouterr().err


def test_a_wrong_setting_is_named(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DISTRICTLAKE_SMTP_SECURITY", "ssl")
    assert run(monkeypatch, "tables") == 1
    said = capsys.readouterr().err
    assert "DISTRICTLAKE_SMTP_SECURITY" in said
    assert "'ssl'" in said


def test_words_about_the_program_are_kept_and_circles_of_causes_end() -> None:
    first, second = NameError("name 'x' is not defined"), ValueError(SECRET)
    first.__cause__, second.__cause__ = second, first
    told = trace_of(first)
    assert "name 'x' is not defined" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("way", "text", "told"),
    [
        ("value", SECRET, r"exit code 1 .* It failed with fault [0-9a-f]{8} builtins\.KeyError\."),
        (
            "own",
            "Write one.",
            r"It failed with fault [0-9a-f]{8} districtlake\.errors\.CatalogError: population\.yaml: items is empty\. Write one\.",
        ),
        ("killed", SECRET, r"signal 9 before it was finished\.$"),
    ],
)
def test_a_run_that_ends_early_is_told_by_the_class_of_its_error(tmp_path: Path, way: str, text: str, told: str) -> None:
    with pytest.raises(RunEnded) as ended:
        list(pipeline_events("tests.failing_child", [way, text], Settings(state=tmp_path)))
    assert re.search(told, ended.value.message), ended.value.message
    (log,) = (tmp_path / "logs").iterdir()
    kept = log.read_text(encoding="utf-8")
    assert str(log) in ended.value.hint
    assert SECRET not in str(ended.value) + kept
    assert ("in main" in kept) == (way != "killed"), "the place stands in the log"
