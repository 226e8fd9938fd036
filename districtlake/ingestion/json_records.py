"""JSON, GeoJSON and NDJSON: where the records lie, and what each is as a row.

A record is an object. In a document it lies in an array, whose place the catalogue may declare (``source.records``); it is
numbered from 1. In NDJSON it has a line of its own, whose number it takes. A GeoJSON feature is the record of its properties and its geometry.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import IO, Any

from districtlake.errors import IngestionError
from districtlake.ingestion.collect import RecordSink, no_records
from districtlake.ingestion.json_text import CONSTANTS, Cursor, Literal, Members, parsed_line, storable, text_of, too_deep
from districtlake.ingestion.limits import Limits
from districtlake.ingestion.text import TextFile
from districtlake.wording.sentences import Listed, Sentence

_JSON_SUFFIXES = (".json", ".geojson", ".ndjson", ".jsonl", ".jsonlines", ".geojsonl", ".geojsons")
_ENDED = object()
_LINE_SUFFIXES = (".ndjson", ".jsonl", ".jsonlines", ".geojsonl", ".geojsons")
_LONGITUDE, _LATITUDE = ("longitude", "经度", "lon", "lng", "x"), ("latitude", "纬度", "lat", "y")
_ALTITUDE, _GEOMETRY = ("altitude", "高程", "height", "z"), ("geometry", "几何", "空间位置", "geom")


@dataclass
class Found:
    """What was read: "json", "ndjson" or "geojson"; the place of the records ("" at the root); names of what lies beside them."""

    format: str = "json"
    records: str = ""
    beside: list[str] = field(default_factory=list)


def looks_like_json(head: str, name: str) -> bool:
    """Whether a text is JSON by its first characters; a name that says so makes less do."""
    start = head.lstrip("\ufeff\x1e \t\r\n")
    if not start.startswith(("{", "[")):
        return False
    after = start[1:].lstrip()
    if PurePath(name.lower()).suffix in _JSON_SUFFIXES:
        return True
    return after.startswith(('"', "}") if start[0] == "{" else ("{", "]"))


def read_json(text: TextFile, name: str, place: str | Sequence[str] | None, collector: RecordSink, limits: Limits) -> Found:
    """Put every record of a JSON text into the collector.

    Args:
        place: ``source.records``, for example ``data.rows``, or the names of the members one by one; None: the root array, or the only array of objects among the root's members.

    Raises:
        IngestionError: ``ingestion.json`` (no JSON, with its line), ``ingestion.damaged`` (cut off), ``ingestion.records`` (the place is
            not there, or there are several), ``ingestion.header`` (no object is a record), ``ingestion.too_deep``, ``ingestion.line_too_long``.
    """
    found = Found()
    reader = _Reader(name, collector, limits, found)
    with text.path.open("rb") as file:
        file.seek(text.start)
        lines = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        if place is None and _is_lines(text, name, limits):
            found.format = "ndjson"
            reader.lines(lines)
        else:
            reader.document(lines, place.split(".") if isinstance(place, str) and place else list(place or ()))
        lines.detach()
    if reader.features:
        found.format = "geojson"
    found.records, found.beside = storable(found.records), [storable(beside) for beside in found.beside]
    return found


def _is_lines(text: TextFile, name: str, limits: Limits) -> bool:
    """Whether each line is a value of its own: the first is a whole object and another follows, or the name says so."""
    if PurePath(name.lower()).suffix in _LINE_SUFFIXES:
        return True
    first, _, rest = text.head().lstrip("\ufeff\x1e \t\r\n").partition("\n")
    try:
        return isinstance(parsed_line(first), Members) and rest.lstrip("\x1e \t\r\n").startswith("{")
    except (ValueError, RecursionError):
        return False


class _Reader:
    def __init__(self, name: str, collector: RecordSink, limits: Limits, found: Found):
        self.name, self.collector, self.limits, self.found = name, collector, limits, found
        self.features = self.objects = 0
        self._longitude, self._latitude = self._known(_LONGITUDE), self._known(_LATITUDE)
        self._altitude, self._geometry = self._known(_ALTITUDE), self._known(_GEOMETRY)

    def _known(self, names: tuple[str, ...]) -> tuple[str, bool]:
        """The name under which the catalogue has a part of the geometry, and whether it has it."""
        found = next((name for name in names if self.collector.knows(name)), None)
        return found or names[0], found is not None

    # where records lie -----------------------------------------------------------------------------------------------
    def lines(self, file: IO[str]) -> None:
        number = 0
        while line := file.readline(self.limits.max_line_bytes + 1):
            number += 1
            if len(line) > self.limits.max_line_bytes:
                raise IngestionError.of(
                    "reading.json_line_long",
                    code="ingestion.line_too_long",
                    file=self.name,
                    most=f"{self.limits.max_line_bytes:,}",
                    line=f"{number:,}",
                )
            if not line.strip("\ufeff\x1e \t\r\n"):
                continue
            try:
                value = parsed_line(line)
            except ValueError:
                self.collector.add(number, [("#line", line.strip("\r\n"))], ["not_json"])
            except RecursionError as error:
                raise too_deep(self.name, _line(number), self.limits) from error
            else:
                self.record(number, value, _line(number))
        if not self.objects:
            raise no_records(self.name)

    def document(self, file: IO[str], place: list[str]) -> None:
        cursor = Cursor(file, self.name, self.limits)
        if cursor.peek() == "[":
            if place:
                raise self._misplaced(place, Sentence.of("part.place_array"))
            self._array(cursor)
        elif place:
            if not self._descend(cursor, place, []):
                raise self._misplaced(place, Sentence.of("part.place_beside", names=storable(", ".join(self.found.beside)) or "–"))
        else:
            self._root(cursor)
        if cursor.peek():
            raise cursor.broken(Sentence.of("part.json_after_end"))

    def _descend(self, cursor: Cursor, place: list[str], above: list[str]) -> bool:
        """Read the array at ``place`` in the object that begins here; whether it was there."""
        seen = False
        for member in cursor.members():
            if member != place[0] or seen:
                if member == place[0]:
                    raise self._misplaced([*above, member], Sentence.of("part.place_twice"))
                self.found.beside.append(".".join([*above, member]))
                cursor.value()
                continue
            kind = cursor.peek()
            if kind == "[" and len(place) == 1:
                self.found.records = ".".join([*above, member])
                self._array(cursor)
                seen = True
            elif kind == "{" and len(place) > 1:
                seen = self._descend(cursor, place[1:], [*above, member])
            else:
                raise self._misplaced([*above, *place], Sentence.of("part.place_no_array"))
        return seen

    def _root(self, cursor: Cursor) -> None:
        """An object: the only array of objects among its members holds the records; without one it is a record itself."""
        members = Members()
        arrays: list[str] = []
        empty: list[str] = []
        for member in cursor.members():
            if cursor.peek() != "[":
                if len(members) <= self.limits.max_columns:
                    members.append((member, cursor.value()))
                else:
                    cursor.value()
                continue
            values = cursor.elements()
            if next(values, _ENDED) is _ENDED:
                empty.append(member)
                members.append((member, []))
            elif cursor.peek() == "{":
                arrays.append(member)
                if len(arrays) > 1:
                    raise IngestionError.of(
                        "reading.several_arrays",
                        code="ingestion.records",
                        file=self.name,
                        arrays=Listed.of(storable(name) for name in arrays),
                    )
                self._elements(cursor, values)
            else:
                members.append((member, self._kept(cursor, values)))
        if arrays:
            self.found.records = arrays[0]
        elif len(empty) == 1 and not self._is_record(members):
            self.found.records = empty[0]
        else:
            self.record(1, members, _record(1))
            return
        if members.first("type") == "FeatureCollection":
            self.found.format = "geojson"
        self.found.beside = [name for name, _ in members if name not in (self.found.records, "type")]

    def _kept(self, cursor: Cursor, values: Iterator[None]) -> list[Any]:
        """An array of anything but objects, which is no list of records; no longer than a record may be."""
        begin, kept = cursor.offset, [cursor.value()]
        for _ in values:
            kept.append(cursor.value())
            if cursor.offset - begin > self.limits.max_line_bytes:
                raise cursor.too_long()
        return kept

    def _is_record(self, members: Members) -> bool:
        return self.collector.enough([name for name, _ in members])

    def _array(self, cursor: Cursor) -> None:
        values = cursor.elements()
        if next(values, _ENDED) is not _ENDED:
            self._elements(cursor, values)

    def _elements(self, cursor: Cursor, values: Iterator[None]) -> None:
        """The records of an array that is not empty; ``values`` stands before its first."""
        number = 1
        self.record(number, cursor.value(), _record(number))
        for number, _ in enumerate(values, 2):
            self.record(number, cursor.value(), _record(number))
        if not self.objects:
            raise no_records(self.name)

    def _misplaced(self, place: list[str], why: Sentence) -> IngestionError:
        return IngestionError.of("reading.misplaced", code="ingestion.records", file=self.name, place=".".join(place), why=why)

    # what a record is ------------------------------------------------------------------------------------------------
    def record(self, number: int, value: Any, where: Sentence) -> None:
        """One element as a row. What is no object is delivered as a row without items, so that its agency is told."""
        try:
            if not isinstance(value, Members):
                self.collector.add(number, [("#value", _text(value, self.limits.max_depth))], ["not_an_object"])
                return
            self.objects += 1
            members: list[tuple[str, Any]] = value
            twice = _twice(value)
            if _is_feature(value):
                members = list(self._feature(value))
                twice = twice or _twice(value.first("properties"))
            reasons = ["duplicate_key"] if twice else []
            if any(isinstance(inner, Literal) and inner in CONSTANTS for _, inner in members):
                reasons.append("not_a_number")
            self.collector.add(number, [(name, text_of(inner, self.limits.max_depth)) for name, inner in members], reasons)
        except RecursionError as error:
            raise too_deep(self.name, where, self.limits) from error

    def _feature(self, feature: Members) -> Iterator[tuple[str, Any]]:
        """A feature's properties, then its geometry, then what else it has (id, bbox, foreign members)."""
        self.features += 1
        properties, geometry = feature.first("properties"), feature.first("geometry")
        if isinstance(properties, Members):
            yield from properties
        elif properties is not None:
            yield "properties", properties
        point = _point(geometry)
        if point is not None:
            for (name, _), value in zip((self._longitude, self._latitude, self._altitude), point, strict=False):
                yield name, value
            if len(point) > 3:
                yield "coordinates", geometry.first("coordinates")
        if geometry is not None and (point is None or self._geometry[1]):
            yield self._geometry[0], geometry
        seen = set()
        for name, value in feature:
            if name in ("type", "properties", "geometry") and name not in seen:
                seen.add(name)
            else:
                yield name, value


def _is_feature(value: Members) -> bool:
    return value.first("type") == "Feature" and any(name in ("properties", "geometry") for name, _ in value)


def _twice(value: Any) -> bool:
    """Whether an object names a member twice."""
    return isinstance(value, Members) and len({name for name, _ in value}) < len(value)


def _point(geometry: Any) -> list[Any] | None:
    """The numbers of a point, as written; None for any other geometry."""
    if not isinstance(geometry, Members) or geometry.first("type") != "Point":
        return None
    coordinates = geometry.first("coordinates")
    if not isinstance(coordinates, list) or isinstance(coordinates, Members) or len(coordinates) < 2:
        return None
    return coordinates if all(isinstance(number, Literal) for number in coordinates) else None


def _text(value: Any, depth: int) -> str | None:
    return "null" if value is None else text_of(value, depth)


def _line(number: int) -> Sentence:
    return Sentence.of("part.at_line", number=f"{number:,}")


def _record(number: int) -> Sentence:
    return Sentence.of("part.at_record", number=f"{number:,}")
