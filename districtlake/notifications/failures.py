"""Why a message was not received, and whether trying again can help."""

from __future__ import annotations

from districtlake.errors import DistrictLakeError


class NotReceived(DistrictLakeError):
    """This message was not taken; another may be."""

    code = "notification.not_received"
    retryable = True


class NeverReceived(NotReceived):
    """Trying again cannot help: no such mailbox, an address that may not be called."""

    code = "notification.never_received"
    retryable = False


class WayClosed(DistrictLakeError):
    """No message can go this way now: the mail server does not answer or lets nobody in. All of them wait."""

    code = "notification.way_closed"
    retryable = True
