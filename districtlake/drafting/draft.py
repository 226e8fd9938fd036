"""A draft of a catalogue entry from the files of one resource."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from districtlake.catalog.globs import overlap
from districtlake.catalog.models import Catalog
from districtlake.drafting.columns import Chooser, DraftItem, OwnElement, own_elements
from districtlake.drafting.dependencies import Found, Values, find
from districtlake.drafting.gather import Gathered, gather
from districtlake.drafting.names import item_names, resource_name
from districtlake.errors import NotFound, OperationRefused
from districtlake.ingestion.limits import Limits
from districtlake.wording.sentences import Listed

_CHANGING = re.compile(r"[\s_\-.（(]*(?:(?:19|20)[0-9]{2}(?:[-_.年]?[0-9]{1,2}(?:[-_.月]?[0-9]{1,2})?)?[年月日]?(?:版)?|[0-9]{4,})[)）]?")
"""A date, a year or a long number in a name, with the signs before it."""


@dataclass
class Draft:
    """All that an entry's file says, and what a person should know beside it (``remarks``, Chinese)."""

    agency: str
    name: str
    title: str
    code: str
    storage_format: str
    sharing_term: date
    update_cycle: tuple[str, str]
    source: dict[str, Any]
    items: list[DraftItem]
    found: Found
    gathered: Gathered
    own: list[OwnElement] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.agency}.{self.name}"


def draft(
    paths: Sequence[Path],
    agency: str,
    catalog: Catalog,
    today: date,
    *,
    limits: Limits,
    values: Values = lambda resource, item: None,
    name: str | None = None,
    title: str | None = None,
    sheet: str | None = None,
    progress: Callable[[int, int, str], None] = lambda at, of, name: None,
) -> Draft:
    """Draft the entry.

    Args:
        values: the warehouse's values of an item, for references.
        progress: file by file: number, of how many, name.

    Raises:
        NotFound: there is no such agency. OperationRefused: the name is taken or no identifier, or no file holds a table.
        IngestionError: the only file cannot be read.
    """
    if agency not in catalog.agencies:
        raise NotFound(
            f"There is no agency {agency}.", hint=f"Agencies are: {Listed.of(sorted(catalog.agencies))}; or add it to agencies.yaml."
        )
    if name is not None and not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise OperationRefused(f"'{name}' is no identifier.", hint="Write small letters, digits and underscores, a letter first.")
    if name is not None and f"{agency}.{name}" in catalog.resources:
        raise OperationRefused(
            f"{agency}.{name} is in the catalogue already.", hint="Choose another --name; a draft never changes an entry."
        )
    gathered = gather(paths, limits, sheet, progress)
    chooser = Chooser(catalog, today)
    frame = gathered.frame()
    if len(gathered.samples) > 1:
        elements = {column: chooser.recognised(column, frame[column]) for column in gathered.titles}
        if gathered.renamed(elements):
            frame = gathered.frame()
    items = [chooser.item(column, frame[column], frame["_sample"]) for column in gathered.titles]
    particular = [
        item.element if item.element in catalog.elements and catalog.elements[item.element].object_class else "" for item in items
    ]
    for item, given in zip(items, item_names([item.title for item in items], particular, catalog), strict=True):
        item.name = given
        item.aliases = gathered.spellings.get(item.title, [])[1:]
    for item in items:
        chooser.cleanse(item, frame[item.title])
    found = find(items, gathered, catalog, values)
    for at in found.key.places if found.key is not None else ():
        items[at].required = True
    stem = _stem([sample.path.name for sample in gathered.samples])
    taken = {resource.name for resource in catalog.resources_of(agency)}
    name = name or resource_name(stem, taken)
    drafted = Draft(
        agency=agency, name=name, title=title or stem or name, code=_code(agency, catalog), storage_format=_storage(gathered),
        sharing_term=date(today.year + 1, 12, 31), update_cycle=_cycle(gathered), source={}, items=items, found=found, gathered=gathered,
    )  # fmt: skip
    drafted.source = _source(drafted, catalog)
    drafted.own = own_elements(items, name)
    drafted.remarks += gathered.left_out
    if gathered.sampled:
        drafted.remarks.append(f"行数较多，依据取自均匀抽取的 {gathered.rows:,} 行。")
    return drafted


def _skeleton(name: str) -> str:
    """A file's name with ``*`` for what changes from delivery to delivery: dates, years, running numbers."""
    suffix = _suffix(name)
    return _quoted(_CHANGING.sub("\x00", name.removesuffix(suffix))).replace("\x00", "*") + suffix


def common_beginning(texts: Sequence[str]) -> str:
    """The longest text with which all begin."""
    low, high = min(texts), max(texts)
    return low[: next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))]


def _stem(names: Sequence[str]) -> str:
    """What the names have in common, without suffix, dates and numbers."""
    bare = [_CHANGING.sub(" ", name.removesuffix(_suffix(name))) for name in names]
    return " ".join(common_beginning(bare).split()).strip(" _-.（()）") or " ".join(bare[0].split()) or names[0]


def _globs(names: Sequence[str]) -> list[str]:
    """Patterns for names: their common skeletons, a star before the suffix; names that share none are named themselves."""
    found: list[str] = []
    for name in names:
        suffix, skeleton = _suffix(name), _skeleton(name)
        body = skeleton.removesuffix(suffix)
        if not body.strip("*_- "):
            return list(dict.fromkeys(_quoted(one) for one in names))
        found.append((body.rstrip("*_- ") + "*" if body.endswith("*") or len(names) > 1 else body + "*") + suffix)
    return sorted(set(found))


def _source(drafted: Draft, catalog: Catalog) -> dict[str, Any]:
    names = [sample.path.name for sample in drafted.gathered.samples]
    corrections = [path.name for path in drafted.gathered.corrections]
    globs = _globs(names)
    others = [glob for resource in catalog.resources_of(drafted.agency) for glob in (*resource.source.files, *resource.source.corrections)]
    if any(overlap(mine, theirs) for mine in globs for theirs in others):
        globs = [_quoted(name) for name in names]
        if any(overlap(mine, theirs) for mine in globs for theirs in others):
            drafted.remarks.append("这些文件名已归本单位另一资源：请先调整 source.files，否则 catalog check 会报错。")
    source: dict[str, Any] = {"files": globs[0] if len(globs) == 1 else globs}
    if corrections and drafted.found.key is not None:
        source["corrections"] = _globs(corrections)
    source["mode"] = drafted.found.mode
    if drafted.found.mode == "snapshot":
        source["max_shrink"] = 0.1
    if all(sample.day is None for sample in drafted.gathered.samples) and all(re.search(r"(?<!\d)20\d\d(?!\d)", name) for name in names):
        source["period"] = r"(?P<year>20\d\d)"
    told: dict[str, Any] = {}
    for sample in drafted.gathered.samples:
        told |= sample.source
    return source | told


def _suffix(name: str) -> str:
    match = re.search(r"(\.[A-Za-z][A-Za-z0-9]{0,7}){1,2}$", name)
    return match.group() if match else ""


def _quoted(text: str) -> str:
    return re.sub(r"([\[*?])", r"[\1]", text)


def _code(agency: str, catalog: Catalog) -> str:
    """A free code in the agency's own branch, else in one that is plainly for the time being."""
    branches = [resource.code.partition("/")[0] for resource in catalog.resources_of(agency)]
    branch = branches[-1] if branches else "399999"
    used = {resource.code for resource in catalog.resources.values()}
    number = 900001
    while f"{branch}/{number:06d}" in used:
        number += 1
    return f"{branch}/{number:06d}"


def _storage(gathered: Gathered) -> str:
    formats = {sample.format for sample in gathered.samples}
    return "self_describing" if formats & {"json", "ndjson", "geojson"} else "electronic_file" if formats == {"parquet"} else "spreadsheet"


def _cycle(gathered: Gathered) -> tuple[str, str]:
    """The update cycle the dates in the names show, and the evidence."""
    days = sorted({sample.day for sample in gathered.samples if sample.day is not None})
    if len(days) < 3:
        return "irregular", "文件日期不足三个，待填"
    gaps = sorted((b - a).days for a, b in itertools.pairwise(days))
    middle = gaps[len(gaps) // 2]
    for cycle, most in (("daily", 3), ("weekly", 10), ("monthly", 45), ("quarterly", 120), ("half_yearly", 250), ("yearly", 500)):
        if middle <= most:
            return cycle, f"{len(days)} 个文件日期，间隔中位数 {middle} 天，待确认"
    return "irregular", f"间隔中位数 {middle} 天，待填"
