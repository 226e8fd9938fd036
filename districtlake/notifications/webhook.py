"""Calls of webhooks: signed, to listed hosts only, no redirect followed, no proxy taken from the environment, little of the answer read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from districtlake.notifications.failures import NeverReceived, NotReceived
from districtlake.notifications.hooks import HookRefused, allowed, secret_of
from districtlake.notifications.signing import signed_headers
from districtlake.settings import Settings
from districtlake.store.tables import Webhook

TIMEOUT = 10.0
_GONE = (404, 410)


def deliver(hook: Webhook, identity: str, body: Mapping[str, Any], second: int, settings: Settings) -> None:
    """Call it once. Any 2xx is a receipt; the answer itself is not read.

    Args:
        second: the present one, since 1970; signed, so that a recorded call cannot be played again later.

    Raises:
        NotReceived: no answer, or none that takes it. NeverReceived: it may not be called any more, or is gone (410).
    """
    import httpx2

    try:
        url = allowed(hook.url, settings)
    except HookRefused as error:
        raise NeverReceived(error.message, hint=error.hint) from None
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8", "User-Agent": "DistrictLake",
        **signed_headers(secret_of(settings, hook), hook.algorithm, identity, second, content),
    }  # fmt: skip
    try:
        with (
            httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=content, headers=headers) as answer,
        ):
            status = answer.status_code
    except (httpx2.HTTPError, OSError) as error:
        raise NotReceived(f"The webhook's host did not answer ({type(error).__name__}).", hint="It is tried again.") from None
    if status in _GONE:
        raise NeverReceived(f"The webhook is not there ({status}).", hint="Correct its address, then retry it.")
    if not 200 <= status < 300:
        raise NotReceived(f"The webhook answered {status}.", hint="It is tried again.")
