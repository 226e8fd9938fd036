"""Data quality for people: six dimensions, trend, and down to agency, resource, rule and delivery; the same as files to take home.

The district sees all; an agency its own resources, whatever it asks for. Figures are kept until something was judged or handled anew.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from threading import Lock, Thread
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from districtlake.access.rates import TooManyRequests
from districtlake.clock import local_date
from districtlake.delivery import ledger
from districtlake.delivery.district import District
from districtlake.errors import DistrictLakeError, NotFound, OperationRefused
from districtlake.portal.guard import Visit, Visiting
from districtlake.portal.rendering import language_of, page, text
from districtlake.quality_report.charts import trends
from districtlake.quality_report.data_docs import BACK, Language, data_docs_of, docs_at_hand
from districtlake.quality_report.figures import JudgedFigures, judged_figures, with_what_is_open
from districtlake.quality_report.files import content_of, judged_stamp, name_of
from districtlake.quality_report.page import moved, tone
from districtlake.quality_report.period import Scope, percent, scope_of

router = APIRouter()
SHOWN_DELIVERIES = 30
_KEPT = 32
_MOST_WAITING = 8
_DOCS = frozenset({"index.html", "result.html", "suite.html", "data_docs.css"})
_MEDIA = {"html": "text/html; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class _Remembered:
    """What was judged, by scope, for as long as nothing is judged anew: pages of a drill-down cost one reading. Tickets are read each time."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Any, ...], JudgedFigures] = OrderedDict()
        self._lock = Lock()
        self._reading = Lock()

    def figures(self, district: District, scope: Scope) -> dict[str, Any]:
        return with_what_is_open(district, scope, self._judged(district, scope))

    def _judged(self, district: District, scope: Scope) -> JudgedFigures:
        key = (str(district.settings.state), scope, judged_stamp(district), local_date(district.clock.now()))
        if (found := self._of(key)) is not None:
            return found
        with self._reading:  # one at a time: several at once share a processor, and all other pages wait for them
            if (found := self._of(key)) is not None:  # somebody asked for the same meanwhile
                return found
            found = judged_figures(district, scope)
            with self._lock:
                self._known[key] = found
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return found

    def _of(self, key: tuple[Any, ...]) -> JudgedFigures | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)


_remembered = _Remembered()


@router.get("/quality")
def quality(visit: Visiting, since: str = "", until: str = "", agency: str = "", resource: str = "") -> Response:
    """The page of a scope: an agency's resources, or a resource's rules and deliveries, when one is named."""
    scope = _scope(visit, since, until, agency, resource)
    figures = _remembered.figures(visit.district, scope)
    asked = {"since": scope.first, "until": scope.last} if since or until else {}

    def to(**place: str) -> str:
        """The address of another scope of the same days."""
        return "?" + urlencode({**asked, **place}) if asked or place else "/quality"

    catalog = visit.district.catalog
    resources = sorted(
        (one for one in catalog.resources.values() if one.id in set(scope.resources(visit.district))), key=lambda one: one.id
    )
    return page(
        visit.request, "quality.html", visit.signed, f=figures, charts=trends(figures), scope=scope, to=to, moved=moved, tone=tone, percent=_percent(visit),
        agencies=_agencies(visit), resources=resources,
        most=SHOWN_DELIVERIES, taken="?" + urlencode({"since": scope.first, "until": scope.last, "agency": scope.agency or "", "resource": scope.resource or ""}),
    )  # fmt: skip


@router.get("/quality/report.{kind}")
def download(visit: Visiting, kind: str, since: str = "", until: str = "", agency: str = "", resource: str = "") -> Response:
    """The report as a file; the page comes as a file, too: it has a style sheet of its own, which our pages must not run."""
    if kind not in _MEDIA:
        raise OperationRefused.of("request.no_kind", kind=kind[:10])
    figures = _remembered.figures(visit.district, _scope(visit, since, until, agency, resource))
    content = content_of(figures, f".{kind}", visit.district.settings.portal_url)
    name = urlencode({"": f"{name_of(figures)}.{kind}"})[1:]
    return Response(
        content,
        media_type=_MEDIA[kind],
        headers={"Content-Disposition": f"attachment; filename=\"quality.{kind}\"; filename*=UTF-8''{name}"},
    )


@router.get("/quality/deliveries/{delivery}")
def docs(visit: Visiting, delivery: str) -> Response:
    """Data Docs of a delivery: its first page, or, while they are rendered, a page that looks again by itself."""
    language = _of_delivery(visit, delivery)
    if docs_at_hand(visit.district, delivery, language) is not None:
        return RedirectResponse(f"/quality/deliveries/{quote(delivery)}/index.html", status_code=303)
    _rendering.begin(visit.district, delivery, language)
    answer = page(visit.request, "docs_wait.html", visit.signed, delivery=delivery)
    answer.headers["Refresh"] = "2"
    return answer


@router.get("/quality/deliveries/{delivery}/{name}")
def docs_page(visit: Visiting, delivery: str, name: str) -> Response:
    """One page of them, under the portal's own policy: they hold no script and no style of their own (``expectations.plain_pages``)."""
    language = _of_delivery(visit, delivery)
    folder = docs_at_hand(visit.district, delivery, language)
    if folder is None:
        return RedirectResponse(f"/quality/deliveries/{quote(delivery)}", status_code=303)
    path = folder / name
    if name not in _DOCS or not path.is_file():
        raise NotFound("没有这个页面。", hint="请从“数据质量”进入。")
    if path.suffix == ".css":
        return Response(path.read_bytes(), media_type="text/css; charset=utf-8")
    resource = ledger.get(visit.district.store, delivery).resource
    back = f'<p class="back"><a href="/quality?{urlencode({"resource": resource})}">{text(language, "docs.back")}</a></p>'
    return HTMLResponse(path.read_text(encoding="utf-8").replace(BACK, back, 1))


def _agencies(visit: Visit) -> list[str]:
    """Agencies to choose from; none for who acts for one."""
    if visit.viewer.agency is not None:
        return []
    return sorted({one.agency for one in visit.district.catalog.resources.values() if visit.viewer.sees(one.agency, one.id)})


def _of_delivery(visit: Visit, delivery: str) -> Language:
    """The reader's language. Raises NotFound for a delivery that is another agency's, as for one that is not there."""
    try:
        found = ledger.get(visit.district.store, delivery)
    except NotFound:
        found = None
    if found is None or found.id != delivery or not visit.viewer.sees(found.agency, found.resource):
        raise NotFound("没有这个交付，或它不在您的范围内。", hint="请从“数据质量”进入。")
    return "en" if language_of(visit.request, visit.signed) == "en" else "zh"


class _Rendering:
    """Renders in threads of its own, one delivery once: a request never waits for it, and a failure is told to who asks next."""

    def __init__(self) -> None:
        self._running: set[tuple[str, str, str]] = set()
        self._failed: dict[tuple[str, str, str], DistrictLakeError] = {}
        self._lock = Lock()

    def begin(self, district: District, delivery: str, language: Language) -> None:
        """Raises what the last attempt failed with (once), or TooManyRequests when too many wait."""
        key = (str(district.settings.state), delivery, language)
        with self._lock:
            if (error := self._failed.pop(key, None)) is not None:
                raise error
            if key in self._running:
                return
            if len(self._running) >= _MOST_WAITING:
                raise TooManyRequests("正在生成的校验说明太多。", hint="请稍后再试。")
            self._running.add(key)
        Thread(target=self._render, args=(key, district, delivery, language), daemon=True).start()

    def _render(self, key: tuple[str, str, str], district: District, delivery: str, language: Language) -> None:
        try:
            data_docs_of(district, delivery, language)
        except DistrictLakeError as error:
            with self._lock:
                self._failed[key] = error
        except Exception as error:  # a fault of ours: told by its kind alone
            with self._lock:
                self._failed[key] = DistrictLakeError(f"{type(error).__name__}", hint="请稍后再试。", code="docs.failed")
        finally:
            with self._lock:
                self._running.discard(key)


_rendering = _Rendering()


def _scope(visit: Visit, since: str, until: str, agency: str, resource: str) -> Scope:
    """What was asked for, within what the viewer sees.

    Raises:
        NotFound: it is another agency's, or not there: the same answer.
    """
    viewer, district = visit.viewer, visit.district
    seen = None
    if not viewer.district_wide:
        seen = frozenset(one.id for one in district.catalog.resources.values() if viewer.sees(one.agency, one.id))
    if resource:
        viewer.require(district.resource(resource).agency, resource)
    own = viewer.agency or agency or None
    if seen is not None and own is not None and (agency not in ("", own) or not any(one.startswith(f"{own}.") for one in seen)):
        raise NotFound("没有这个单位的数据，或它不在您的范围内。", hint="请从“数据质量”进入。")
    language = language_of(visit.request, visit.signed)
    try:
        first, last = (date.fromisoformat(one) if one else None for one in (since, until))
        return scope_of(district, first=first, last=last, agency=own, resource=resource or None, seen=seen)
    except (ValueError, OverflowError, OperationRefused) as error:
        raise DistrictLakeError(
            str(text(language, "quality.wrong_period")), hint=str(text(language, "quality.wrong_period.hint")), code="portal.period"
        ) from error


def _percent(visit: Visit) -> Any:
    """Shares in the reader's language."""
    nothing = str(text(language_of(visit.request, visit.signed), "not_evaluated"))
    return lambda value, digits=2: nothing if value is None else percent(value, digits)
