"""What ``match:`` of a comparison may name: ways in which two sources write one thing apart, undone for comparing only.

Lives here: the steps, what they are told as, the kinds of data element they take and what they make of them. Their SQL is
``comparison.matching``'s, under the same names. No step makes an identifier of a name: persons are not joined by their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

DIVISION_LEVELS = {"province": (2, "省级"), "city": (4, "地级"), "county": (6, "县级"), "town": (9, "乡级"), "village": (12, "村级")}
"""Level -> digits of its code by GB/T 2260, GB/T 10114 and the statistics code; how people call it."""


@dataclass(frozen=True)
class MatchStep:
    """One step.

    Attributes:
        words: as a lead tells it, in Chinese.
        takes: kinds of data element it may be applied to; empty: any.
        gives: the kind of what it makes; "": that of what it took.
    """

    words: str
    takes: frozenset[str] = frozenset()
    gives: str = ""


_CODES = frozenset({"division_code", "identifier"})
_TEXTS = frozenset({"text", "org_name", "address"})

MATCH_STEPS: dict[str, MatchStep] = {
    "trim": MatchStep("首尾空白不计"),
    "blanks": MatchStep("空白不计"),
    "width": MatchStep("全半角不计"),
    "case": MatchStep("大小写不计"),
    "dots": MatchStep("间隔号不计", _TEXTS | {"name"}),
    "text": MatchStep("空白、全半角、大小写不计，间隔号统一", _TEXTS | {"name", "identifier", "code"}),
    "leading_zeros": MatchStep("开头的零不计", frozenset({"identifier", "code"})),
    "citizen_id": MatchStep("15位号码按升位后的18位", frozenset({"citizen_id", "identifier"}), "citizen_id"),
    "org_code": MatchStep("统一社会信用代码按其中的组织机构代码", frozenset({"uscc", "org_code", "identifier"}), "org_code"),
    "org_name": MatchStep("空白、全半角、括号、“有限责任公司”与“有限公司”之别不计", _TEXTS),
    **{
        f"division_{level}": MatchStep(f"区划代码归到{told}", _CODES, "division_code") for level, (_, told) in DIVISION_LEVELS.items()
    },
    "division_full": MatchStep("区划代码补足12位", _CODES, "division_code"),
    "division_name": MatchStep("区划名称不计通名", _TEXTS),
    "address_street": MatchStep("地址归到县级区划和街道、镇、乡", _TEXTS),
}  # fmt: skip


def kind_after(kind: str, steps: Iterable[str]) -> str:
    """The kind of a value of ``kind`` when the steps were taken."""
    for step in steps:
        kind = MATCH_STEPS[step].gives or kind
    return kind


def wrong_step(kind: str, steps: Iterable[str]) -> tuple[str, str] | None:
    """The first step that cannot be applied, with the kind it met; None where all can."""
    for step in steps:
        takes = MATCH_STEPS[step].takes
        if takes and kind not in takes:
            return step, kind
        kind = kind_after(kind, (step,))
    return None
