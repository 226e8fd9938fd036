"""Templates, and the words in them: one file of texts per language; a text that is missing is an error, not a blank."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from districtlake.access.sessions import Signed
from districtlake.access.viewer import DISTRICT_ROLES, ROLES, Viewer
from districtlake.catalog.models import DIMENSION_TITLES
from districtlake.clock import SHANGHAI
from districtlake.supervision.timeliness import STATE_TITLES
from districtlake.tickets.feedback import MATTERS
from districtlake.tickets.machine import CLOSINGS, EVENTS, STAGES
from districtlake.wording.sentences import LANGUAGES, Language, sentences

HERE = Path(__file__).parent
THEMES = ("auto", "light", "dark")


@cache
def texts(language: Language) -> dict[str, str]:
    """Key -> text of a language; ``{name}`` in a text is filled in."""
    loaded: dict[str, str] = yaml.safe_load((HERE / "texts" / f"{language}.yaml").read_text(encoding="utf-8"))
    return {**_domain_words(language), **loaded}


def _domain_words(language: Language) -> dict[str, str]:
    """The domain has names for its states: the Chinese ones stand in its modules, the English ones in its wording."""
    families = {
        "stage": STAGES, "closing": CLOSINGS, "event": EVENTS, "matter": MATTERS, "dimension": DIMENSION_TITLES, "standing": STATE_TITLES,
        "role": ROLES,
    }  # fmt: skip
    chinese = {f"{family}.{name}": word for family, words in families.items() for name, word in words.items()}
    return chinese if language == "zh" else {key: sentences("en")[key] for key in chinese}


def text(language: Language, key: str, **values: object) -> Markup:
    """A text, safe to put into a page: what is filled in is escaped.

    Raises:
        KeyError: the language has no such text.
    """
    return Markup(texts(language)[key]).format(**{name: escape(value) for name, value in values.items()})


@dataclass(frozen=True)
class Entry:
    """An entry of the menu. ``roles``: who sees it; empty: everybody who is signed in."""

    href: str
    key: str
    roles: frozenset[str] = frozenset()


_DISTRICT = DISTRICT_ROLES
MENU: tuple[Entry, ...] = (
    Entry("/", "desk"), Entry("/tickets", "tickets"), Entry("/leads", "leads", frozenset({"provider", "office", "contractor", "auditor"})), Entry("/board", "board", _DISTRICT), Entry("/quality", "quality"), Entry("/resources", "resources"),
    Entry("/upload", "upload", frozenset({"provider", "office"})), Entry("/answers", "answers", frozenset({"provider"})),
    Entry("/feedback", "feedback", frozenset({"provider", "user", "office", "contractor"})), Entry("/audit", "audit", frozenset({"office", "auditor"})),
)  # fmt: skip


def navigation(viewer: Viewer) -> list[Entry]:
    return [entry for entry in MENU if not entry.roles or viewer.role in entry.roles]


@cache
def environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.globals["navigation"] = navigation
    found.filters["day"] = _day
    found.filters["instant"] = _instant
    found.filters["number"] = lambda value: "—" if value is None else f"{value:,}"
    found.filters["share"] = lambda value: "—" if value is None else f"{value:.1%}"
    return found


def _day(value: date | datetime | None) -> str:
    if value is None:
        return "—"
    return (value.astimezone(SHANGHAI).date() if isinstance(value, datetime) else value).isoformat()


def _instant(value: datetime | None) -> str:
    return "—" if value is None else value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def language_of(request: Request, signed: Signed | None) -> Language:
    """The reader's choice (a cookie), else the account's, else what the browser asks for, else Chinese."""
    chosen = request.cookies.get("language")
    if chosen in LANGUAGES:
        return chosen
    if signed is not None and signed.viewer is not None:
        return signed.viewer.language
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"


def page(request: Request, template: str, signed: Signed | None = None, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template with what every page needs."""
    language = language_of(request, signed)
    theme = request.cookies.get("theme", "auto")
    district = request.app.state.district
    catalog = district.catalog

    def agency_name(agency: str | None) -> str:
        return "" if agency is None else catalog.agencies[agency].name if agency in catalog.agencies else agency

    def resource_title(resource: str) -> str:
        return catalog.resources[resource].title if resource in catalog.resources else resource

    content = environment().get_template(template).render(
        request=request, viewer=signed.viewer if signed else None, csrf=signed.csrf if signed else "", language=language,
        theme=theme if theme in THEMES else "auto", t=lambda key, **filled: text(language, key, **filled), path=request.url.path,
        role_title=lambda role: ROLES[role] if language == "zh" else text(language, f"role.{role}"), agency_name=agency_name,
        resource_title=resource_title, refusal=lambda error: error.told(language), say=lambda sentence: sentence.whole(language), note=district.policy.note, today=district.clock.now().astimezone(SHANGHAI).date(),
        fragment=request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true", **values,
    )  # fmt: skip
    return HTMLResponse(content, status_code=status)
