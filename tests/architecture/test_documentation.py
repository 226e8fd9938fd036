"""What the documentation promises is there: commands, options, targets, resources, decisions, and the walk-through word for word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from districtlake.catalog.load import load_catalog
from districtlake.quality.derive import rules_of
from districtlake.settings import PROJECT_ROOT, Settings

DOCS = PROJECT_ROOT / "docs"
READMES = ("README.md", "README.zh-CN.md")
WALKS = {"en": DOCS / "add-a-resource.md", "zh": DOCS / "zh" / "新增资源.md"}
CATALOG = load_catalog([PROJECT_ROOT / "catalog"])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# -- the command line -----------------------------------------------------------------------------------------------


def _commands(command: Any, path: str = "districtlake") -> Iterator[tuple[str, Any]]:
    """Every command and group below, with its path as a person types it."""
    for name, inner in getattr(command, "commands", {}).items():
        yield f"{path} {name}", inner
        yield from _commands(inner, f"{path} {name}")


def _all_commands() -> dict[str, Any]:
    from districtlake.cli.app import app

    return dict(_commands(typer.main.get_command(app)))


COMMANDS = _all_commands()


def _sections(document: str) -> dict[str, str]:
    """Heading of the second order -> the text below it."""
    parts = re.split(r"^## (.+)$", document, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_command_line_has_commands() -> None:
    assert {"districtlake nightly", "districtlake deliveries release", "districtlake demo next-day"} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_is_documented_with_its_options_and_an_example(path: str) -> None:
    section = _sections(_text(DOCS / "cli.md")).get(path)
    assert section is not None, f"docs/cli.md has no section '## {path}'"
    if hasattr(COMMANDS[path], "commands"):
        return
    assert re.search(rf"^\$ {re.escape(path)}\b", section, flags=re.M), f"docs/cli.md shows no example of {path}"
    shown = set(re.findall(r"`(--?[a-z-]+|[A-Z]+)`", section))
    wanted = set()
    for parameter in COMMANDS[path].params:
        if parameter.name == "help":
            continue
        wanted |= {parameter.name.upper()} if parameter.param_type_name == "argument" else set(parameter.opts)
    assert wanted <= shown, f"docs/cli.md does not name {sorted(wanted - shown)} of {path}"


def test_nothing_is_documented_that_is_not_there() -> None:
    headings = [heading for heading in _sections(_text(DOCS / "cli.md")) if heading.startswith("districtlake ")]
    assert set(headings) <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_says_what_it_does(path: str) -> None:
    help_text = COMMANDS[path].help or ""
    assert len(help_text) >= 5
    if not hasattr(COMMANDS[path], "commands"):
        assert isinstance(COMMANDS[path].get_short_help_str(), str)
        assert "例：" in help_text, f"{path} --help shows no example"


# -- formats --------------------------------------------------------------------------------------------------------

RECEIVING = {"ingestion.archive", "ingestion.disk_full", "ingestion.no_file", "ingestion.not_a_file", "ingestion.unreadable"}
"""Said before a file is read, to the operator."""


@pytest.mark.parametrize("document", ["formats.md", "zh/报送格式.md"])
def test_every_refusal_is_listed_with_what_the_agency_is_told(document: str) -> None:
    from districtlake.quality.delivery_rules import UNREADABLE

    listed = dict(re.findall(r"^\| `(ingestion\.[a-z_]+)` \| (.+) \|$", _text(DOCS / document), flags=re.M))
    assert listed == UNREADABLE
    sources = "".join(_text(path) for path in (PROJECT_ROOT / "districtlake" / "ingestion").glob("*.py"))
    assert set(re.findall(r'code="(ingestion\.[a-z_]+)"', sources)) - RECEIVING == set(UNREADABLE)


# -- the catalogue --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", sorted(CATALOG.resources))
def test_every_resource_has_an_owner_a_description_and_rules(resource: str) -> None:
    entry = CATALOG.resources[resource]
    assert entry.owner or CATALOG.agencies[entry.agency].contact, f"{entry.file}: nobody owns it"
    assert entry.description or entry.business, f"{entry.file}: nothing says what a row is"
    assert rules_of(entry, CATALOG), f"{entry.file}: nothing is checked"


# -- README, CHANGELOG, decisions -----------------------------------------------------------------------------------


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", _text(PROJECT_ROOT / "Makefile"), flags=re.M))


@pytest.mark.parametrize("document", [*READMES, "CONTRIBUTING.md"])
def test_every_make_command_of_the_documents_is_a_target(document: str) -> None:
    text = _text(PROJECT_ROOT / document)
    named = set(re.findall(r"`make ([a-z][a-z-]*)", text)) | set(re.findall(r"^(?:\$ )?make ([a-z][a-z-]*)", text, flags=re.M))
    assert named, f"{document} names no target"
    assert named <= _targets(), f"{document} names {sorted(named - _targets())}"


@pytest.mark.parametrize("document", READMES)
def test_the_readmes_begin_with_the_main_commands_and_show_the_one_picture(document: str) -> None:
    text = _text(PROJECT_ROOT / document)
    for command in ("make nightly", "make test", "make ui", "make help", "make nightly DELIVERIES="):
        assert command in text
    assert text.count("docs/img/way.svg") == 1
    assert "流程依据《暂行办法》（已废止）" in text
    assert "Apache-2.0" in text


@pytest.mark.parametrize("document", READMES)
def test_every_setting_is_in_the_readmes(document: str) -> None:
    source = _text(PROJECT_ROOT / "districtlake" / "settings.py") + _text(PROJECT_ROOT / "districtlake" / "clock.py")
    variables = set(re.findall(r"DISTRICTLAKE_[A-Z_]+", source))
    assert variables
    missing = variables - set(re.findall(r"DISTRICTLAKE_[A-Z_]+", _text(PROJECT_ROOT / document)))
    assert not missing


def _documents() -> list[Path]:
    return sorted([*PROJECT_ROOT.glob("*.md"), *DOCS.rglob("*.md")])


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"```.*?```", "", _text(document), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", prose):
        link = (target[0] or target[1]).partition("#")[0]
        if link and "://" not in link:
            assert (document.parent / link).exists(), f"{document.name} leads to {link}, which is not there"


def test_the_changelog_has_an_unreleased_section_with_something_in_it() -> None:
    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", _text(PROJECT_ROOT / "CHANGELOG.md"), flags=re.M | re.S)
    assert unreleased
    assert re.search(r"^### (Added|Changed|Deprecated|Removed|Fixed|Security)$", unreleased.group(1), flags=re.M)


def test_decisions_have_a_number_each_and_stay_on_one_screen() -> None:
    decisions = sorted((DOCS / "adr").glob("*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert numbers[0] == 1
    assert len(set(numbers)) == len(numbers), "two decisions have one number (a gap is a decision still being written)"
    for path in decisions:
        lines = _text(path).splitlines()
        assert len(lines) <= 60, f"{path.name} is longer than one screen"
        assert re.match(rf"# {int(path.name[:4])}\. ", lines[0]), f"{path.name} does not begin with its number and title"


# -- the regulation's features --------------------------------------------------------------------------------------


def test_every_scenario_names_its_article_and_paragraph_and_quotes_the_text() -> None:
    features = sorted((PROJECT_ROOT / "tests" / "regulation" / "features").glob("*.feature"))
    assert features
    for path in features:
        text = _text(path)
        number = path.stem.removeprefix("article_")
        assert re.search(r"第[一二三四五六七八九十]+条", text.partition("Scenario")[0]), f"{path.name} quotes no article"
        tags = re.findall(r"^  (@.*)\n  Scenario", text, flags=re.M)
        assert len(tags) == len(re.findall(r"^  Scenario", text, flags=re.M)), f"{path.name}: a scenario without tags"
        for line in tags:
            assert re.fullmatch(rf"@article_{number} @paragraph_[1-9]", line), f"{path.name}: {line}"


# -- the walk-through, word for word --------------------------------------------------------------------------------


def _files_of(document: Path) -> list[tuple[str, str]]:
    """Path and content of each file that the walk-through has its reader write."""
    found = re.findall(r"`([\w./\u4e00-\u9fff-]+\.(?:yaml|csv))`[^`]*\n\n```(?:yaml|csv)\n(.*?)```", _text(document), flags=re.S)
    return [(path, content) for path, content in found]


def test_both_languages_walk_through_the_same_files() -> None:
    english, chinese = (_files_of(WALKS[language]) for language in ("en", "zh"))
    assert [Path(path).suffix for path, _ in english] == [".yaml", ".yaml", ".csv"]
    assert english == chinese


def test_the_walk_through_for_a_new_resource_does_what_it_says(tmp_path: Path) -> None:
    from datetime import date, datetime

    from districtlake.catalog.check import check_catalog
    from districtlake.clock import SHANGHAI, FixedClock
    from districtlake.delivery.district import open_district
    from districtlake.warehouse.commit import read
    from tests.running import run_folder

    for path, content in _files_of(WALKS["en"]):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    dirs = (PROJECT_ROOT / "catalog", tmp_path / "catalog")
    assert [finding for finding in check_catalog(dirs) if finding.level == "error"] == []
    resource = "transport_bureau.taxi_licences"
    catalog = load_catalog(dirs)
    said = re.search(r"the (\d+) rules they make", _text(WALKS["en"]))
    assert said
    assert len(rules_of(catalog.resources[resource], catalog)) == int(said.group(1))

    settings = Settings(state=tmp_path / "state", inbox=tmp_path / "state" / "inbox", catalog_dirs=dirs, settle_seconds=0, actor="test")
    district = open_district(settings, clock=FixedClock(datetime(2026, 3, 9, 9, tzinfo=SHANGHAI)))
    try:
        received, (outcome,) = run_folder(district, tmp_path / "my-deliveries")
        assert received.notices == []
        # the line of conservation as the page shows it
        counts = outcome.counts
        shown = "交付 {delivered} = 新增 {inserted} + 变更 {changed} + 未变 {unchanged} + 完全重复 {duplicates} + 隔离 {quarantined} + 暂停 {held}"
        assert shown.format(**counts) in _text(WALKS["en"])
        register = read(district.lake, "problems", resource)
        assert sorted(register.select("rule", "row").iter_rows()) == [("uscc.conforms", 4), ("validity.in_order", 3), ("vehicles.range", 5)]
        for rule, key in register.select("rule", "key").iter_rows():
            assert re.search(rf"│ {re.escape(rule)} +│ {re.escape(key)} ", _text(WALKS["zh"]))

        from pipelines.routing import route

        assert route(district).opened == 3
        from sqlalchemy import select

        from districtlake.store.tables import Ticket

        with district.store.session() as session:
            assert set(session.scalars(select(Ticket.due_date))) == {date(2026, 3, 16)}
    finally:
        district.store.close()
