"""The demonstration district: write its days into a folder, and the answer book beside them.

What comes out::

    <target>/inbox/<YYYY-MM-DD>/<agency>/<file>   what the agencies deliver
    <target>/ground_truth.jsonl                   every seeded fault: day, file, row, rule, fate (see ``truth``)
    <target>/ground_truth_leads.jsonl             every pair of rows a comparison across agencies must find (see ``leads``)
    <target>/district.json                        seed, size, first day, days lived, resources delivered

Twelve agencies, 26 resources, all of one district: the same people, businesses and addresses. The calendar is compressed, so that a
few days show every cycle.

========================  =======================  ==================================  ============================================
agency                    resource                 file                                delivered (days are counted from 1)
========================  =======================  ==================================  ============================================
public_security_bureau    population               户籍人口基本信息_*.csv  GB18030     daily snapshot; 户籍人口更正_*.csv on 3, 8, …
public_security_bureau    deaths                   死亡注销_*.csv  UTF-8 with BOM      daily increment
public_security_bureau    temporary_residents      流动人口居住登记_*.xlsx             daily increment, two title rows
market_regulation         business_entities        市场主体登记_*.xlsx                 daily snapshot, two title rows, 合计 row
market_regulation         food_licences            食品经营许可_*.csv  UTF-8           daily increment
market_regulation         penalties                行政处罚_*.csv  UTF-8 with BOM      daily increment
civil_affairs_bureau      low_income_persons       最低生活保障对象_*.csv  GB18030     snapshot on 1, 4, …; 最低生活保障更正_*.csv on 3, …
civil_affairs_bureau      marriages                婚姻登记_*.xlsx                     daily increment, one title row
civil_affairs_bureau      social_organisations     社会组织_*.csv  GB18030             snapshot on 1, 4, …
education_bureau          schools                  学校名录_*.csv  UTF-8 with BOM      snapshot on 1, 7, 14, …
education_bureau          students                 中小学在校生_*.csv  GB18030         snapshot on 1, 5, 10, …
health_bureau             birth_certificates       出生医学证明_*.csv  UTF-8           daily increment
health_bureau             death_certificates       死亡医学证明_*.csv  GB18030         daily increment
health_bureau             medical_institutions     医疗机构_*.xlsx                     snapshot on 1, 4, …; three title rows, one blank
human_resources_bureau    insured_persons          企业职工参保_*.xlsx                 snapshot on 1, 4, …; three title rows, 合计 row
human_resources_bureau    pension_payments         养老待遇领取_*.csv  UTF-8 with BOM  increment on 1, 4, …: a month once, then newcomers
medical_insurance_bureau  insured_residents        基本医保参保_*.csv  UTF-8 with BOM  snapshot on 1, 2, 5, …; 基本医保参保更正_*.csv on 4, 7, …
medical_insurance_bureau  designated_institutions  定点机构_*.xlsx                     snapshot on 1, 2, 5, …
housing_bureau            public_rental_leases     保障性住房租赁_*.xlsx               snapshot on 1, 2, 5, …
housing_bureau            construction_permits     施工许可_*.csv  UTF-8 with BOM      increment on 1, 4, 8, …
urban_management_bureau   penalty_cases            处罚案件_*.csv  UTF-8               daily increment
urban_management_bureau   outdoor_advertising      户外广告许可_*.xlsx                 snapshot on 1, 2, 5, …; a second sheet of remarks
natural_resources_bureau  real_estate              不动产登记_*.csv  GB18030           daily increment; 不动产登记更正_*.csv on 3, 8, …
natural_resources_bureau  standard_addresses       标准地名地址_*.csv  UTF-8           snapshot on 1, 4, …
agriculture_bureau        collective_economies     农村集体经济组织_*.xlsx             snapshot on 1, 2, 5, …
towns_and_streets         grid_visits              网格走访_*.csv  GB18030             daily increment
========================  =======================  ==================================  ============================================

What can be relied on:

* The same seed, size and first day give the same bytes, whether written in one go or day by day, and whichever resources are asked for.
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
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from districtlake.demo import leads
from districtlake.demo.district import District
from districtlake.demo.files import replace_file
from districtlake.demo.layouts import LATER_TABLES
from districtlake.demo.tables import TABLES
from districtlake.demo.truth import write_day
from districtlake.errors import DistrictLakeError

STATE_FILE = "district.json"
SMALLEST = 100  # below, the faults alone would use up the people who may carry them
RESOURCES = tuple(sorted(f"{table.agency}.{table.resource}" for table in (*TABLES, *LATER_TABLES)))
"""What the district's agencies deliver, as "agency.resource"."""

Progress = Callable[[date, str, int], None]
"""Told of each file about to be written: its day, its name, how many records it holds."""


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
    resources: tuple[str, ...] = RESOURCES


def generate(
    target: Path,
    *,
    seed: int,
    days: int = 5,
    first_day: date,
    size: int = 2000,
    resources: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Generated:
    """Bring the district of ``seed`` in ``target`` up to ``days`` days; days already there are left alone.

    ``size`` is the number of persons on the first day, 100 to millions; the other registers follow from it.
    ``resources``: deliver only these ("agency.resource"; default: all). The district lives whole all the same, so what a file holds
    does not depend on it; an answer that needs a resource which is not delivered is left out of the answer books.
    Raises DemoError when ``target`` holds a district of another seed, size, first day or choice of resources, or deliveries of no
    district: demonstration data is never mixed into a real inbox.
    """
    chosen = RESOURCES if resources is None else tuple(sorted(set(resources)))
    unknown = sorted(set(chosen) - set(RESOURCES))
    if unknown or not chosen:
        raise DemoError(
            f"The demonstration district has no resource {', '.join(unknown)}." if unknown else "No resource was asked for.",
            hint=f"Choose among {', '.join(RESOURCES)}.",
        )
    if days < 1 or size < SMALLEST:
        raise DemoError(
            f"A district of {size} persons and {days} days cannot be made.", hint=f"Give at least 1 day and {SMALLEST} persons."
        )
    wanted = _State(seed, size, first_day, days, chosen)
    known = _load(target)
    if known is not None and known.resources != chosen:
        raise DemoError(
            f"{target / STATE_FILE} describes a district that delivers {len(known.resources)} resources, and {len(chosen)} were asked for.",
            hint="Choose an empty folder, or ask for the same resources.",
        )
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
        _save(target, _State(seed, size, first_day, 0, chosen))
    return _write(target, wanted, known.days if known else 0, progress)


def next_day(target: Path, *, progress: Progress | None = None) -> Generated:
    """One more day of the district in ``target``: the same files as if it had been generated with one more day.

    Raises DemoError when ``target`` holds no district.
    """
    known = _load(target)
    if known is None:
        raise DemoError(f"{target} holds no demonstration district ({STATE_FILE} is missing).", hint="Generate one there first.")
    return _write(target, replace(known, days=known.days + 1), known.days, progress)


def _write(target: Path, state: _State, written: int, progress: Progress | None) -> Generated:
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
            if f"{delivery.table.agency}.{delivery.table.resource}" not in state.resources:
                continue
            if progress is not None:
                progress(day, delivery.name, len(delivery.records))
            content, truth = delivery.write()
            path = target / "inbox" / delivery.path
            replace_file(path, content, scratch=target / ".writing")
            files.append(path)
            lines += truth
        # The answer books before the state: a day is only counted as lived when everything about it is on disk.
        write_day(target, day.isoformat(), lines)
        found = [lead for lead in district.leads if lead.left in state.resources and lead.right in state.resources]
        write_day(target, day.isoformat(), found, leads.FILE_NAME)
        _save(target, replace(state, days=index))
        faults += sum(line.rule is not None for line in lines)
        written_days.append(day)
    return Generated(target, tuple(written_days), tuple(files), faults)


def _load(target: Path) -> _State | None:
    path = target / STATE_FILE
    if not path.exists():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        chosen = tuple(raw.get("resources") or RESOURCES)
        return _State(raw["seed"], raw["size"], date.fromisoformat(raw["first_day"]), raw["days"], chosen)
    except (ValueError, KeyError, TypeError) as error:
        raise DemoError(f"{path} is not the state of a demonstration district ({error}).", hint="Generate into an empty folder.") from error


def _save(target: Path, state: _State) -> None:
    told = {"seed": state.seed, "size": state.size, "first_day": state.first_day.isoformat(), "days": state.days}
    content = json.dumps(told if state.resources == RESOURCES else {**told, "resources": state.resources}, indent=2)
    replace_file(target / STATE_FILE, f"{content}\n".encode(), scratch=target / ".writing")
