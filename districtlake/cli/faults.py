"""A fault of ours, at the command line: one sentence with a number, the place where it happened in a log, and no value of anybody's row.

An exception's own words may quote a cell (a value that could not be converted), so only words that cannot are kept.
"""

from __future__ import annotations

import os
import re
import secrets
import traceback
from contextlib import suppress
from pathlib import Path

from districtlake.cli.output import errors, show_json
from districtlake.errors import DistrictLakeError
from districtlake.settings import PROJECT_ROOT, Settings

DEBUG = "DISTRICTLAKE_DEBUG"
_SPEAK_OF_CODE = (AttributeError, ImportError, NameError, NotImplementedError, RecursionError, MemoryError)
"""Their words are about the program, never about data."""


def told(error: Exception, *, as_json: bool) -> int:
    """Print the sentence (and the trace, where it was asked for) and keep the trace in the logs; returns the exit code."""
    number, trace = secrets.token_hex(4), trace_of(error)
    kept = _keep(number, trace)
    where = str(kept) if kept else "日志写不进状态文件夹（the log could not be written）"
    hint = f"日志 log: {where}；--debug 或 {DEBUG}=1 显示出错位置。请把编号和日志交给维护人员。"
    if as_json:
        show_json(
            {"error": {"code": "internal", "id": number, "message": "系统出错。An unexpected fault.", "hint": hint, "retryable": False}}
        )
    else:
        errors.print(f"[bold red]错误[/] 系统出错，编号 {number}（an unexpected fault: {type(error).__name__}）。已完成的部分不受影响。")
        errors.print("[bold]处理[/] ", end="")
        errors.print(hint, markup=False, soft_wrap=True)
    if os.environ.get(DEBUG):
        errors.print(trace, markup=False, soft_wrap=True)
    return 1


def trace_of(error: BaseException) -> str:
    """Where it happened: files, lines and kinds of error, of causes as well. Without local values and without words that may quote a cell."""
    chain: list[BaseException] = []
    now: BaseException | None = error
    while now is not None and now not in chain and len(chain) < 20:
        chain.append(now)
        now = now.__cause__ or (None if now.__suppress_context__ else now.__context__)
    parts = []
    for one in reversed(chain):
        words = f": {one}" if isinstance(one, _SPEAK_OF_CODE) else ""
        places = "".join(traceback.format_list(traceback.extract_tb(one.__traceback__)))
        parts.append(f"{places}{type(one).__module__}.{type(one).__qualname__}{words}\n")
    return "\n".join(parts)


def fault_line(error: BaseException, number: str) -> str:
    """The line that ends the log of a process: the fault's number and class; of our own errors, which hold no value of a row, the sentence too."""
    sentence = f": {' '.join(str(error).split())}" if isinstance(error, DistrictLakeError) else ""
    return f"fault {number} {type(error).__module__}.{type(error).__qualname__}{sentence}"


def last_fault(log: str) -> str:
    """What ``fault_line`` wrote last in a log; empty: the process did not end by an error that it could tell."""
    found = re.findall(r"^fault [0-9a-f]{8} [\w.<>]+(?:: .*)?$", log, flags=re.M)
    return found[-1] if found else ""


def _keep(number: str, trace: str) -> Path | None:
    from districtlake.cli.subprocesses import log_file

    with suppress(Exception):  # whatever is broken, the sentence is still told
        path = log_file(_settings(), "fault")
        path.write_text(f"{number}\n{trace}", encoding="utf-8")
        return path
    return None


def _settings() -> Settings:
    """Where the logs are, even if some other setting is what is wrong."""
    with suppress(Exception):
        return Settings.from_environment()
    return Settings(state=Path(os.environ.get("DISTRICTLAKE_STATE") or PROJECT_ROOT / ".state").resolve())
