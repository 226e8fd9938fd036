"""How a package is known to be ours when it comes back: keyed digests of the whole and of each row's reference.

What a row shows is never read back, so it needs no digest; what a row is *about* does.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from districtlake import secret_keys

NO_PROBLEM = "-"
"""In place of a finding where the ticket itself is answered (an update that did not come)."""


@dataclass(frozen=True)
class Seal:
    """The key packages are sealed with."""

    key: bytes

    def of_package(self, package: str, agency: str) -> str:
        """32 hexadecimal digits."""
        return self._digest("package", package, agency)[:32]

    def reference(self, package: str, number: str, problem: str = NO_PROBLEM) -> str:
        """What stands in a row's 编号: the finding, and the proof that it stood under this ticket in this package."""
        return f"{problem}.{self._digest('row', package, number, problem)[:16]}"

    def problem_of(self, package: str, number: str, reference: str) -> str | None:
        """The finding of a row; None when the reference is not one of ours for this package and ticket."""
        problem = reference.strip().rpartition(".")[0]
        right = hmac.compare_digest(self.reference(package, number, problem).encode(), reference.strip().encode())
        return problem if right else None

    def _digest(self, *parts: str) -> str:
        return hmac.new(self.key, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()


def seal_of(secrets: Path) -> Seal:
    """The installation's."""
    return Seal(secret_keys.derived(secrets, "return package"))
