"""The report as files: written whole or not at all, named by what they are about; the night's, which is written anew only when something changed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from districtlake.clock import local_date
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError
from districtlake.notifications.addresses import OFFICE
from districtlake.quality_report.figures import quality_figures
from districtlake.quality_report.page import render
from districtlake.quality_report.period import scope_of
from districtlake.store.tables import Operation, TicketEvent

KINDS = (".html", ".xlsx")


class ReportUnwritable(DistrictLakeError):
    """The report cannot be put where it should be."""

    code = "quality.report"
    retryable = True


@dataclass(frozen=True)
class NightlyReport:
    """Files below the outbox, with / as separator. ``anew`` False: nothing had changed, the files of an earlier night stand."""

    html: str
    workbook: str
    headline: str
    anew: bool


def name_of(figures: Mapping[str, Any]) -> str:
    """The name of a report's files, without the ending."""
    scope = figures["scope"]
    about = scope["resource"] or scope["agency"]
    return f"数据质量报告_{f'{about}_' if about else ''}{scope['first']:%Y%m%d}-{scope['last']:%Y%m%d}"


def content_of(figures: Mapping[str, Any], kind: str, portal_url: str = "") -> bytes:
    """The report as ``.html`` or ``.xlsx``."""
    if kind == ".html":
        return render(figures, portal_url).encode()
    from districtlake.quality_report.workbook import write_workbook

    held = BytesIO()
    write_workbook(figures, held)
    return held.getvalue()


def put(path: Path, content: bytes) -> None:
    """Write a file whole: a reader sees the old one or the new one.

    Raises:
        ReportUnwritable: it cannot be written there.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise ReportUnwritable(
            f"{path} cannot be written: {error.strerror}.", hint="Check free space and permissions, or name another place with --to."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def stamp(district: District) -> str:
    """Changes whenever something was judged, withdrawn or handled since: what the figures rest on, beside the day."""
    with district.store.session(read_only=True) as session:
        handled = session.scalar(select(func.max(TicketEvent.id)))
    return f"{judged_stamp(district)}-{handled or 0}"


def judged_stamp(district: District) -> str:
    """Changes whenever something was judged or withdrawn: what results and problem registers rest on, beside the day."""
    with district.store.session(read_only=True) as session:
        last = session.scalar(select(func.max(Operation.id)))
    weights = district.policy.quality_weights.weights
    text = json.dumps([last, district.policy.version, weights, sorted(district.catalog.resources)], default=str, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def write_nightly(district: District, tell: Callable[[str], None] = lambda message: None) -> NightlyReport:
    """The district's report of the last thirty days, in the data office's folder of the outbox. A night that changed nothing keeps the last one.

    Raises:
        ReportUnwritable: the outbox or the state folder cannot be written.
    """
    outbox, memory = district.settings.outbox, district.settings.state / "quality_report" / "last.json"
    now = stamp(district)
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        known = NightlyReport(kept["html"], kept["workbook"], kept["headline"], anew=False)
        if kept["stamp"] == now and (outbox / known.html).is_file() and (outbox / known.workbook).is_file():
            return known
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never written, or unreadable: it is written anew
    figures = quality_figures(district, scope_of(district), tell)
    stem = f"{OFFICE}/数据质量报告_{local_date(district.clock.now()):%Y%m%d}"
    written = NightlyReport(f"{stem}.html", f"{stem}.xlsx", headline_of(figures), anew=True)
    put(outbox / written.html, content_of(figures, ".html", district.settings.portal_url))
    put(outbox / written.workbook, content_of(figures, ".xlsx"))
    told = {"stamp": now, "html": written.html, "workbook": written.workbook, "headline": written.headline}
    put(memory, json.dumps(told, ensure_ascii=False).encode())
    return written


def headline_of(figures: Mapping[str, Any]) -> str:
    """The report in one sentence: total and the dimensions, each with A and B."""
    from districtlake.quality_report.period import percent

    parts = [
        f"{row['title']} {percent(row['share'])}" + (f"（{row['satisfying']:,}/{row['evaluated']:,}）" if row["evaluated"] else "")
        for row in figures["dimensions"]
    ]
    return f"综合得分 {percent(figures['total']['score'])}；{'，'.join(parts)}"
