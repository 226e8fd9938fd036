"""Figures of data quality are read once for all who ask for the same at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from districtlake.delivery.district import District
from districtlake.portal.pages import quality
from districtlake.quality_report.figures import JudgedFigures
from districtlake.quality_report.period import Scope


def test_who_asks_for_the_same_at_once_waits_for_one_reading(
    open_test_district: Callable[..., District], monkeypatch: pytest.MonkeyPatch
) -> None:
    district = open_test_district()
    scope, other = Scope(date(2026, 3, 1), date(2026, 3, 6)), Scope(date(2026, 3, 2), date(2026, 3, 6))
    begun, go_on = threading.Event(), threading.Event()
    read: list[Scope] = []

    def reading(_: District, asked: Scope) -> JudgedFigures:
        read.append(asked)
        begun.set()
        assert go_on.wait(30)
        return JudgedFigures({"of": asked}, pl.DataFrame())

    monkeypatch.setattr(quality, "judged_figures", reading)
    monkeypatch.setattr(quality, "with_what_is_open", lambda district, scope, judged: judged.figures)
    remembered = quality._Remembered()
    told: list[Any] = []
    people = [threading.Thread(target=lambda: told.append(remembered.figures(district, scope))) for _ in range(4)]
    people[0].start()
    assert begun.wait(30)
    for person in people[1:]:
        person.start()
    go_on.set()
    for person in people:
        person.join(30)
    assert (read, told) == ([scope], [{"of": scope}] * 4)
    assert remembered.figures(district, other) == {"of": other}
    assert read == [scope, other]
