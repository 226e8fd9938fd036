"""Laws of processing, over small generated sequences of deliveries, against a model in plain Python that knows no frames."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from districtlake.cleansing import cleanse
from districtlake.clock import SHANGHAI
from districtlake.delivery.district import District
from districtlake.delivery.process import Engine
from districtlake.delivery.receive import receive
from districtlake.ingestion.read import Limits, read_file
from districtlake.quality.derive import rules_of
from districtlake.warehouse.commit import read
from districtlake.warehouse.history import as_of
from districtlake.warehouse.tables import LAYERS, address
from tests.plain_validator import validate
from tests.running import run_folder, run_pending, tables
from tests.small_district import PAYMENTS, PEOPLE, VISITS, day, deliver, deliveries, open_small

LAWS = settings(
    max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

LONG = "一个过长的名称啊啊"
CODES = st.sampled_from(["A1", " a1", "Ａ１", "A2", "a2 ", "A3", "A4", "A5", None, "无"])
NAMES = st.sampled_from(["甲", " 甲", "乙", LONG, None])
AMOUNTS = st.sampled_from(["1", "１", "2", "100", "101", "-1", "x", None])
REMARKS = st.sampled_from([None, "改", " 改 "])
# a row with one cell at most is a title or a footer of the file, passed over and noted: of such rows the receipt tells, not these laws
ROWS = st.lists(st.tuples(CODES, NAMES, AMOUNTS, REMARKS).filter(lambda row: any(row[:3])), max_size=7)
CLEAN = st.lists(
    st.tuples(st.sampled_from(["A1", "A2", "A3", "A4", "A5"]), st.just("甲"), st.sampled_from(["1", "2"]), REMARKS), max_size=5
)

Raw = tuple[str | None, ...]
Content = tuple[str, str | None, str | int | None, str | None]


@dataclass(frozen=True)
class File:
    """One generated delivery; ``number`` is its place in the sequence and makes its bytes its own."""

    kind: str  # people, people_fix, payments, visits
    day: int
    number: int
    rows: list[Raw]
    with_remark: bool

    @property
    def name(self) -> str:
        return f"{self.kind}_{day(self.day)}.csv"

    def write(self, inbox: Path) -> None:
        header = ("编号,名称,数量,备注,批次" if self.with_remark else "编号,名称,数量,批次") + str(self.number)
        deliver(inbox, self.name, [(*(row if self.with_remark else row[:3]), self.number) for row in self.rows], header=header)


@st.composite
def sequences(draw: Callable[..., Any], first: tuple[str, ...], later: tuple[str, ...]) -> list[File]:
    """Two to four days, each with a file of ``first`` and perhaps one of ``later`` behind it."""
    found: list[File] = []
    for number in range(1, draw(st.integers(2, 4)) + 1):
        for kind in [draw(st.sampled_from(first)), *([draw(st.sampled_from(later))] if later and draw(st.booleans()) else [])]:
            found.append(File(kind, number, len(found), draw(st.one_of(ROWS, CLEAN)), draw(st.integers(0, 3)) > 0))
    return found


SNAPSHOTS = sequences(("people",), ("people_fix",))
INCREMENTS = sequences(("payments",), ())
APPENDED = sequences(("visits",), ())


# the model ------------------------------------------------------------------------------------------------------------
@dataclass
class Judged:
    """What the model makes of one row: its number in the file, normalised content, and the rules it breaks."""

    row: int
    content: Content
    raw: Raw
    rules: set[str] = field(default_factory=set)

    @property
    def key(self) -> str | None:
        return self.content[0] or None

    @property
    def quarantined(self) -> bool:
        return bool(self.rules - {"name.brief"})


def normal(row: Raw) -> Content:
    code, name, amount, remark = row
    key = (code or "").strip().upper().replace("Ａ", "A").replace("１", "1")
    number: str | int | None = amount
    if amount is not None and amount != "x":
        number = int(amount)
    return ("" if key == "无" else key, (name or "").strip() or None, number, (remark or "").strip() or None)


def judge(file: File, keyed: bool) -> tuple[list[Judged], int]:
    """The distinct rows with the rules they break, and the number of exact duplicates."""
    found: list[Judged] = []
    seen: set[Content] = set()
    copies = 0
    for number, row in enumerate(file.rows, 2):
        content = normal(row if file.with_remark else (*row[:3], None))
        if content in seen:
            copies += 1
            continue
        seen.add(content)
        found.append(Judged(number, content, row))
    keys = Counter(judged.key for judged in found if judged.key)
    for judged in found:
        code, name, amount, _ = judged.content
        broken = {
            "code.required": not code, "name.required": name is None, "name.brief": name is not None and len(name) > 8,
            "amount.conforms": amount == "x", "amount.range": isinstance(amount, int) and not 0 <= amount <= 100,
            "key.unique": keyed and keys[judged.key] > 1,
        }  # fmt: skip
        judged.rules = {rule for rule, breaks in broken.items() if breaks}
    return found, copies


@dataclass
class Model:
    """The keyed resource as it should stand."""

    current: dict[str, Content] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    open: set[tuple[str, str]] = field(default_factory=set)  # (rule, key), of readable keys
    waiting: set[str] = field(default_factory=set)  # readable keys in quarantine

    def take(self, file: File) -> tuple[str, dict[str, int], list[Judged]]:
        """Process a file: its state, what became of its rows, and its judged rows."""
        judged, copies = judge(file, keyed=True)
        whole = file.kind == "people"
        unreadable = any(row.key is None for row in judged)
        accepted = {row.key: row.content for row in judged if not row.quarantined and row.key}
        bad = {row.key for row in judged if row.quarantined and row.key}
        waiting = bad if whole and not unreadable else (self.waiting - {row.key for row in judged}) | bad
        gone = set(self.current) - set(accepted) - waiting if whole and not unreadable else set()
        delivered = len(file.rows)
        if self.current and len(gone) / len(self.current) > 0.5:
            return "held", {"delivered": delivered, "held": delivered}, judged
        counts = Counter(delivered=delivered, duplicates=copies, quarantined=sum(row.quarantined for row in judged), deleted=len(gone))
        for key, content in accepted.items():
            if key in self.current and not file.with_remark:
                content = (*content[:3], self.current[key][3])
            counts["unchanged" if self.current.get(key) == content else "changed" if key in self.current else "inserted"] += 1
            self.current[key] = content
        for key in gone:
            del self.current[key]
        self.waiting, self.stale = waiting, waiting & set(self.current)
        keys = {row.key for row in judged}
        kept = set() if whole and not unreadable else {(rule, key) for rule, key in self.open if key not in keys}
        self.open = kept | {(rule, row.key) for row in judged if row.key for rule in row.rules}
        return "done", dict(counts), judged


CONSERVED = ("inserted", "changed", "unchanged", "duplicates", "quarantined", "held")


@contextmanager
def district() -> Iterator[District]:
    with TemporaryDirectory(prefix="laws-") as folder, (opened := open_small(Path(folder))).store:
        yield opened


def process(opened: District, file: File) -> Any:
    file.write(opened.settings.inbox)
    _, outcomes = run_folder(opened, opened.settings.inbox, Engine(validator=validate))
    assert len(outcomes) == 1
    return outcomes[0]


def shown(frame: pl.DataFrame) -> dict[str, Content]:
    return {row["code"]: (row["code"], row["name"], row["amount"], row["remark"]) for row in frame.to_dicts()}


def hold_to_the_laws(files: list[File], resource: str) -> None:
    model = Model()
    past: list[tuple[datetime, dict[str, Content]]] = []
    with district() as opened:
        entry = opened.resource(resource)
        for file in files:
            outcome = process(opened, file)
            state, counts, judged = model.take(file)
            assert outcome.state == state, outcome.why
            # conservation, and each part by itself
            assert sum(outcome.counts[part] for part in CONSERVED) == outcome.counts["delivered"] == len(file.rows)
            assert {part: outcome.counts[part] for part in (*CONSERVED, "deleted")} == {
                part: counts.get(part, 0) for part in (*CONSERVED, "deleted")
            }
            raw = read(opened.lake, "raw", resource).filter(pl.col("_delivery") == outcome.delivery)
            assert raw.height == len(file.rows)
            # what was accepted stands in the warehouse, as the cell normalised
            warehouse = read(opened.lake, "warehouse", resource)
            assert warehouse["code"].is_unique().all()
            assert shown(warehouse) == model.current
            assert set(warehouse.filter(pl.col("_stale"))["code"]) == model.stale
            # the open problems are what failed last
            register = read(opened.lake, "problems", resource)
            is_open = register.filter((pl.col("state") == "open") & ~pl.col("rule").str.starts_with("delivery."))
            readable = is_open.filter(~pl.col("key").str.starts_with("row:"))
            assert set(readable.select("rule", "key").iter_rows()) == model.open
            held = register.filter((pl.col("rule") == "delivery.shrink") & (pl.col("state") == "open")).height
            assert held == (state == "held")
            # every quarantined row once, with all its rules, each with a reason
            quarantine = read(opened.lake, "quarantine", resource)
            assert {key for key in quarantine["key"] if not key.startswith("row:")} == model.waiting
            if state == "done":
                rows = quarantine.filter(pl.col("_delivery") == outcome.delivery)
                assert sorted(rows["_row"]) == [row.row for row in judged if row.quarantined]
                told = {row["_row"]: set(row["rules"]) for row in rows.to_dicts()}
                assert told == {row.row: row.rules for row in judged if row.quarantined}
                assert all(len(row["rules"]) == len(row["reasons"]) and all(row["reasons"]) for row in rows.to_dicts())
                past.append((datetime(2026, 3, file.day, 23, 59, tzinfo=SHANGHAI), dict(model.current)))
        # history and current show every past day
        for moment, expected in dict(past).items():  # of one day's deliveries the last
            frame = as_of(opened.lake, entry, moment).collect()
            assert frame["code"].is_unique().all()
            assert shown(frame) == expected, moment
        before_everything = as_of(opened.lake, entry, past[0][0] - timedelta(days=1)).collect() if past else None
        assert before_everything is None or before_everything.height == 0


@LAWS
@given(SNAPSHOTS)
def test_snapshots_and_corrections_keep_the_laws(files: list[File]) -> None:
    hold_to_the_laws(files, PEOPLE)


@LAWS
@given(INCREMENTS)
def test_increments_keep_the_laws(files: list[File]) -> None:
    hold_to_the_laws(files, PAYMENTS)


@LAWS
@given(APPENDED)
def test_appended_rows_keep_the_laws(files: list[File]) -> None:
    accepted: dict[Content, int] = {}
    waiting: dict[Content, set[str]] = {}
    with district() as opened:
        for file in files:
            outcome = process(opened, file)
            judged, copies = judge(file, keyed=False)
            good = [row.content for row in judged if not row.quarantined]
            assert outcome.state == "done"
            assert sum(outcome.counts[part] for part in CONSERVED) == len(file.rows)
            assert outcome.counts["duplicates"] == copies
            assert outcome.counts["unchanged"] == sum(content in accepted for content in good)
            assert outcome.counts["inserted"] == sum(content not in accepted for content in good)
            accepted.update(dict.fromkeys(good, 1))
            waiting |= {row.content: row.rules for row in judged if row.quarantined}
            warehouse = read(opened.lake, "warehouse", VISITS)
            assert Counter((row["code"], row["name"], row["amount"], row["remark"]) for row in warehouse.to_dicts()) == accepted
            quarantine = read(opened.lake, "quarantine", VISITS)
            assert quarantine["key"].is_unique().all()
            assert sorted(sorted(row["rules"]) for row in quarantine.to_dicts()) == sorted(sorted(rules) for rules in waiting.values())
            register = read(opened.lake, "problems", VISITS).filter(pl.col("state") == "open")
            reported = sum("name.brief" in row.rules and not row.quarantined for row in _distinct(files, file))
            assert register.height == sum(len(rules) for rules in waiting.values()) + reported


def test_what_the_catalogue_does_not_know_makes_no_second_row(tmp_path: Path) -> None:
    """Without a key the catalogue's items are a row's identity: copies that differ in an unknown column only are one row."""
    with (opened := open_small(tmp_path)).store:
        header = "编号,名称,数量,备注,经办"
        deliver(
            opened.settings.inbox, f"visits_{day(1)}.csv", [("A1", "甲", 1, None, "一号"), ("A1", "甲", 1, None, "二号")], header=header
        )
        _, outcomes = run_folder(opened, opened.settings.inbox, Engine(validator=validate))
        assert (outcomes[0].counts["inserted"], outcomes[0].counts["duplicates"]) == (1, 1)
        assert read(opened.lake, "warehouse", VISITS)["_fingerprint"].is_unique().all()
        deliver(opened.settings.inbox, f"visits_{day(2)}.csv", [("A1", "甲", 1, None, "三号")], header=header)
        _, outcomes = run_folder(opened, opened.settings.inbox, Engine(validator=validate))
        assert outcomes[0].counts["unchanged"] == 1


def _distinct(files: list[File], last: File) -> list[Judged]:
    """The distinct rows of all files up to ``last``."""
    found: dict[Content, Judged] = {}
    for file in files[: files.index(last) + 1]:
        found |= {row.content: row for row in judge(file, keyed=False)[0]}
    return list(found.values())


@settings(LAWS, max_examples=4)
@given(sequences(("people", "payments", "visits"), ("people_fix",)), st.randoms(use_true_random=False))
def test_looking_again_changes_nothing_and_the_order_of_arrival_does_not_matter(files: list[File], chance: random.Random) -> None:
    with district() as by_day, district() as at_once:
        for file in files:
            process(by_day, file)
        expected = tables(by_day)
        versions = _versions(by_day)
        received, outcomes = run_folder(by_day, by_day.settings.inbox, Engine(validator=validate))
        assert (received.known, received.new, outcomes) == (len(files), [], [])
        assert _versions(by_day) == versions, "not one commit"
        shuffled = list(files)
        chance.shuffle(shuffled)
        for file in shuffled:
            file.write(at_once.settings.inbox)
            receive(at_once)
        run_pending(at_once, Engine(validator=validate))
        assert tables(at_once) == expected
        told = [{name: (row.id, row.state, row.counts) for name, row in deliveries(opened).items()} for opened in (by_day, at_once)]
        assert told[0] == told[1]


def _versions(opened: District) -> dict[str, int]:
    found: dict[str, int] = {}
    for resource in opened.catalog.resources:
        for layer in LAYERS:
            path = str(address(opened.lake, layer, resource))
            if DeltaTable.is_deltatable(path):
                found[f"{layer}/{resource}"] = DeltaTable(path).version()
    return found


def test_the_plain_validator_and_great_expectations_agree(tmp_path: Path) -> None:
    """What the laws are tested with is what the night is judged by."""
    from expectations.validate import validate as judged_by_gx

    chance = random.Random(20260302)
    rows = [
        tuple(chance.choice(cells) for cells in (["A1", "A2", "无", None, "A7"], ["甲", LONG, None], ["1", "101", "x", None], [None, "改"]))
        for _ in range(60)
    ]
    with (opened := open_small(tmp_path)).store:
        for resource in (PEOPLE, VISITS):
            entry = opened.resource(resource)
            path = deliver(opened.settings.inbox, f"{entry.name}.csv", rows)
            frame = cleanse(
                read_file(path, path.name, entry, Limits()).frame, entry, opened.catalog, datetime(2026, 3, 6, tzinfo=SHANGHAI).date()
            ).frame
            verdicts = [
                judge_it(resource, frame, rules_of(entry, opened.catalog), opened.reference_values) for judge_it in (validate, judged_by_gx)
            ]
            assert [(r.rule.id, r.outcome, r.evaluated, r.failed) for r in verdicts[0].results] == [
                (r.rule.id, r.outcome, r.evaluated, r.failed) for r in verdicts[1].results
            ]
            places = [defaultdict(set), defaultdict(set)]
            for place, verdict in zip(places, verdicts, strict=True):
                for index, rule in verdict.failures.iter_rows():
                    place[rule].add(index)
            assert places[0] == places[1]
