"""A key and values become a sentence in the reader's language; names of stages, roles and the like are put in that language, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

HERE = Path(__file__).parent
Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
HINT = ".hint"
_JOINTS = {"zh": "、", "en": ", "}


@cache
def sentences(language: Language) -> Mapping[str, str]:
    """Key -> sentence of a language, with ``{name}`` where a value goes."""
    found: dict[str, str] = yaml.safe_load((HERE / f"{language}.yaml").read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Named:
    """A thing the domain has a Chinese name for, by its family and code; its English name is ``<family>.<code>`` of ``en.yaml``."""

    family: str
    code: str
    title: str

    def told(self, language: Language) -> str:
        return self.title if language == "zh" else sentences("en")[f"{self.family}.{self.code}"]


@dataclass(frozen=True)
class Listed:
    """Several things, joined as the language joins them; ``quoted``: each in quotation marks."""

    parts: tuple[object, ...]
    quoted: bool = False

    @classmethod
    def of(cls, parts: Iterable[object], *, quoted: bool = False) -> Listed:
        return cls(tuple(parts), quoted)

    def told(self, language: Language) -> str:
        words = [told(part, language) for part in self.parts]
        return _JOINTS[language].join(f"“{word}”" if self.quoted else word for word in words)


@dataclass(frozen=True)
class Sentence:
    """A sentence that is not written yet. ``hint``: what to do now, where there is such a sentence."""

    key: str
    values: tuple[tuple[str, object], ...] = ()

    @classmethod
    def of(cls, key: str, /, **values: object) -> Sentence:
        return cls(key, tuple(values.items()))

    def told(self, language: Language = "zh") -> str:
        """Raises KeyError: the language has no such sentence, or it wants a value that is not given."""
        return self._filled(sentences(language)[self.key], language)

    def hint(self, language: Language = "zh") -> str:
        return self._filled(sentences(language).get(self.key + HINT, ""), language)

    def whole(self, language: Language = "zh") -> str:
        joint = "" if language == "zh" else " "
        return joint.join(part for part in (self.told(language), self.hint(language)) if part)

    def _filled(self, text: str, language: Language) -> str:
        return text.format(**{name: told(value, language) for name, value in self.values})


def told(value: object, language: Language) -> str:
    """A value as the language writes it."""
    if isinstance(value, Named | Listed | Sentence):
        return value.told(language)
    return "" if value is None else str(value)


def is_chinese(text: str) -> bool:
    """Whether people who read Chinese can read it."""
    return any("\u4e00" <= char <= "\u9fff" for char in text)
