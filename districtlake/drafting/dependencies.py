"""What columns say of each other: the key, the order of days, what the citizen number tells, which column decides another, references."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise, permutations
from typing import Any

import polars as pl

from districtlake.catalog.models import Catalog
from districtlake.drafting.columns import DraftItem
from districtlake.drafting.gather import Gathered
from districtlake.drafting.shapes import of_total

_LACKING = 0.08
_REPEATED = {"row": 0.1, "object": 0.04, "other": 0.02}
"""So many rows may repeat an earlier one by mistake: of a number that is the row's own (a licence), of one that is an object's and may well come
again (a person's, a company's), of anything else."""
_HOLDS = 0.97
_FEWEST = 10
_MOST_ORDERS = 6
_CODED = ("code", "identifier", "division_code", "uscc", "org_code", "org_name", "text", "postcode")
_OBJECTS = ("citizen_id", "uscc", "org_code")
_TELLING = ("citizen_id", "uscc", "org_code", "division_code")

Values = Callable[[str, str], "pl.Series | None"]
"""(resource, item) -> its values in the warehouse; None: never delivered."""


@dataclass(frozen=True)
class DraftKey:
    """Columns that identify a row (items' places), rows that repeat an earlier one or lack a part, of how many."""

    places: tuple[int, ...]
    broken: int
    rows: int

    @property
    def evidence(self) -> str:
        return of_total(self.rows - self.broken, self.rows)


@dataclass
class Found:
    """``checks``: YAML fields and evidence; ``notes``: what is seen but cannot be declared as a rule."""

    key: DraftKey | None = None
    others: list[DraftKey] = field(default_factory=list)
    mode: str = "append"
    mode_evidence: str = ""
    checks: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find(items: Sequence[DraftItem], gathered: Gathered, catalog: Catalog, values: Values) -> Found:
    """Everything that several columns say together."""
    found = Found()
    frame = pl.DataFrame({"_sample": gathered.frame()["_sample"]}).with_columns(
        item.cleaned.text.alias(f"t{at}") for at, item in enumerate(items) if item.cleaned is not None
    )
    keys = list(_keys(items, frame))
    if keys:
        telling = [key for key in keys[1:] if all(items[at].rank == 0 for at in key.places)]
        found.key, found.others = keys[0], telling[:3]
    _mode(found, frame, gathered)
    found.checks = [*_by_citizen_id(items), *_orders(items)]
    found.notes = [*_decided(items, frame, found.key)]
    _references(items, found, catalog, values)
    return found


# the key -------------------------------------------------------------------------------------------------------------
def _keys(items: Sequence[DraftItem], frame: pl.DataFrame) -> Iterator[DraftKey]:
    """Candidates, best first: identifiers before codes and days before names, fewer columns before more, fewer broken rows, further left."""
    content = [f"t{at}" for at, item in enumerate(items) if not item.volatile]
    rows = frame.select("_sample", *content).unique(maintain_order=True)  # the same row twice is one row
    if rows.height < 2:
        return
    able = [at for at, item in enumerate(items) if item.rank < 9 and not item.volatile and item.distinct > 1]
    able = [at for at in able if items[at].values >= (1 - _LACKING) * frame.height - 2]
    alone = [at for at in able if items[at].kind != "date" or _in_order(items[at], frame)]
    singles = [key for _, key in sorted(_measured(rows, items, [(at,) for at in alone]), key=lambda pair: pair[0])]
    good = [key for key in singles if items[key.places[0]].rank == 0]
    if good:
        yield from [*good, *(key for key in singles if key not in good)]
        return
    some = sorted((at for at in able if items[at].rank <= 2), key=lambda at: (items[at].rank, at))[:10]
    for size in (2, 3):
        several = sorted(_measured(rows, items, list(combinations(sorted(some), size))), key=lambda pair: pair[0])
        if several and (not singles or several[0][0][0] <= 1):  # two identifiers together say more than a name that happens to be unique
            yield from (key for _, key in several)
            break
    yield from singles


def _in_order(item: DraftItem, frame: pl.DataFrame) -> bool:
    """Whether days follow one another in each file, as in a series of one row a day; others differ by chance."""
    assert item.cleaned is not None
    days = pl.DataFrame({"day": item.cleaned.text, "sample": frame["_sample"]}).drop_nulls()
    return all(part["day"].is_sorted() or part["day"].is_sorted(descending=True) for part in days.partition_by("sample"))


def _measured(
    rows: pl.DataFrame, items: Sequence[DraftItem], candidates: Sequence[tuple[int, ...]]
) -> Iterator[tuple[tuple[float, ...], DraftKey]]:
    for places in candidates:
        columns = [f"t{at}" for at in places]
        whole = rows.select("_sample", *columns).drop_nulls(columns)
        lacking, repeated = rows.height - whole.height, whole.height - whole.n_unique()
        sort = "row" if places and all(items[at].kind == "identifier" for at in places) and len(places) == 1 else "other"
        if any(items[at].kind in _OBJECTS for at in places):
            sort = "object"
        slips = 2 if len(places) == 1 and items[places[0]].rank == 0 and rows.height >= 20 else 0
        if lacking <= max(slips, _LACKING * rows.height) and repeated <= max(slips, _REPEATED[sort] * rows.height):
            rank = sum(items[at].rank for at in places)
            yield (rank, round(100 * repeated / rows.height), *places), DraftKey(places, lacking + repeated, rows.height)


def _mode(found: Found, frame: pl.DataFrame, gathered: Gathered) -> None:
    if found.key is None:
        found.mode_evidence = "没有可识别的主键：只能逐次追加，以整行指纹为标识"
        return
    columns = [f"t{at}" for at in found.key.places]
    sets = [part.select(columns).drop_nulls().unique() for part in frame.partition_by("_sample", maintain_order=True)]
    if len(sets) < 2:
        found.mode, found.mode_evidence = "snapshot", "仅一份文件，无从比较：暂按全量，待确认"
        return
    pairs = [(a.join(b, on=columns, how="semi").height, a.height) for a, b in pairwise(sets) if a.height]
    kept, before = sum(pair[0] for pair in pairs), max(1, sum(pair[1] for pair in pairs))
    found.mode = "snapshot" if kept >= 0.5 * before else "incremental"
    found.mode_evidence = (
        f"{len(sets)} 份文件，前一份的主键在后一份中再次出现 {kept:,}/{before:,}：{'全量' if found.mode == 'snapshot' else '增量'}"
    )


# rules ---------------------------------------------------------------------------------------------------------------
def _by_citizen_id(items: Sequence[DraftItem]) -> Iterator[tuple[dict[str, Any], str]]:
    for number in (item for item in items if item.kind == "citizen_id" and item.cleaned is not None):
        digits = number.cleaned.text  # type: ignore[union-attr]
        whole = digits.str.contains("^[0-9]{17}[0-9X]$")
        for item in items:
            if item.cleaned is None or item is number:
                continue
            if item.kind == "date":
                agree = item.cleaned.value.dt.strftime("%Y%m%d") == digits.str.slice(6, 8)
                what, aspect, title = "birth_date", "matches_id", f"{item.title}应与{number.title}第7至14位一致"
            elif item.kind == "code" and re.search("性别|sex", f"{item.title}{item.element}"):
                male = digits.str.slice(16, 1).cast(pl.Int8, strict=False) % 2 == 1
                agree = (item.cleaned.text == "1") == male
                agree = agree.set(~item.cleaned.text.is_in(["1", "2"]).fill_null(False), None)
                what, aspect, title = "sex", "matches_id", f"{item.title}应与{number.title}第17位（奇数为男、偶数为女）一致"
            else:
                continue
            judged = agree.filter(whole.fill_null(False)).drop_nulls()
            if len(judged) >= _FEWEST and (judged.mean() or 0) >= 0.85:  # type: ignore[operator]
                check = {
                    "id": f"{item.name}.{aspect}", "title": title, "expect": f"expect_column_pair_{what}_to_match_citizen_id",
                    "column_A": item.name, "column_B": number.name, "dimension": "consistency",
                }  # fmt: skip
                yield check, of_total(int(judged.sum()), len(judged))


def _orders(items: Sequence[DraftItem]) -> Iterator[tuple[dict[str, Any], str]]:
    days = [item for item in items if item.kind == "date" and item.cleaned is not None and item.values >= _FEWEST]
    given = 0
    for early, late in permutations(days, 2):
        first, second = early.cleaned.value, late.cleaned.value  # type: ignore[union-attr]
        both = (second >= first).drop_nulls()
        differ = int((second > first).drop_nulls().sum())
        if len(both) >= _FEWEST and (both.mean() or 0) >= _HOLDS and differ * 2 > len(both) and given < _MOST_ORDERS:  # type: ignore[operator]
            given += 1
            check = {
                "id": f"{late.name}.not_before_{early.name}", "title": f"{late.title}不应早于{early.title}",
                "expect": "expect_column_pair_values_a_to_be_greater_than_b", "column_A": late.name, "column_B": early.name, "or_equal": True,
                "ignore_row_if": "either_value_is_missing", "dimension": "consistency",
            }  # fmt: skip
            yield check, of_total(int(both.sum()), len(both))


def _decided(items: Sequence[DraftItem], frame: pl.DataFrame, key: DraftKey | None) -> Iterator[str]:
    """Columns that another decides: a code and its name, a unit and its address."""
    if not frame.height:
        return
    last = frame.filter(pl.col("_sample") == frame["_sample"].max()).unique()  # the same rows in every snapshot are no more evidence
    able = [at for at, item in enumerate(items) if not item.volatile and item.kind in _CODED and (key is None or key.places != (at,))][:25]
    others = [
        at
        for at, item in enumerate(items)
        if not item.volatile and item.kind not in ("date", "integer", "decimal", "name", "citizen_id", "phone")
    ]
    told = 0
    for a, b in ((a, b) for a in able for b in others if a != b):
        pair = last.select(f"t{a}", f"t{b}").drop_nulls()
        groups, rows = pair[f"t{a}"].n_unique(), pair.height
        if told >= 12 or rows < _FEWEST or groups < 2 or groups * 3 > rows or pair[f"t{b}"].n_unique() not in range(2, groups + 1):
            continue
        most = pair.group_by(pl.all()).len().group_by(f"t{a}").agg(pl.col("len").max())["len"].sum()
        chance = int(pair[f"t{b}"].value_counts(name="n")["n"].sort()[-1])
        if most >= _HOLDS * rows and chance < 0.9 * rows:
            told += 1
            yield f"“{items[a].title}”决定“{items[b].title}”：{of_total(int(most), rows)}（同一取值应对应同一值，可改为引用或代码表）"


def _references(items: Sequence[DraftItem], found: Found, catalog: Catalog, values: Values) -> None:
    for item in items:
        if item.cleaned is None or item.volatile or item.values < 2:
            continue
        own = item.cleaned.text.drop_nulls().unique()
        best: tuple[float, int, str, str] | None = None
        unseen: list[str] = []
        for resource in catalog.resources.values():
            for name in resource.key if len(resource.key) == 1 else ():
                element = catalog.element_of(resource.item(name))
                if element.kind != item.kind or not (element.id == item.element or item.kind in _TELLING):
                    continue
                there = values(resource.id, name)
                if there is None:
                    unseen.append(f"{resource.id}.{name}")
                    continue
                inside = int(own.is_in(there.cast(pl.String).implode()).sum())
                share = inside / max(1, len(own))
                if share >= 0.8 and (best is None or share > best[0]):
                    best = (share, inside, resource.id, name)
        if best is not None and len(own) >= 5:
            item.references = (best[2], best[3])
            item.evidence.append(f"引用 {best[2]}：不同值{of_total(best[1], len(own))}")
        elif unseen and item.kind in _TELLING:
            found.notes.append(f"“{item.title}”可能引用 {'、'.join(unseen[:3])}：尚未入仓，未核对")
