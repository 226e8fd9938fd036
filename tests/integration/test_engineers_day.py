"""The data engineer's day, word for word: every command of the page runs in order, and prints what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT
from tests.documented_console import commands_of, matches, run

PAGES = (PROJECT_ROOT / "docs" / "data-engineers-day.md", PROJECT_ROOT / "docs" / "zh" / "数据工程师的一天.md")


def test_both_languages_run_the_same_commands_and_show_the_same() -> None:
    english, chinese = (commands_of(page) for page in PAGES)
    assert len(english) >= 15
    assert english == chinese


@pytest.mark.timeout(900)
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    for command, shown in commands_of(PAGES[0]):
        printed, status = run(command, tmp_path)
        assert status == 0, f"$ {command}\n{printed}"
        assert matches(shown, printed), f"$ {command}\nshown:\n{shown}\nprinted:\n{printed}"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n…\nd", "a\nb\nc\nd", True), ("…", "", True), ("用时 … 秒", "用时 9.9 秒", True), ("a", "b", False), ("a\nb", "a", False),
        ("a", "a\nb", False), ("a.c", "abc", False), ("…\nd", "a\nb", False),
    ],
)  # fmt: skip
def test_an_ellipsis_stands_for_anything_and_nothing_else_does(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
