"""Every sentence of Articles 26 to 28, as the features quote them, has scenarios, and every scenario has a sentence: docs/regulation.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from districtlake.settings import PROJECT_ROOT

FEATURES = PROJECT_ROOT / "tests" / "regulation" / "features"
ARTICLES = {26: "第二十六条", 27: "第二十七条", 28: "第二十八条"}
DOCUMENTS = (PROJECT_ROOT / "docs" / "regulation.md", PROJECT_ROOT / "docs" / "zh" / "条款对照.md")


def sentences(feature: str, heading: str) -> list[str]:
    """The quoted text, split where it has a full stop or a semicolon."""
    quote = feature.split("\n", 1)[1].split("流程依据", 1)[0]
    assert quote.strip().startswith(heading)
    text = re.sub(r"\s+", "", quote).removeprefix(heading)
    return [part for part in re.split(r"[。；]", text) if part]


def scenarios(feature: str) -> list[str]:
    return re.findall(r"^ *Scenario(?: Outline)?: (.+)$", feature, flags=re.M)


def table(document: str, heading: str) -> dict[str, list[str]]:
    """Sentence -> scenarios, as the article's section of the document has them."""
    section = re.search(rf"^## [^\n]*{heading}[^\n]*\n(.*?)(?=^## |\Z)", document, flags=re.M | re.S)
    assert section, f"no section for {heading}"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.group(1).splitlines() if line.startswith("| ")]
    return {row[0]: row[1].split("<br>") for row in rows[1:]}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("number", ARTICLES)
def test_each_sentence_has_scenarios_and_each_scenario_a_sentence(number: int, path: Path) -> None:
    feature = (FEATURES / f"article_{number}.feature").read_text(encoding="utf-8")
    traced = table(path.read_text(encoding="utf-8"), ARTICLES[number])
    assert list(traced) == sentences(feature, ARTICLES[number]), "every sentence, as it is quoted, in its order"
    named = [name for names in traced.values() for name in names]
    assert all(names != [""] for names in traced.values()), "a sentence without a scenario"
    assert set(named) == set(scenarios(feature)), "a scenario without a sentence, or one that is not there"


def test_a_missing_or_invented_line_is_seen() -> None:
    feature = "Feature: x\n  第九条　甲乙丙。丁；\n  戊。\n  流程依据\n\n  Scenario: one\n  Scenario Outline: two\n"
    assert sentences(feature, "第九条") == ["甲乙丙", "丁", "戊"]
    assert scenarios(feature) == ["one", "two"]
    assert table("## Article 9 第九条\n| s | t |\n|---|---|\n| 甲 | one<br>two |\n| 丁 |  |\n", "第九条") == {
        "甲": ["one", "two"],
        "丁": [""],
    }
