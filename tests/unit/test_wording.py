"""What people are told when something is refused: in Chinese on Chinese pages, in English on English ones, always with what to do now."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product

import pytest

from districtlake.errors import DistrictLakeError, NotFound
from districtlake.settings import PROJECT_ROOT
from districtlake.tickets.machine import EVENTS, ROLES, STAGES, TRANSITIONS, Actor, TicketRefused, checked
from districtlake.wording.sentences import HINT, LANGUAGES, Listed, Named, Sentence, is_chinese, sentences

ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,;:]+[A-Za-z]{2,}){2,}")
"""Three words in a row: a sentence, not a name."""
NAMES = (
    "stage.",
    "closing.",
    "event.",
    "matter.",
    "dimension.",
    "standing.",
    "delivery_state.",
    "foreign.",
    "role.",
    "actor.",
    "fact.",
    "column.",
    "deed.",
)
PART = "part."
"""Keys of parts of sentences begin so."""
ANSWERS = {"answer.corrected", "answer.confirmed", "answer.settled", "answer.extension"}
BARE = {
    "access.sign_in_first",
    "tickets.nothing_possible",
    "tickets.some_day",
    "feedback.unkeyed",
}
"""Parts of sentences, and the one that leads to the sign-in page."""


def keys(language: str) -> set[str]:
    return {key for key in sentences(language) if not key.startswith(NAMES) and key not in ANSWERS}  # type: ignore[arg-type]


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_both_languages_say_the_same_things_with_the_same_values_and_what_to_do_now() -> None:
    assert keys("zh") == keys("en")
    for key in keys("zh"):
        told = {language: sentences(language)[key] for language in LANGUAGES}
        assert is_chinese(told["zh"]), key
        assert not ENGLISH.search(re.sub(r"districtlake [a-z -]+|Authorization: Bearer dlk_", "", told["zh"])), key
        assert not is_chinese(told["en"].replace("“This is a correction”", "")), key
        if not key.endswith(HINT):
            whole = {language: places(told[language] + sentences(language).get(key + HINT, "")) for language in LANGUAGES}
            assert whole["zh"] >= whole["en"], key
            assert key in BARE or key.startswith(PART) or key + HINT in keys("zh"), f"{key} does not say what to do"


def said() -> Iterator[tuple[str, str, set[str]]]:
    """(place, key, names of the values) of every sentence in the sources."""
    for path in sorted((PROJECT_ROOT / "districtlake").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            of = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "of"
            local = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "wrong"
            if (of or local) and node.args and isinstance(node.args[0], ast.Constant) and "." in str(node.args[0].value):
                yield f"{path.name}:{node.lineno}", str(node.args[0].value), {str(word.arg) for word in node.keywords}


def test_every_sentence_of_the_sources_is_there_with_all_it_needs_and_none_is_left_over() -> None:
    used = set()
    for place, key, given in said():
        assert key in sentences("zh"), f"{place}: {key}"
        wanted = places(sentences("zh")[key] + sentences("zh").get(key + HINT, ""))
        assert wanted <= given, f"{place}: {key} lacks {sorted(wanted - given)}"
        used.add(key)
    elsewhere = {"request.no_page", "request.method", "request.refused", "error.again"}  # chosen by status
    elsewhere |= {key for key in keys("zh") if key.startswith("database.")}  # by the server's code
    assert {key for key in keys("zh") if not key.endswith(HINT)} - used <= elsewhere


def told(error: DistrictLakeError) -> None:
    chinese, english = (" ".join(error.told(language)) for language in LANGUAGES)
    assert is_chinese(chinese)
    assert not ENGLISH.search(chinese), chinese
    assert not is_chinese(english), english
    assert all(error.told(language)[1] for language in LANGUAGES), "what to do now"


@pytest.mark.parametrize("event", sorted(TRANSITIONS))
def test_every_refusal_of_the_machine_can_be_told_in_both_languages(event: str) -> None:
    refusals = 0
    for stage, role, agency, facts in product(STAGES, ROLES, ("a", "b"), ({}, dict.fromkeys(TRANSITIONS[event].needs, "x"))):
        actor = Actor("clerk", role, agency)  # type: ignore[arg-type]
        try:
            checked(event, number="T2026-000001", stage=stage, agency="a", actor=actor, facts=facts)
        except TicketRefused as refused:
            refusals += 1
            told(refused)
    assert refusals


def test_every_event_and_stage_has_its_english_name() -> None:
    assert {f"event.{name}" for name in EVENTS} | {f"stage.{name}" for name in STAGES} <= set(sentences("en"))


def test_what_was_written_in_one_language_only_is_never_shown_in_the_other() -> None:
    english = NotFound("There is no such thing here.", hint="Look elsewhere, please.")
    assert english.told("en") == ("There is no such thing here.", "Look elsewhere, please.")
    told(english)
    assert "not_found" in english.told("zh")[0]
    chinese = DistrictLakeError("表无法打开。", hint="请恢复备份。", code="lake.unreadable", retryable=True)
    assert chinese.told("zh") == ("表无法打开。", "请恢复备份。")
    told(chinese)


def test_names_and_lists_are_put_as_the_language_puts_them() -> None:
    sentence = Sentence.of("tickets.wrong_role", number="T1", role=Named("actor", "user", "使用单位"), event=Named("event", "opened", "提出"),
                           roles=Listed.of(["甲", Named("actor", "office", "主管机构")], quoted=True))  # fmt: skip
    assert sentence.told("zh") == "工单T1：使用单位不能办理“提出”。"
    assert sentence.hint("zh").startswith("这一步由“甲”、“主管机构”办理")
    assert sentence.whole("en") == "Ticket T1: the data user cannot do “Found”. It is for the “甲”, “data office”."
