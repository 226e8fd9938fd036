"""What a single file cannot know: the catalogue's cross-checks, as findings with file, key, problem and remedy.

``load`` has already held each entry against its model; what is checked here would pass the model and fail later, or break the
measures. Errors make the catalogue unfit for use; warnings are for the person who keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from districtlake.catalog.duplicates import duplicates
from districtlake.catalog.globs import overlap
from districtlake.catalog.load import Loaded, read_catalog
from districtlake.catalog.model_faults import close_to
from districtlake.catalog.models import Catalog, Element, Item, Resource
from districtlake.catalog.yaml_file import file_name

if TYPE_CHECKING:
    from districtlake.standards.kinds import Kind

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing to correct.

    Attributes:
        file: relative to the project where it lies inside.
        key: the place in the file; empty for the file as a whole.
        problem: what is wrong, one sentence without full stop.
        remedy: what to write instead.
        level: "error" when the catalogue must not be used like this.
    """

    file: str
    key: str
    problem: str
    remedy: str
    level: Level = "error"


@dataclass(frozen=True)
class Context:
    """A loaded catalogue and where its entries were read from: (what, id) -> file, as ``Loaded.files``."""

    catalog: Catalog
    files: Mapping[tuple[str, str], str]

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        from districtlake.standards.kinds import KINDS

        return dict(KINDS)

    def value_type(self, element: Element) -> Literal["text", "number", "date"] | None:
        """What a cleansed cell of the element is; None when its kind does not exist or refuses its options (other findings say so)."""
        kind = self.kinds.get(element.kind)
        if kind is None or kind.faults_of(element):
            return None
        dtype = kind.dtype(element)
        return "number" if dtype.is_numeric() else "date" if dtype.is_temporal() else "text"


def check_catalog(dirs: Sequence[Path]) -> list[Finding]:
    """Every finding on the catalogue in ``dirs``, errors first, then by file. Empty: nothing to correct."""
    loaded = read_catalog(dirs)
    findings = [Finding(fault.file, fault.key, fault.problem, fault.hint) for fault in loaded.faults]
    findings.extend(cross_check(loaded))
    findings.extend(_empty_agency_folders(dirs, loaded.catalog))
    return in_order(findings)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then by file and place."""
    return sorted(findings, key=lambda finding: (finding.level != "error", finding.file, finding.key, finding.problem))


def cross_check(loaded: Loaded) -> Iterator[Finding]:
    """The findings of every check in ``CROSS_CHECKS`` on a loaded catalogue."""
    context = Context(loaded.catalog, loaded.files)
    for check in CROSS_CHECKS:
        yield from check(context)


# elements, code lists, agencies ------------------------------------------------------------------------------------
_DATA_TYPES = {"text": ("C", "B"), "number": ("N",), "date": ("D", "DT")}


def _elements(context: Context) -> Iterator[Finding]:
    for element in context.catalog.elements.values():
        file, kinds = context.files["element", element.id], context.kinds
        if element.kind not in kinds:
            remedy = f"{close_to(element.kind, kinds)}Write one of {', '.join(kinds)}."
            yield Finding(file, f"{element.id}.kind", f"there is no kind '{element.kind}'", remedy)
            continue
        if element.kind == "code" and element.codes is None:
            yield Finding(file, f"{element.id}.codes", "kind 'code' needs a code list", "Add 'codes: <file of standards/codes>'.")
        if element.kind != "code" and element.codes is not None:
            problem = f"kind '{element.kind}' takes no code list"
            yield Finding(file, f"{element.id}.codes", problem, "Write 'kind: code', or delete 'codes'.")
        for fault in kinds[element.kind].faults_of(element):
            problem, _, remedy = fault.partition("; ")
            place = "cleansing" if fault.startswith("cleansing:") else "options"
            yield Finding(
                file,
                f"{element.id}.{place}",
                problem.removeprefix("cleansing: "),
                f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "Correct the option.",
            )
        value_type = context.value_type(element)
        if value_type is not None and element.data_type not in _DATA_TYPES[value_type]:
            problem = f"data type '{element.data_type}' contradicts kind '{element.kind}', whose values are {value_type}s"
            yield Finding(file, f"{element.id}.data_type", problem, f"Write {' or '.join(_DATA_TYPES[value_type])}, or another kind.")


def _agencies(context: Context) -> Iterator[Finding]:
    for agency in context.catalog.agencies.values():
        if not context.catalog.resources_of(agency.id):
            continue
        if not agency.security_officer:
            problem = "the agency names no security officer (Article 31, third paragraph)"
            yield Finding(
                context.files["agency", agency.id],
                agency.id,
                problem,
                "Add 'security_officer: <the post>'; never a person's name.",
                "warning",
            )
        for resource in context.catalog.resources_of(agency.id):
            if not (resource.owner or agency.contact):
                problem = "the resource has no owner: it names none and its agency has no contact"
                yield Finding(resource.file, "owner", problem, "Add 'owner: <role mailbox>', or a contact to the agency.")


def _empty_agency_folders(dirs: Sequence[Path], catalog: Catalog) -> Iterator[Finding]:
    for folder in (path for root in dirs for path in sorted((Path(root) / "resources").glob("*")) if path.is_dir()):
        if folder.name not in catalog.agencies and not any(folder.glob("*.yaml")):
            problem = f"the folder names the agency '{folder.name}', which does not exist"
            yield Finding(file_name(folder), "", problem, "Rename the folder, or add the agency to agencies.yaml.", "warning")


# one resource ------------------------------------------------------------------------------------------------------
def _resources(context: Context) -> Iterator[Finding]:
    for resource in context.catalog.resources.values():
        if not resource.description:
            yield Finding(resource.file, "description", "the resource has no description", "Add one sentence: what a row is.", "warning")
        yield from _placeholders(resource)
        yield from _headers(resource)
        yield from _key(resource)
        yield from _opening(resource, context.catalog)
        for item in resource.items:
            yield from _item(item, resource, context)
            yield from _terms(item, resource, context)
        yield from _rule_ids(resource)


def _placeholders(resource: Resource) -> Iterator[Finding]:
    """A draft's fields that nobody has filled in yet (``districtlake catalog draft``)."""
    fields = {
        "description": resource.description, "business": resource.business, "system": resource.system,
        "sharing.reason": resource.sharing.reason, "sharing.legal_basis": resource.sharing.legal_basis, "opening.reason": resource.opening.reason,
    }  # fmt: skip
    for field, text in fields.items():
        if text.startswith("待填"):
            yield Finding(
                resource.file, field, f"{field} is still 待填", "Fill it in before the entry is published (Article 10).", "warning"
            )


def _headers(resource: Resource) -> Iterator[Finding]:
    """A header of a delivery must mean one item."""
    owner: dict[str, str] = {}
    for item in resource.items:
        for header in dict.fromkeys((item.title, item.name, *item.aliases)):
            other = owner.setdefault(header.casefold(), item.name)
            if other != item.name:
                problem = f"header '{header}' means both {other} and {item.name}"
                yield Finding(resource.file, f"items[{item.name}]", problem, "Give each item its own title, name and aliases.")


def _key(resource: Resource) -> Iterator[Finding]:
    for name in resource.key:
        item = resource.item(name)
        if not item.required:
            problem = "a key item is not required; a row without it would have no identity"
            yield Finding(resource.file, f"items[{name}].required", problem, "Write 'required: true'.")
        if item.on_failure == "report":
            problem = "a key item must not pass when it is wrong (on_failure: report)"
            yield Finding(resource.file, f"items[{name}].on_failure", problem, "Write 'on_failure: quarantine' or delete the line.")


def _opening(resource: Resource, catalog: Catalog) -> Iterator[Finding]:
    """Article 32: secrets and privacy must not be opened; L2 and L3 only after de-identification, that is conditionally."""
    if resource.opening.class_ == "none":
        return
    forbidden = ("L2", "L3", "L4") if resource.opening.class_ == "unconditional" else ("L4",)
    for item in resource.items:
        level = catalog.sensitivity_of(item)
        if level in forbidden:
            problem = f"{item.title} is {level} and the resource is opened ({resource.opening.class_}), against Article 32"
            remedy = "Open it conditionally or not at all, or state 'sensitivity: L1' at the item where the law makes it public."
            yield Finding(resource.file, f"items[{item.name}]", problem, remedy)


def _item(item: Item, resource: Resource, context: Context) -> Iterator[Finding]:
    element = context.catalog.element_of(item)
    value_type = context.value_type(element)
    place = f"items[{item.name}]"
    if value_type not in (None, "number") and (item.min is not None or item.max is not None):
        problem = f"min and max need a number, but data element '{element.id}' holds a {value_type}"
        yield Finding(resource.file, place, problem, "Delete them, or take a numeric data element.")
    if value_type not in (None, "text") and (item.pattern is not None or item.max_length is not None):
        problem = f"pattern and max_length need text, but data element '{element.id}' holds a {value_type}"
        yield Finding(resource.file, place, problem, "Delete them, or write a check on the value.")
    if item.unit and element.unit and item.unit != element.unit:
        problem = f"unit '{item.unit}' differs from '{element.unit}' of data element '{element.id}'"
        yield Finding(resource.file, f"{place}.unit", problem, "Take the data element of that unit; values are never converted silently.")
    target = context.catalog.resources.get(item.references.resource) if item.references else None
    if item.references is None or target is None or item.references.item not in target.item_names:
        return  # an unknown target is a finding of the loader
    referred = context.catalog.element_of(target.item(item.references.item))
    if referred.kind != element.kind:
        problem = f"it is a {element.kind}, but {target.id}.{item.references.item} is a {referred.kind}; they can never be equal"
        yield Finding(resource.file, f"{place}.references", problem, "Refer to an item of the same data element.")
    elif item.references.item not in target.key:
        problem = f"{target.id}.{item.references.item} is not part of that resource's key"
        yield Finding(resource.file, f"{place}.references", problem, "Refer to a key item, unless this is meant.", "warning")


def _terms(item: Item, resource: Resource, context: Context) -> Iterator[Finding]:
    """Terms of a rule that the item does not imply would be silently without effect; some rules cannot have a day to begin or end."""
    kind = context.kinds.get(context.catalog.element_of(item).kind)
    if kind is None or not item.rules:
        return  # an unknown kind is a finding of its own
    codes = context.catalog.code_list_of(item)
    severities = {code.severity for code in kind.codes.values()}
    implied = {
        "required": item.required, "conforms": "error" in severities, "readable": "error" in severities and bool(codes and codes.partial),
        "plausible": "warning" in severities, "range": item.min is not None or item.max is not None, "length": item.max_length is not None,
        "pattern": item.pattern is not None, "exists": item.references is not None,
    }  # fmt: skip
    there = [aspect for aspect, holds in implied.items() if holds]
    for aspect, terms in item.rules.items():
        place = f"items[{item.name}].rules.{aspect}"
        dated = terms.effective_from is not None or terms.effective_until is not None
        if aspect not in there:
            remedy = f"It has {', '.join(there)}: write one of these." if there else "It has none: delete 'rules'."
            yield Finding(resource.file, place, f"the item implies no rule '{aspect}'", remedy)
        elif dated and item.name in resource.key and aspect in ("required", "conforms"):
            problem = "a key item is judged always; a row without a sound key has no identity"
            yield Finding(resource.file, place, problem, "Delete effective_from and effective_until.")
        elif dated and aspect == "conforms" and context.value_type(context.catalog.element_of(item)) != "text":
            problem = "a date or number that cannot be typed would pass as an empty cell while the rule is not in force"
            yield Finding(
                resource.file, place, problem, "Delete effective_from and effective_until, or put them at another rule of the item."
            )


def _rule_ids(resource: Resource) -> Iterator[Finding]:
    """Problems and tickets hang on rule ids: they must be unique without help."""
    aspects = ("required", "conforms", "readable", "plausible", "range", "length", "pattern", "exists")
    derived = {f"{item.name}.{aspect}" for item in resource.items for aspect in aspects} | {"key.unique"}
    seen: set[str] = set()
    for check in resource.checks:
        id_ = check.rule_id
        if id_ in seen:
            yield Finding(resource.file, f"checks[{id_}]", f"two checks have the id '{id_}'", "Give each an 'id:' of its own.")
        if id_ in derived:
            yield Finding(resource.file, f"checks[{id_}]", f"the id '{id_}' belongs to a rule derived from an item", "Choose another id.")
        seen.add(id_)


# between resources -------------------------------------------------------------------------------------------------
def _codes(context: Context) -> Iterator[Finding]:
    first: dict[str, Resource] = {}
    for resource in context.catalog.resources.values():
        other = first.setdefault(resource.code, resource)
        if other is not resource:
            problem = f"catalogue code {resource.code} is already that of {other.id}"
            yield Finding(resource.file, "code", problem, "Raise the sequence after the slash.")


def _globs(context: Context) -> Iterator[Finding]:
    """A file must lead to one resource. Within a resource a corrections glob may lie inside its files glob: it goes first."""
    for agency in context.catalog.agencies:
        for left, right in combinations(context.catalog.resources_of(agency), 2):
            pairs = product((*right.source.files, *right.source.corrections), (*left.source.files, *left.source.corrections))
            mine, theirs = next((pair for pair in pairs if overlap(*pair)), ("", ""))
            if mine:
                problem = f"files can match both '{mine}' and '{theirs}' of {left.id}"
                yield Finding(right.file, "source", problem, "Make the patterns exclude each other; a file must lead to one resource.")
    for resource in context.catalog.resources.values():
        for glob in resource.source.corrections:
            if glob in resource.source.files:
                problem = f"'{glob}' is both a files and a corrections pattern: every delivery would be a correction"
                yield Finding(resource.file, "source.corrections", problem, "Write a narrower corrections pattern.")


def _databases(context: Context) -> Iterator[Finding]:
    """A query only reads, and is one statement. Its tables and columns are the database's to judge."""
    for resource in context.catalog.resources.values():
        source = resource.source.database
        if source is None or source.query is None:
            continue
        if (fault := _not_one_select(source.query)) is not None:
            yield Finding(resource.file, "source.database.query", fault, "Write one SELECT that changes and locks nothing.")


def _not_one_select(query: str) -> str | None:
    import sqlglot
    from sqlglot import exp

    for dialect in ("postgres", "mysql"):  # which of them it is, the address says, and that is not in the catalogue
        try:
            statements = [one for one in sqlglot.parse(query, read=dialect) if one is not None]
        except sqlglot.errors.SqlglotError:
            continue
        if len(statements) != 1:
            return f"the query is {len(statements)} statements"
        (statement,) = statements
        if not isinstance(statement, exp.Query) or statement.find(exp.Into, exp.Lock, exp.Insert, exp.Update, exp.Delete, exp.Command):
            return "the query does not only read"
        return None
    return "the query is SQL neither of PostgreSQL nor of MySQL"


def _duplicate_collection(context: Context) -> Iterator[Finding]:
    """Article 10 paragraph 4, Article 12: what can be had through sharing is not collected again."""
    for one in duplicates(context.catalog):
        if one.evidence:
            continue
        collector = context.catalog.resources[one.resource]
        problem = f"{one.title} can be had through sharing from {one.source} (Article 10 paragraph 4, Article 12)"
        remedy = f"Drop the item and refer to {one.source}, unless it is delivered as evidence for comparison."
        yield Finding(collector.file, f"items[{one.item}]", problem, remedy, "warning")


def _comparisons(context: Context) -> Iterator[Finding]:
    """A comparison believes its right side: the one-source matrix must say so, and must not say so of the left one."""
    facts = {(fact.element, fact.subject): fact for fact in context.catalog.facts.values()}
    for comparison in context.catalog.comparisons.values():
        named = comparison.authority
        fact = facts.get((named.element, named.subject))
        if fact is None:
            known = [f"{element} of {subject}" for element, subject in facts]
            problem = f"the one-source matrix has no entry for {named.element} of {named.subject}"
            remedy = f"{close_to(f'{named.element} of {named.subject}', known)}Add it to authority.yaml, or name another entry."
            yield Finding(comparison.file, "authority", problem, remedy)
            continue
        believed = [side.resource for side in comparison.right]
        behind = {*fact.resources, *(one.rpartition(".")[0] for one in fact.evidence)}
        if not set(believed) & set(fact.resources) and not set(believed) & set(context.catalog.marts):
            problem = f"the right side ({', '.join(believed)}) is no authority for {fact.title}: that is {', '.join(fact.resources)}"
            yield Finding(
                comparison.file, "right", problem, "Hold the left side against the authority, or name another entry under 'authority'."
            )
        for index, left in enumerate(comparison.left):
            if left.resource in fact.resources:
                problem = f"{left.resource} is itself the authority for {fact.title}, and would be asked first"
                yield Finding(
                    comparison.file, f"left[{index}]", problem, "Ask the other side, or name another entry under 'authority'.", "warning"
                )
        for index, other in enumerate(believed):
            if index and other not in behind and other not in context.catalog.marts:
                problem = f"{other} is neither authority nor evidence for {fact.title}"
                yield Finding(comparison.file, f"right[{index}]", problem, "Declare it as evidence in authority.yaml.", "warning")


def _facts(context: Context) -> Iterator[Finding]:
    """One source per element and subject, and one that holds the element it is asked for."""
    first: dict[tuple[str, str], str] = {}
    for fact in context.catalog.facts.values():
        file = context.files["fact", fact.id]
        other = first.setdefault((fact.element, fact.subject), fact.id)
        if other != fact.id:
            problem = f"{fact.element} of {fact.subject} has its source in the entry '{other}' already"
            yield Finding(file, fact.id, problem, "One fact, one source (Article 12): keep one entry.")
        for resource, item in fact.authorities:
            held = context.catalog.resources[resource].item(item).element
            if held != fact.element:
                problem = f"{resource}.{item} is the element '{held}', not '{fact.element}'"
                yield Finding(file, f"{fact.id}.source", problem, f"Name the item of {resource} that holds '{fact.element}'.")


CROSS_CHECKS: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    _elements,
    _agencies,
    _resources,
    _codes,
    _globs,
    _databases,
    _duplicate_collection,
    _facts,
    _comparisons,
)
