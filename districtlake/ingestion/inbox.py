"""The inbox: which delivered files wait, whose they are, and in which order they are to be taken.

Any layout will do so long as one folder on the way names the agency: ``<agency>/file``, ``2024-03-01/<agency>/<sub>/file``.
Nothing here reads a modification time: order comes from names, so that a copied inbox is processed like the original.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from districtlake.catalog.globs import matches
from districtlake.catalog.models import Catalog, Mode, Resource
from districtlake.errors import IngestionError
from districtlake.ingestion.manifest import side_file_of
from districtlake.ingestion.names import NaturalKey, date_by, date_in, is_junk, natural_key, normal
from districtlake.ingestion.packed import member_name, members
from districtlake.ingestion.workbook_guard import is_workbook

OrderKey = tuple[date, int, NaturalKey]


@dataclass(frozen=True, order=True)
class Candidate:
    """A file that belongs to a resource. Candidates sort in the order in which they are to be processed.

    Attributes:
        order_key: (data date or the earliest, 0 or 1 for a correction, natural order of the path).
        path: a regular file (links that stay inside the inbox are resolved).
        relative: below the inbox, with ``/``; what messages and receipts call it.
        member: the file inside a zip or gzip by which it was recognised; "" when unpacked.
    """

    order_key: OrderKey
    path: Path = field(compare=False)
    relative: str = field(compare=False)
    agency: str = field(compare=False)
    resource: str = field(compare=False)
    mode: Mode | Literal["correction"] = field(compare=False)
    data_date: date | None = field(compare=False, default=None)
    member: str = field(compare=False, default="")


@dataclass(frozen=True)
class Notice:
    """A file nobody takes, and what to do about it. Codes: ``inbox.unknown_agency`` ``inbox.unmatched`` ``inbox.ambiguous``
    ``inbox.outside`` ``inbox.not_a_file`` ``inbox.unreadable`` ``inbox.packed``; of manifests ``inbox.manifest`` (not understood)
    ``inbox.manifest_missing`` (a file that it names has not come) ``inbox.manifest_awaited`` (a file whose manifest has not come)
    ``inbox.manifest_differs`` (it came after the file was processed, and differs)."""

    code: str
    message: str
    hint: str
    relative: str


@dataclass(frozen=True)
class Scan:
    """What lies in the inbox; candidates in processing order."""

    candidates: tuple[Candidate, ...]
    notices: tuple[Notice, ...]
    manifests: tuple[tuple[Path, str], ...] = ()  # the file, and its path below the inbox


class _Noticed(Exception):
    def __init__(self, code: str, message: str, hint: str):
        self.code, self.message, self.hint = code, message, hint


def scan(inbox: Path, catalog: Catalog) -> Scan:
    """Look through a folder of deliveries. Reads names only (and the list of members of a zip); an inbox that does not exist is empty."""
    by_agency: dict[str, list[Resource]] = {}
    for resource in catalog.resources.values():
        by_agency.setdefault(resource.agency, []).append(resource)
    agencies = {normal(agency): agency for agency in catalog.agencies}
    candidates: list[Candidate] = []
    notices: list[Notice] = []
    manifests: list[tuple[Path, str]] = []
    for path, relative, problem in _walk(inbox):
        try:
            if problem is not None:
                raise _Noticed(*problem)
            if _is_manifest(relative, agencies, by_agency):
                manifests.append((_checked(path, inbox, relative), relative))
                continue
            candidates.append(_candidate(_checked(path, inbox, relative), relative, agencies, by_agency))
        except _Noticed as found:
            notices.append(Notice(found.code, found.message, found.hint, relative))
    return Scan(tuple(sorted(candidates)), tuple(notices), tuple(manifests))


def _walk(inbox: Path) -> Iterator[tuple[Path, str, tuple[str, str, str] | None]]:
    errors: list[OSError] = []
    for folder, folders, files in os.walk(inbox, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not is_junk(name) and name != "__MACOSX")
        for name in sorted(folders):
            path = Path(folder, name)
            if path.is_symlink():  # os.walk does not enter it
                relative = path.relative_to(inbox).as_posix()
                yield (
                    path,
                    relative,
                    ("inbox.outside", f"{relative} is a link to a folder and is not followed.", "Deliver into the folder itself."),
                )
        for name in sorted(files):
            path = Path(folder, name)
            relative = path.relative_to(inbox).as_posix()
            if not is_junk(name):
                yield path, relative, None
    for error in errors:
        path = Path(error.filename)
        if path == inbox and isinstance(error, FileNotFoundError):
            continue
        relative = path.relative_to(inbox).as_posix()
        yield (
            path,
            relative,
            ("inbox.unreadable", f"The folder {relative} cannot be read.", "Give the service's account permission to read it."),
        )


def _checked(path: Path, inbox: Path, relative: str) -> Path:
    """The file itself: links are followed as far as the inbox goes, anything but a file is refused."""
    try:
        if path.is_symlink():
            target = path.resolve(strict=True)
            if not target.is_relative_to(inbox.resolve()):
                raise _Noticed(
                    "inbox.outside", f"{relative} is a link that leaves the inbox; it is not followed.", "Deliver the file itself."
                )
            path = target
        if not stat.S_ISREG(path.stat().st_mode):
            raise _Noticed("inbox.not_a_file", f"{relative} is a pipe or device, not a file.", "Deliver a file.")
    except (OSError, RuntimeError) as error:
        raise _Noticed(
            "inbox.unreadable", f"{relative} cannot be looked at.", "Repair the link, or give the service's account permission."
        ) from error
    return path


def _is_manifest(relative: str, agencies: dict[str, str], by_agency: dict[str, list[Resource]]) -> bool:
    """A list that a resource declares, or a side file, below an agency's folder."""
    *folders, name = relative.split("/")
    at = next((at for at in range(len(folders) - 1, -1, -1) if normal(folders[at]) in agencies), None)
    if at is None:
        return False
    below = "/".join([*folders[at + 1 :], name])
    resources = by_agency.get(agencies[normal(folders[at])], [])
    declared = any(matches(glob, below) for resource in resources for glob in resource.source.manifest.files)
    return declared or side_file_of(name) is not None


def _candidate(path: Path, relative: str, agencies: dict[str, str], by_agency: dict[str, list[Resource]]) -> Candidate:
    *folders, name = relative.split("/")
    at = next((at for at in range(len(folders) - 1, -1, -1) if normal(folders[at]) in agencies), None)
    if at is None:
        raise _Noticed(
            "inbox.unknown_agency",
            f"{relative}: no folder on its way is named like an agency.",
            f"Put it into a folder named after one of: {', '.join(sorted(agencies.values()))}.",
        )
    agency = agencies[normal(folders[at])]
    resources = by_agency.get(agency, [])
    below = "/".join([*folders[at + 1 :], name])
    resource, correction, member = _owner(path, relative, below, agency, resources)
    mode: Mode | Literal["correction"] = "correction" if correction else resource.source.mode
    day = _data_date(resource, folders, [text for text in (member, name) if text])
    return Candidate((day or date.min, int(correction), natural_key(relative)), path, relative, agency, resource.id, mode, day, member)


def _owner(path: Path, relative: str, below: str, agency: str, resources: list[Resource]) -> tuple[Resource, bool, str]:
    """The one resource a file belongs to, whether as a correction, and by which packed member."""
    found = _fitting(below, resources)
    member = ""
    if not found:
        for inner in _inner(path, relative, below):
            inside = _fitting(inner, resources)
            if inside and found:
                raise _Noticed(
                    "inbox.packed",
                    f"{relative} holds more than one file of {agency}'s resources.",
                    "Deliver them unpacked, or one to a zip.",
                )
            if inside:
                found, member = inside, inner
    if not found:
        globs = [f"{resource.name}: {', '.join((*resource.source.files, *resource.source.corrections))}" for resource in resources]
        raise _Noticed(
            "inbox.unmatched",
            f"{relative} matches no resource of {agency}.",
            f"Name it as the catalogue expects ({'; '.join(globs)})." if globs else f"The catalogue has no resource of {agency}.",
        )
    if len(found) > 1:
        names = " and ".join(resource.id for resource, _ in found)
        raise _Noticed("inbox.ambiguous", f"{relative} matches {names}.", "Make their source.files exclude each other, or rename the file.")
    return (*found[0], member)


def _fitting(path: str, resources: list[Resource]) -> list[tuple[Resource, bool]]:
    fitting = []
    for resource in resources:
        if any(matches(glob, path) for glob in resource.source.corrections):
            fitting.append((resource, True))
        elif any(matches(glob, path) for glob in resource.source.files):
            fitting.append((resource, False))
    return fitting


def _inner(path: Path, relative: str, below: str) -> list[str]:
    folder, _, name = below.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    if normal(name).endswith(".gz"):
        return [prefix + name[:-3]]
    if not normal(name).endswith(".zip"):
        return []
    try:
        infos = members(path, relative)
    except (IngestionError, OSError) as error:
        hint = error.hint if isinstance(error, IngestionError) else "Give the service's account permission to read it."
        raise _Noticed("inbox.packed", f"{relative} cannot be unpacked.", hint) from error
    if is_workbook(infos):
        return []
    return [prefix + text for info in infos if not is_junk(text := member_name(info).replace("\\", "/"))]


def _data_date(resource: Resource, folders: list[str], names: list[str]) -> date | None:
    """The day the data stand for: by ``source.period``, else a date in the name, else in the nearest folder."""
    if resource.source.period:
        for name in names:
            if (day := date_by(resource.source.period, name.rpartition("/")[2])) is not None:
                return day
    for text in (*(name.rpartition("/")[2] for name in names), *reversed(folders)):
        if (day := date_in(text)) is not None:
            return day
    return None
