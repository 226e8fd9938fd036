"""GX's Data Docs of one delivery, rendered when somebody asks and kept until its results or its rules change.

Rendered from the results table, which is the record: no data is read or judged again. Great Expectations runs in a process of its own
(``expectations.delivery_docs``): seconds of import that a server must not carry.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from districtlake.catalog.models import DIMENSION_TITLES, Resource
from districtlake.clock import SHANGHAI, local_date
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.delivery.locks import lock
from districtlake.errors import DistrictLakeError, NotFound
from districtlake.quality import delivery_rules
from districtlake.quality.derive import rules_of
from districtlake.quality.rules import STATUS_SUFFIX, Rule
from districtlake.settings import PROJECT_ROOT
from districtlake.store.tables import Delivery
from districtlake.warehouse.commit import read

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
KEPT = 200
"""Rendered deliveries that are kept; the one not asked for longest goes first."""
SECONDS = 180
BACK = "<!--portal-->"
"""Stands once in every page, where a server may put the way back."""
VERSION = 1
"""Raised when the pages themselves change, so that kept ones are rendered anew."""


class DocsFailed(DistrictLakeError):
    """The pages could not be rendered."""

    code = "docs.failed"
    retryable = True


@dataclass(frozen=True)
class Request:
    """What the rendering process is given.

    Attributes:
        rules: the resource's rules as they now stand.
        results: rows of the results table (``quality.results.SCHEMA``) of the delivery.
        columns: column of the cleansed frame -> its title for people.
        facts: what stands above the pages: name -> text.
    """

    resource: str
    title: str
    delivery: str
    language: Language
    rules: tuple[Rule, ...]
    results: list[dict[str, Any]]
    columns: dict[str, str]
    facts: dict[str, str]
    dimensions: dict[str, str] = field(default_factory=lambda: dict(DIMENSION_TITLES))


def data_docs_of(district: District, delivery: str, language: Language = "zh", tell: Callable[[str], None] = lambda message: None) -> Path:
    """The site of a delivery: a folder with ``index.html``, rendered if it is not there yet.

    Args:
        tell: hears that it is being rendered, which takes some seconds.

    Raises:
        NotFound: there is no such delivery, or no results of it.
        DocsFailed: the rendering process failed.
    """
    found, resource, results, rules, folder = _prepared(district, delivery, language)
    root = district.settings.state / "data_docs"
    if _is_there(folder):
        return folder
    with lock(district.settings.locks, "data_docs", wait_seconds=SECONDS):
        if _is_there(folder):  # somebody else asked for the same
            return folder
        tell(f"{resource.title} {delivery}：生成 Data Docs")
        request = Request(
            resource=resource.id, title=resource.title, delivery=delivery, language=language, rules=rules, results=results.to_dicts(),
            columns=_columns(resource), facts=_facts(district, found, resource, results, language),
        )  # fmt: skip
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            for old in folder.parent.glob(f"{language}-*"):
                shutil.rmtree(old, ignore_errors=True)
            made = Path(tempfile.mkdtemp(dir=root, prefix=".rendering-"))
            try:
                _render(request, made)
                made.chmod(0o755)
                os.replace(made, folder)
            finally:
                shutil.rmtree(made, ignore_errors=True)
        except OSError as error:
            raise DocsFailed(
                f"{folder.parent} cannot be written: {error.strerror}.", hint="Check free space and permissions of the state folder."
            ) from error
        _prune(root)
    return folder


def docs_at_hand(district: District, delivery: str, language: Language) -> Path | None:
    """The site when it is rendered already. Raises NotFound as ``data_docs_of`` does."""
    folder = _prepared(district, delivery, language)[-1]
    return folder if _is_there(folder) else None


def _prepared(district: District, delivery: str, language: Language) -> tuple[Delivery, Resource, pl.DataFrame, tuple[Rule, ...], Path]:
    """What a site is made of, and its folder: named by rules and results, so what changed is another."""
    found = ledger.get(district.store, delivery)
    resource = district.resource(found.resource)
    results = _results(district, found)
    rules = (*rules_of(resource, district.catalog), *delivery_rules.of(resource))
    name = re.sub(r"[^A-Za-z0-9._-]", "_", delivery)
    return found, resource, results, rules, district.settings.state / "data_docs" / name / f"{language}-{_stamp(rules, results)}"


def _results(district: District, delivery: Delivery) -> pl.DataFrame:
    try:
        results = read(district.lake, "results", delivery.resource).filter(pl.col("_delivery") == delivery.id)
    except NotFound:
        results = pl.DataFrame()
    if results.height == 0:
        raise NotFound(f"Delivery {delivery.id} has no results: it is {delivery.state}.", hint="Results are there once it was processed.")
    return results


def _is_there(folder: Path) -> bool:
    if not (folder / "index.html").is_file():
        return False
    os.utime(folder.parent)  # asked for just now: the last to be pruned
    return True


def _stamp(rules: tuple[Rule, ...], results: pl.DataFrame) -> str:
    told = repr([VERSION, [(rule.id, rule.version, rule.title, rule.arguments) for rule in rules], results.sort("rule").rows()])
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def _columns(resource: Resource) -> dict[str, str]:
    titles = {item.name: item.title for item in resource.items}
    return titles | {f"{name}{STATUS_SUFFIX}": f"{title}（规范检查）" for name, title in titles.items()}


def _facts(district: District, delivery: Delivery, resource: Resource, results: pl.DataFrame, language: Language) -> dict[str, str]:
    """No file name: an agency's own names may name a person."""
    satisfying, evaluated = int(results["passed"].sum() or 0), int(results["evaluated"].sum() or 0)
    agency = district.catalog.agencies[resource.agency].name
    day, judged = delivery.data_date or local_date(delivery.received_at), max(results["validated_at"].to_list())
    texts = {
        "zh": ("提供单位", "资源", "交付", "数据日期", "校验于", "符合 A / 评价 B"),
        "en": ("Agency", "Resource", "Delivery", "Data date", "Validated", "Satisfying A / evaluated B"),
    }[language]
    values = (
        agency,
        f"{resource.title} {resource.id}",
        delivery.id,
        str(day),
        judged.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M"),
        f"{satisfying:,} / {evaluated:,}",
    )
    return dict(zip(texts, values, strict=True))


def _render(request: Request, folder: Path) -> None:
    """Run the rendering process. What Great Expectations itself says may quote anything, so only the kind of its error is told."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "GX_ANALYTICS_ENABLED": "false"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "expectations.delivery_docs", str(folder)], input=pickle.dumps(request), env=environment, cwd=PROJECT_ROOT,
            capture_output=True, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DocsFailed.of("docs.too_slow", delivery=request.delivery, most=SECONDS) from None
    if done.returncode:
        kind = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise DocsFailed.of("docs.not_rendered", delivery=request.delivery, kind=re.sub(r"[^A-Za-z0-9_.]", "", kind[0].split(":")[0])[:80])


def _prune(root: Path) -> None:
    kept = sorted((one for one in root.iterdir() if one.is_dir() and not one.name.startswith(".")), key=lambda one: one.stat().st_mtime)
    for old in kept[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
