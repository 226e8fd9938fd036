"""A time limit for what Spark is asked: its jobs are cancelled until the call returns, and the caller never waits much longer than the limit.

A session's own tags cannot do it: ``SparkSession.interruptTag`` knows only the tags of the thread that calls it. Tags of jobs can be cancelled from
any thread, but only jobs that run at that moment: a statement of many jobs begins the next one. And planning is no job at all.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CANCEL_EVERY = 0.5
"""Seconds between two cancellations."""
GRACE = 3.0
"""Seconds a cancelled call may take to return; then it is left behind (Spark cannot interrupt planning), its jobs cancelled until it ends."""
_Made = TypeVar("_Made")


class TimeIsUp(Exception):
    """The limit was reached; the work was stopped, or left behind to be stopped."""


class _Call(threading.Event):
    """Set when the work has ended. ``made``: what it gave; ``error``: what it raised."""

    made: Any = None
    error: BaseException | None = None


def within(session: SparkSession, seconds: float, work: Callable[[], _Made]) -> _Made:
    """What ``work`` gives; it runs in a thread of its own, whose jobs carry a tag that no other work has.

    Raises:
        TimeIsUp: it did not end within ``seconds``. Whatever ``work`` raises.
    """
    from pyspark import InheritableThread  # with its own thread in Java, which has this one's properties (description, pool)

    context, tag, call = session.sparkContext, f"districtlake-{uuid.uuid4().hex}", _Call()

    def run() -> None:
        try:
            context.addJobTag(tag)
            context.setInterruptOnCancel(True)  # a task that waits for another machine is woken
            call.made = work()
        except BaseException as error:  # raised where the call is waited for
            call.error = error
        finally:
            call.set()

    def cancel() -> None:
        while not call.wait(CANCEL_EVERY):
            with suppress(Exception):  # the session may have ended
                context.cancelJobsWithTag(tag)

    InheritableThread(target=run, name="spark-statement", daemon=True).start()
    try:
        in_time = call.wait(seconds)
    except BaseException:  # Ctrl-C: nobody waits for it any more
        threading.Thread(target=cancel, name="spark-cancel", daemon=True).start()
        raise
    if not in_time:
        began = time.monotonic()
        threading.Thread(target=cancel, name="spark-cancel", daemon=True).start()
        call.wait(GRACE - (time.monotonic() - began))
        if call.error is not None or not call.is_set():
            call.error = None  # its words are not needed, and may quote a row
            raise TimeIsUp
    if call.error is not None:
        raise call.error
    made: _Made = call.made
    return made
