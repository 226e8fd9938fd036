"""The catalogue folders as a ``Catalog``. One folder holds ``agencies.yaml``, ``standards/elements.yaml``,
``standards/codes/<list>.yaml``, ``resources/<agency>/<resource>.yaml``, ``marts/libraries.yaml``, ``marts/<library>/<mart>.yaml``
with its SQL beside it, ``authority.yaml`` and ``comparisons/<comparison>.yaml``; no file lists the others.

A file's name is its entry's name, a resource's folder is its agency. Several folders add up; nothing may be defined twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from districtlake.catalog.comparison_links import Fault, faults_of_comparison, faults_of_fact
from districtlake.catalog.model_faults import close_to, faults_of
from districtlake.catalog.models import Agency, Catalog, CodeList, Comparison, Element, Fact, Library, Mart, Resource
from districtlake.catalog.yaml_file import CatalogFault, file_name, line_of, read_mapping
from districtlake.errors import CatalogError

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Loaded:
    """A catalogue as far as it could be used, its faults, and where each entry stands.

    Attributes:
        files: ("agency" | "element" | "code list" | "resource" | "library" | "mart" | "comparison" | "fact", id) -> file, as messages name it.
    """

    catalog: Catalog
    faults: tuple[CatalogFault, ...]
    files: dict[tuple[str, str], str]


def load_catalog(dirs: Sequence[Path]) -> Catalog:
    """Everything in ``dirs``. Raises ``CatalogError`` at the first fault, saying how many more there are."""
    loaded = read_catalog(dirs)
    if not loaded.faults:
        return loaded.catalog
    first, more = loaded.faults[0], len(loaded.faults) - 1
    if more:
        first.hint = f"{first.hint} ({more} more: districtlake catalog check)"
    raise first


def load_catalog_tolerant(dirs: Sequence[Path]) -> tuple[Catalog, list[CatalogError]]:
    """What can be used, and every fault. A faulty resource is left out, the others stay; a faulty element takes those with it that use it.

    A reference to something unknown is a fault too, but the referring resource stays: the rule is then "not evaluated".
    """
    loaded = read_catalog(dirs)
    return loaded.catalog, list(loaded.faults)


def read_catalog(dirs: Sequence[Path]) -> Loaded:
    """As ``load_catalog_tolerant``, with the file of every entry."""
    reader = _Reader()
    for folder in dirs:
        reader.read_folder(Path(folder))
    if not dirs:
        reader.faults.append(CatalogFault("catalogue", "", "no catalogue folder was given", "Set DISTRICTLAKE_CATALOG."))
    catalog = reader.linked()
    return Loaded(catalog, tuple(reader.faults), {entry: file_name(path) for entry, path in reader.paths.items()})


class _Reader:
    def __init__(self) -> None:
        self.faults: list[CatalogFault] = []
        self.agencies: dict[str, Agency] = {}
        self.elements: dict[str, Element] = {}
        self.code_lists: dict[str, CodeList] = {}
        self.resources: dict[str, Resource] = {}
        self.libraries: dict[str, Library] = {}
        self.marts: dict[str, Mart] = {}
        self.comparisons: dict[str, Comparison] = {}
        self.facts: dict[str, Fact] = {}
        self.paths: dict[tuple[str, str], Path] = {}  # (kind of entry, id) -> its file
        self.broken: set[str] = set()  # ids of resources whose file is faulty

    # reading -------------------------------------------------------------------------------------------------------
    def read_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            remedy = "Check DISTRICTLAKE_CATALOG: it names folders, separated by a colon."
            self.faults.append(CatalogFault(file_name(folder), "", "there is no such catalogue folder", remedy))
            return
        self._entries(folder / "agencies.yaml", Agency, "agency", self.agencies)
        self._entries(folder / "standards" / "elements.yaml", Element, "element", self.elements)
        for path in self._yaml_files(folder / "standards" / "codes"):
            self._one(path, CodeList, "code list", self.code_lists, {"id": path.stem}, path.stem)
            self._earlier_versions(path)
        resources = folder / "resources"
        for stray in sorted(resources.glob("*.y*ml")):
            remedy = "Move it to resources/<agency>/<resource>.yaml."
            self.faults.append(CatalogFault(file_name(stray), "", "a resource must lie in the folder of its agency", remedy))
        for agency in sorted(path for path in resources.glob("*") if path.is_dir()):
            for path in self._yaml_files(agency):
                injected = {"agency": agency.name, "name": path.stem}
                self._one(path, Resource, "resource", self.resources, injected, f"{agency.name}.{path.stem}", file=file_name(path))
        self._read_marts(folder / "marts")
        self._entries(folder / "authority.yaml", Fact, "fact", self.facts)
        for path in self._yaml_files(folder / "comparisons"):
            self._one(path, Comparison, "comparison", self.comparisons, {"id": path.stem}, path.stem, file=file_name(path))

    def _earlier_versions(self, path: Path) -> None:
        """The versions that imports replaced, beside the list they belong to; without one that cannot be read the list says less of the past."""
        kept: dict[str, CodeList] = {}
        for old in sorted((path.parent / "earlier" / path.stem).glob("*.yaml"), key=lambda one: (len(one.stem), one.stem)):
            self._one(old, CodeList, "earlier version", kept, {"id": path.stem}, f"{path.stem}/{old.stem}")
        if kept and path.stem in self.code_lists:
            self.code_lists[path.stem] = self.code_lists[path.stem].model_copy(update={"earlier": tuple(kept.values())})

    def _read_marts(self, folder: Path) -> None:
        self._entries(folder / "libraries.yaml", Library, "library", self.libraries)
        for library in sorted(path for path in folder.glob("*") if path.is_dir()):
            for path in self._yaml_files(library):
                sql = path.with_suffix(".sql")
                if not sql.is_file():
                    fault = CatalogFault(file_name(path), "", "the mart has no SQL", f"Write its SELECT into {sql.name} beside it.")
                    self.faults.append(fault)
                    continue
                given = {"sql": sql.read_text(encoding="utf-8-sig"), "sql_file": file_name(sql), "file": file_name(path)}
                injected = {"library": library.name, "name": path.stem}
                self._one(path, Mart, "mart", self.marts, injected, f"{library.name}.{path.stem}", **given)
            for sql in sorted(library.glob("*.sql")):
                if not sql.with_suffix(".yaml").is_file():
                    remedy = f"Describe it in {sql.stem}.yaml beside it, or delete it."
                    self.faults.append(CatalogFault(file_name(sql), "", "the SQL has no mart", remedy))

    def _yaml_files(self, folder: Path) -> Iterator[Path]:
        for path in sorted(folder.glob("*")):
            if path.suffix == ".yaml":
                yield path
            elif path.suffix == ".yml":
                fault = CatalogFault(file_name(path), "", "the suffix .yml is not read", f"Rename it to {path.stem}.yaml.")
                self.faults.append(fault)

    def _entries(self, path: Path, model: type[Model], what: str, into: dict[str, Model]) -> None:
        """A file that maps ids to entries."""
        if not path.is_file():
            return
        try:
            data = read_mapping(path)
        except CatalogFault as fault:
            self.faults.append(fault)
            return
        for key, entry in data.items():
            if isinstance(entry, dict):
                self._add(path, model, what, into, {**entry, "id": entry.get("id", key)}, key, {"id": key}, prefix=(key,))
            else:
                remedy = f"Write the {what}'s fields indented below it."
                self.faults.append(CatalogFault(file_name(path), f"{key} ({line_of(path, (key,))})", f"the {what} has no fields", remedy))

    def _one(
        self, path: Path, model: type[Model], what: str, into: dict[str, Model], injected: dict[str, str], key: str, **extra: str
    ) -> None:
        """A file that is one entry."""
        try:
            data = read_mapping(path)
        except CatalogFault as fault:
            self.faults.append(fault)
            self.broken.add(key)
            return
        self._add(path, model, what, into, {**injected, **data, **extra}, key, injected)

    def _add(
        self,
        path: Path,
        model: type[Model],
        what: str,
        into: dict[str, Model],
        data: dict[str, Any],
        key: str,
        named: dict[str, str],
        prefix: tuple[str, ...] = (),
    ) -> None:
        for field, expected in named.items():
            if data[field] != expected:
                problem = f"{field} says '{data[field]}', but the {'entry' if prefix else 'file'} is named '{expected}'"
                place = ".".join((*prefix, field))
                fault = CatalogFault(file_name(path), place, problem, f"Delete the line '{field}:', the name is taken from the path.")
                self.faults.append(fault)
                self.broken.add(key)
                return
        if (what, key) in self.paths:
            problem = f"the {what} '{key}' is already defined in {file_name(self.paths[what, key])}"
            self.faults.append(
                CatalogFault(file_name(path), ".".join(prefix), problem, "Keep one definition, or give this one another id.")
            )
            return
        self.paths[what, key] = path
        try:
            into[key] = model.model_validate(data)
        except ValidationError as error:
            self.faults.extend(faults_of(error, model, data, path, prefix))
            self.broken.add(key)

    # linking -------------------------------------------------------------------------------------------------------
    def linked(self) -> Catalog:
        """The catalogue without entries that name something unknown."""
        for element in list(self.elements.values()):
            if element.codes is not None and element.codes not in self.code_lists:
                path = self.paths["element", element.id]
                hint = f"{close_to(element.codes, self.code_lists)}Code lists are files of standards/codes/.".strip()
                self._fault(path, (element.id, "codes"), f"there is no code list '{element.codes}'", hint)
                del self.elements[element.id]
        for resource in list(self.resources.values()):
            if not self._usable(resource):
                del self.resources[resource.id]
                self.broken.add(resource.id)
        for resource in self.resources.values():
            self._references(resource)
        for mart in list(self.marts.values()):
            if not self._mart_usable(mart):
                del self.marts[mart.id]
        catalog = Catalog(
            agencies=self.agencies, elements=self.elements, code_lists=self.code_lists, resources=self.resources,
            libraries=self.libraries, marts=self.marts,
        )  # fmt: skip
        return catalog.model_copy(
            update={
                "comparisons": self._linked(self.comparisons, "comparison", faults_of_comparison, catalog),
                "facts": self._linked(self.facts, "fact", faults_of_fact, catalog),
            }
        )

    def _linked(
        self, entries: dict[str, Model], what: str, faults: Callable[[Model, Catalog], Iterator[Fault]], catalog: Catalog
    ) -> dict[str, Model]:
        """The entries that name nothing unknown; a fault that another fault explains (a broken resource) is not told twice."""
        usable = {}
        for id_, entry in entries.items():
            found = list(faults(entry, catalog))
            for loc, problem, hint in found:
                if not any(f"'{broken}'" in problem for broken in self.broken):
                    path = self.paths[what, id_]
                    place = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in loc).removeprefix(".")
                    self.faults.append(CatalogFault(file_name(path), f"{place} ({line_of(path, loc)})", problem, hint))
            if not found:
                usable[id_] = entry
        return usable

    def _mart_usable(self, mart: Mart) -> bool:
        path = self.paths["mart", mart.id]
        before = len(self.faults)
        if mart.library in self.agencies:
            self._fault(path, (), f"the library '{mart.library}' is named like an agency", "Both are schemas in SQL: rename the library.")
        if mart.library not in self.libraries:
            hint = f"{close_to(mart.library, self.libraries)}Rename the folder, or add the library to marts/libraries.yaml."
            self._fault(path, (), f"the folder names the library '{mart.library}', which does not exist", hint)
        for index, column in enumerate(mart.columns):
            if column.element is not None and column.element not in self.elements:
                hint = f"{close_to(column.element, self.elements)}Data elements are in standards/elements.yaml; or write 'type'."
                problem = f"column {column.name} names the unknown data element '{column.element}'"
                self._fault(path, ("columns", index, "element"), problem, hint)
        return len(self.faults) == before

    def _usable(self, resource: Resource) -> bool:
        path = self.paths["resource", resource.id]
        before = len(self.faults)
        if resource.agency not in self.agencies:
            hint = f"{close_to(resource.agency, self.agencies)}Rename the folder, or add the agency to agencies.yaml."
            self._fault(path, (), f"the folder names the agency '{resource.agency}', which does not exist", hint)
        for index, item in enumerate(resource.items):
            if item.element not in self.elements:
                hint = f"{close_to(item.element, self.elements)}Data elements are in standards/elements.yaml."
                self._fault(path, ("items", index, "element"), f"item {item.name} names the unknown data element '{item.element}'", hint)
        return len(self.faults) == before

    def _references(self, resource: Resource) -> None:
        path = self.paths["resource", resource.id]
        for index, item in enumerate(resource.items):
            target = item.references
            if target is None or target.resource in self.broken:  # a broken file has its own fault already
                continue
            if target.resource not in self.resources:
                hint = f"{close_to(target.resource, self.resources)}Write agency.resource."
                problem = f"item {item.name} refers to the unknown resource '{target.resource}'"
                self._fault(path, ("items", index, "references"), problem, hint)
            elif target.item not in self.resources[target.resource].item_names:
                names = self.resources[target.resource].item_names
                hint = f"{close_to(target.item, names)}Its items are {', '.join(names)}."
                problem = f"item {item.name} refers to {target.resource}, which has no item '{target.item}'"
                self._fault(path, ("items", index, "references"), problem, hint)

    def _fault(self, path: Path, loc: tuple[int | str, ...], problem: str, hint: str) -> None:
        self.faults.append(CatalogFault(file_name(path), line_of(path, loc) if loc else "", problem, hint))
