"""A file of codes and names, whatever its format, as pairs: for importing a code list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from districtlake.catalog.code_list_versions import read_list
from districtlake.errors import OperationRefused
from districtlake.ingestion.header import normal
from districtlake.ingestion.limits import Limits
from districtlake.inspection.found import Wanted
from districtlake.inspection.read import opened

_CODES = ("代码", "编码", "code", "代码值", "值", "序号代码")
_NAMES = ("名称", "name", "代码名称", "含义", "label", "说明")


def codes_of(
    path: Path, list_id: str, limits: Limits, sheet: str | None = None, fault: Callable[[str], str] = lambda code: ""
) -> dict[str, str]:
    """Code -> name, in the file's order: a catalogue's YAML, or a table with a column of codes (代码, code) and one of names (名称, name).

    ``fault`` says why a text is no code of the list, "" when it is one.

    Raises:
        OperationRefused: no such columns, a code without a name, or a code with two names; names the row.
        IngestionError: the file cannot be read.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        return dict(read_list(path, list_id).codes)
    with opened(path, path.name, Wanted(sheet=sheet), limits) as file:
        for table in file.tables:
            titles = [normal(text) for text in table.header]
            code = next((titles.index(one) for one in _CODES if one in titles), None)
            name = next((titles.index(one) for one in _NAMES if one in titles), None)
            if code is None or name is None or table.hidden:
                continue
            found: dict[str, str] = {}
            for row in table.frame().iter_rows(named=True):
                key, label = (str(row[f"c{at}"] or "").strip() for at in (code, name))
                if not key and not label:
                    continue
                if not key or not label:
                    raise OperationRefused(
                        f"{path.name}, row {row['_row']}: a code and its name must both be there.", hint="Complete the row."
                    )
                if wrong := fault(key):
                    raise OperationRefused(f"{path.name}, row {row['_row']}: {key}: {wrong}.", hint="Correct or delete the row.")
                if found.setdefault(key, label) != label:
                    raise OperationRefused(f"{path.name}, row {row['_row']}: code {key} has two names.", hint="Keep one of the rows.")
            return found
    raise OperationRefused(f"{path.name} has no columns of codes and names.", hint="Head them 代码 and 名称 (or code and name).")
