"""The short ways of the tests' processes end where the long ones do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from districtlake.access import accounts
from districtlake.store import engine as store_engine
from districtlake.store.engine import open_store
from tests.cheaper import load_once, real_hasher, real_migrate


def test_production_hashes_passwords_as_rfc_9106_advises() -> None:
    assert extract_parameters(real_hasher().hash("correct horse battery")) == RFC_9106_LOW_MEMORY
    assert extract_parameters(accounts._hasher().hash("correct horse battery")).type is RFC_9106_LOW_MEMORY.type


def test_a_replayed_schema_is_the_migrated_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dump(name: str) -> list[list[str]]:
        """Statements and their lines sorted: a rebuilt table has its constraints and indexes in any order."""
        open_store(f"sqlite:///{tmp_path / name}").close()
        connection = sqlite3.connect(tmp_path / name)
        try:
            return sorted(sorted(line.strip(" ,\t") for line in statement.splitlines()) for statement in connection.iterdump())
        finally:
            connection.close()

    replayed = dump("replayed.sqlite")
    monkeypatch.setattr(store_engine, "_migrate", real_migrate)
    assert replayed == dump("migrated.sqlite")


def test_a_text_is_parsed_once_and_given_to_each_anew() -> None:
    asked: list[str] = []

    def load(text: str, loader: type) -> object:
        asked.append(text)
        return yaml.SafeLoader(text).get_single_data()

    def refuse(call: Callable[[], object]) -> None:
        with pytest.raises(yaml.YAMLError):
            call()

    known: dict[tuple[str, object], bytes] = {}
    first = load_once(load, known, "a: [1, 2026-03-01, 是]", yaml.SafeLoader)
    first["a"].append("mine")
    assert load_once(load, known, "a: [1, 2026-03-01, 是]", yaml.SafeLoader) == yaml.safe_load("a: [1, 2026-03-01, 是]")
    assert len(asked) == 1
    for _ in range(2):
        refuse(lambda: load_once(load, known, "a: [", yaml.SafeLoader))
    assert len(asked) == 3
