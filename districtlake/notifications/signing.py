"""Signatures of webhooks, and how a receiver checks them. Meant to be copied by receivers: standard library only.

Three headers travel with the body: the message's id (the same in every repeat), the second it was sent, and the signature over
``<id>.<second>.<body>``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, MutableSet

ID, TIMESTAMP, SIGNATURE = "X-DistrictLake-Id", "X-DistrictLake-Timestamp", "X-DistrictLake-Signature"
WINDOW_SECONDS = 300
"""How far a receiver lets the clocks, and the way, differ. What is older is a replay."""
_DIGESTS = {"hmac-sha256": "sha256", "hmac-sm3": "sm3"}


def signed_headers(secret: bytes, algorithm: str, identity: str, second: int, body: bytes) -> dict[str, str]:
    """The three headers."""
    return {ID: identity, TIMESTAMP: str(second), SIGNATURE: f"{algorithm}={_signature(secret, algorithm, identity, second, body)}"}


def verified(secret: bytes, headers: Mapping[str, str], body: bytes, now: float, seen: MutableSet[str]) -> str:
    """Check a call, for a receiver.

    Args:
        headers: of the call, by the names above.
        seen: ids handled before; the new one is put in. A receiver keeps them longer than messages are repeated (days).

    Returns:
        "new", "repeated" (answer 200 and do nothing), or why it is to be refused: "stale", "forged".
    """
    identity, second = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    algorithm, _, given = headers.get(SIGNATURE, "").partition("=")
    if algorithm not in _DIGESTS or not (second.isascii() and second.isdigit()):
        return "forged"
    if not hmac.compare_digest(_signature(secret, algorithm, identity, int(second), body), given):
        return "forged"
    if abs(now - int(second)) > WINDOW_SECONDS:
        return "stale"
    if identity in seen:
        return "repeated"
    seen.add(identity)
    return "new"


def _signature(secret: bytes, algorithm: str, identity: str, second: int, body: bytes) -> str:
    hashlib.new(_DIGESTS[algorithm])  # an OpenSSL without SM3 says so here
    return hmac.new(secret, f"{identity}.{second}.".encode() + body, _DIGESTS[algorithm]).hexdigest()
