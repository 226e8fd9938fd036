"""The watchdog: what is wrong with the nights stands as a notice until a night makes it good."""

from __future__ import annotations

from districtlake.delivery.district import District
from districtlake.delivery.notices import NIGHTS, keep_notices
from districtlake.nights.record import Alarm, alarms_of_last_night


def watch(district: District) -> list[Alarm]:
    """Look at the record of nights, write its alarms down as notices, clear those that no longer hold. Idempotent."""
    alarms = alarms_of_last_night(district)
    keep_notices(district, ((alarm.code, alarm.message, alarm.hint, None) for alarm in alarms), family=NIGHTS)
    return alarms
