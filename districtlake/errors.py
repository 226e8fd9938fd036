"""The project's own errors. Each is data: a code, what happened, what to do about it, and whether trying again can help.

The edges (CLI, Dagster, portal) turn them into exit codes, check results or problem documents; nothing else prints them.
"""

from __future__ import annotations

import traceback
from typing import Self

from districtlake.wording.sentences import Language, Sentence, is_chinese


class DistrictLakeError(Exception):
    """An error a person can act on.

    Attributes:
        code: stable, dotted identifier, e.g. ``ingestion.encoding``.
        message: one sentence naming the file, key or table concerned. Never holds personal data.
        hint: what to write or do instead.
        retryable: True when the same action may succeed later without anybody changing anything.
        sentence: where message and hint come from, so that they can be told in either language; None: they stand as they were written.
    """

    code = "districtlake.error"
    retryable = False
    sentence: Sentence | None = None

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, retryable: bool | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable

    @classmethod
    def of(cls, key: str, /, *, code: str | None = None, retryable: bool | None = None, **values: object) -> Self:
        """The error whose sentence is ``key`` of the wording, filled with ``values`` (and ``code``); message and hint are the Chinese ones."""
        return cls.because(Sentence.of(key, **({"code": code} if code else {}), **values), code=code, retryable=retryable)

    @classmethod
    def because(cls, sentence: Sentence, *, code: str | None = None, retryable: bool | None = None) -> Self:
        """As ``of``, of a sentence that stands already."""
        error = cls(sentence.told(), hint=sentence.hint(), code=code, retryable=retryable)
        error.sentence = sentence
        return error

    def told(self, language: Language) -> tuple[str, str]:
        """Message and hint for a reader of ``language``. What was written in the other one only is named by its code, never shown."""
        if self.sentence is not None:
            return self.sentence.told(language), self.sentence.hint(language)
        if is_chinese(self.message) == (language == "zh"):
            return self.message, self.hint if is_chinese(self.hint) == (language == "zh") else ""
        unworded = Sentence.of("error.again" if self.retryable else "error.other", code=self.code)
        return unworded.told(language), unworded.hint(language)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def as_dict(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message, "hint": self.hint, "retryable": self.retryable}


def kind_and_place(error: BaseException) -> str:
    """Another's error as it may be told: its kind and place. Its text may quote a cell."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}（{last.filename.rsplit('/', 1)[-1]}:{last.lineno}）"


class CatalogError(DistrictLakeError):
    """The catalogue contradicts itself or its schema; names file and key."""

    code = "catalog.invalid"


class IngestionError(DistrictLakeError):
    """A delivered file cannot be read as the catalogue says; the delivery is held, the file stays in the archive."""

    code = "ingestion.unreadable"


class ValidationFailed(DistrictLakeError):
    """The validation engine itself failed; no verdict exists, so nothing may pass."""

    code = "validation.engine"


class ConcurrentChange(DistrictLakeError):
    """Another writer changed the table since the version this change was computed from."""

    code = "warehouse.conflict"
    retryable = True


class OperationRefused(DistrictLakeError):
    """An operator asked for something the present state does not allow."""

    code = "operation.refused"


class NotFound(DistrictLakeError):
    """No such resource, delivery, ticket or table."""

    code = "not_found"
