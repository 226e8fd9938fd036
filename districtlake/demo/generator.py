"""The demonstration district: write its days into a folder, and the answer book beside them.

What comes out::

    <target>/inbox/<YYYY-MM-DD>/<agency>/<file>   what the agencies deliver
    <target>/ground_truth.jsonl                   every seeded fault: day, file, row, rule, fate (see ``truth``)
    <target>/district.json                        seed, size, first day, days lived

=========================  ====================  =================================  =====================================
agency                     resource              file                               delivered
=========================  ====================  =================================  =====================================
public_security_bureau     population            户籍人口基本信息_*.csv  GB18030    daily snapshot; 户籍人口更正_*.csv on 3, 8, …
public_security_bureau     deaths                死亡注销_*.csv  UTF-8 with BOM     daily increment
market_regulation          business_entities     市场主体登记_*.xlsx                daily snapshot, two title rows, 合计 row
market_regulation          food_licences         食品经营许可_*.csv  UTF-8          daily increment
human_resources_bureau     insured_persons       企业职工参保_*.xlsx                snapshot on day 1, 4, …; three title rows, 合计 row
civil_affairs_bureau       low_income_persons    最低生活保障对象_*.csv  GB18030    snapshot on day 1, 4, …; 最低生活保障更正_*.csv on 3, …
=========================  ====================  =================================  =====================================

What can be relied on:

* The same seed, size and first day give the same bytes, whether written in one go or day by day.
* Apart from the rows in the answer book, every row is right under the standards, hard cases included: numbers of Haishu people
  from before 1983, divisions that no longer exist, residence permits, N-codes, 䶮 and 𠮷, leap days, amounts on their bounds.
  Clean rows are spelled as agencies spell: dates five ways, full-width digits, padding, labels, codes and synonyms.
* People and businesses that others refer to are never faulty and never vanish. References that miss are seeded only from the
  second delivery of the referring resource on; on day 1 the referred resource may not have been processed yet.
* A correction file patches the snapshot of the same day, which still carries the faults: it is to be processed after it.
* Unreadable keys come on day 1, 6, 11, … and are all corrected on day 3, 8, 13, …: in between people who moved away can be removed.
* The validating side's "today" must not lie before the day delivered; a future birth is 2099.
* All persons and businesses are synthetic; a number may coincide with a real one.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from districtlake.demo.district import District
from districtlake.demo.files import replace_file
from districtlake.demo.truth import write_day
from districtlake.errors import DistrictLakeError

STATE_FILE = "district.json"
SMALLEST = 200  # below, the faults alone would use up the people who may carry them


class DemoError(DistrictLakeError):
    """The folder holds another district, or none, or the district asked for cannot be made."""

    code = "demo.refused"


@dataclass(frozen=True)
class Generated:
    """What one call wrote.

    Attributes:
        folder: the district's folder; deliveries are below ``folder / "inbox"``.
        days: the days written by this call, in order; empty when all asked for were there.
        files: the delivered files, in the order agencies are listed, day by day.
        faults: seeded faults in them that a rule must report (lines of the answer book with a rule).
    """

    folder: Path
    days: tuple[date, ...]
    files: tuple[Path, ...]
    faults: int


@dataclass(frozen=True)
class _State:
    seed: int
    size: int
    first_day: date
    days: int


def generate(target: Path, *, seed: int, days: int = 5, first_day: date, size: int = 2000) -> Generated:
    """Bring the district of ``seed`` in ``target`` up to ``days`` days; days already there are left alone.

    ``size`` is the number of persons on the first day; the other registers follow from it.
    Raises DemoError when ``target`` holds a district of another seed, size or first day, or deliveries of no district:
    demonstration data is never mixed into a real inbox.
    """
    if days < 1 or size < SMALLEST:
        raise DemoError(
            f"A district of {size} persons and {days} days cannot be made.", hint=f"Give at least 1 day and {SMALLEST} persons."
        )
    wanted = _State(seed, size, first_day, days)
    known = _load(target)
    if known is not None and (known.seed, known.size, known.first_day) != (seed, size, first_day):
        raise DemoError(
            f"{target / STATE_FILE} describes another district (seed {known.seed}, size {known.size}, first day {known.first_day}).",
            hint="Choose an empty folder, or ask for that district.",
        )
    if known is None:
        inbox = target / "inbox"
        if inbox.exists() and any(inbox.iterdir()):
            raise DemoError(
                f"{inbox} holds files, and {target / STATE_FILE} is missing: they are not of a demonstration district.",
                hint="Choose an empty folder.",
            )
        # First of all: whatever an interruption leaves behind then belongs to a district that can be continued.
        _save(target, _State(seed, size, first_day, 0))
    return _write(target, wanted, written=known.days if known else 0)


def next_day(target: Path) -> Generated:
    """One more day of the district in ``target``: the same files as if it had been generated with one more day.

    Raises DemoError when ``target`` holds no district.
    """
    known = _load(target)
    if known is None:
        raise DemoError(f"{target} holds no demonstration district ({STATE_FILE} is missing).", hint="Generate one there first.")
    return _write(target, _State(known.seed, known.size, known.first_day, known.days + 1), written=known.days)


def _write(target: Path, state: _State, written: int) -> Generated:
    shutil.rmtree(target / ".writing", ignore_errors=True)  # left by a process that was killed
    district = District(state.seed, state.size, state.first_day)
    written_days: list[date] = []
    files: list[Path] = []
    faults = 0
    for index in range(1, state.days + 1):
        deliveries = district.live()
        if index <= written:
            continue
        day = state.first_day + timedelta(days=index - 1)
        lines = []
        for delivery in deliveries:
            content, truth = delivery.write()
            path = target / "inbox" / delivery.path
            replace_file(path, content, scratch=target / ".writing")
            files.append(path)
            lines += truth
        # The answer book before the state: a day is only counted as lived when everything about it is on disk.
        write_day(target, day.isoformat(), lines)
        _save(target, _State(state.seed, state.size, state.first_day, index))
        faults += sum(line.rule is not None for line in lines)
        written_days.append(day)
    return Generated(target, tuple(written_days), tuple(files), faults)


def _load(target: Path) -> _State | None:
    path = target / STATE_FILE
    if not path.exists():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return _State(raw["seed"], raw["size"], date.fromisoformat(raw["first_day"]), raw["days"])
    except (ValueError, KeyError, TypeError) as error:
        raise DemoError(f"{path} is not the state of a demonstration district ({error}).", hint="Generate into an empty folder.") from error


def _save(target: Path, state: _State) -> None:
    content = json.dumps({"seed": state.seed, "size": state.size, "first_day": state.first_day.isoformat(), "days": state.days}, indent=2)
    replace_file(target / STATE_FILE, f"{content}\n".encode(), scratch=target / ".writing")
