"""Synthetic identifiers with right check characters, computed here and nowhere shared with the checks under test.

Sources: GB 11643-1999 (citizen), GB 32100-2015 (unified social credit code), GB 11714-1997 (organisation code),
ISO 7064 MOD 11,10 (food licence). A synthetic number may coincide with a real one: demonstration data is labelled so.
"""

from __future__ import annotations

from datetime import date
from random import Random

CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CITIZEN_CHECKS = "10X98765432"
CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def citizen_check(first17: str) -> str:
    """The 18th character of a citizen number, "0".."9" or "X" (GB 11643)."""
    return CITIZEN_CHECKS[sum(weight * int(digit) for weight, digit in zip(CITIZEN_WEIGHTS, first17, strict=True)) % 11]


def citizen_id(region: str, birth: str, sequence: int) -> str:
    """A citizen number of ``region`` (6 digits), ``birth`` (YYYYMMDD, not checked) and ``sequence`` (odd: male)."""
    first17 = f"{region}{birth}{sequence:03d}"
    return first17 + citizen_check(first17)


def organisation_code(first8: str) -> str:
    """The nine characters of an organisation code (GB 11714): 10 becomes X, 11 becomes 0."""
    check = 11 - sum(weight * int(char, 36) for weight, char in zip(ORGANISATION_WEIGHTS, first8, strict=True)) % 11
    return first8 + {10: "X", 11: "0"}.get(check, str(check))


def credit_check(first17: str) -> str:
    """The 18th character of a unified social credit code (GB 32100)."""
    total = sum(weight * CREDIT_ALPHABET.index(char) for weight, char in zip(CREDIT_WEIGHTS, first17, strict=True))
    return CREDIT_ALPHABET[(31 - total % 31) % 31]


def credit_code(authority: str, region: str, first8: str) -> str:
    """A unified social credit code; ``authority`` is its first two characters, ``first8`` the organisation's own."""
    first17 = f"{authority}{region}{organisation_code(first8)}"
    return first17 + credit_check(first17)


def licence_number(kind: int, region: str, serial: int) -> str:
    """A food licence number: JY, kind (1 sale, 2 catering, 3 canteen), region, six digits, MOD 11,10 check digit."""
    digits = f"{kind}{region}{serial:06d}"
    product = 10
    for digit in digits:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return f"JY{digits}{(11 - product) % 10}"


class Registry:
    """Hands out each identifier once, so that nothing in the district collides by accident."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._licences = 0

    def claim(self, text: str) -> bool:
        """True when ``text`` was free; it is taken from then on."""
        if text in self._taken:
            return False
        self._taken.add(text)
        return True

    def citizen(self, rng: Random, region: str, birth: date, male: bool) -> str:
        """A new citizen number. Raises RuntimeError when region and day of birth have no sequence left."""
        for _ in range(5000):
            number = citizen_id(region, f"{birth:%Y%m%d}", rng.randrange(1, 499) * 2 + (1 if male else 0))
            if self.claim(number):
                return number
        raise RuntimeError(f"no citizen number left for region {region} on one day of birth; lower the size")

    def credit(self, rng: Random, authority: str, region: str, prefix: str) -> str:
        """A new credit code whose organisation part begins with ``prefix`` (up to eight characters, letters allowed)."""
        while True:
            tail = "".join(rng.choice(CREDIT_ALPHABET) for _ in range(8 - len(prefix)))
            code = credit_code(authority, region, prefix + tail)
            if self.claim(code):
                return code

    def licence(self, kind: int) -> str:
        self._licences += 1
        return licence_number(kind, "330203", self._licences)
