"""One column: its data element, code list, bounds, pattern and whether it is required, each with the evidence in counts.

No value of a row goes into a draft but codes that repeat and are nobody's name, number or address; bounds are rounded outwards.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from districtlake.catalog.models import Catalog, CodeList, Element
from districtlake.drafting.shapes import midnights, of_total, suggest_pattern, suggest_range, unit_of
from districtlake.ingestion.header import normal
from districtlake.inspection.elements import Recognised, Standards
from districtlake.inspection.profile import ColumnProfile, profile_column
from districtlake.standards.kind import CellContext, CleanedColumn
from districtlake.standards.kinds import KINDS

IDENTIFYING = re.compile(r"(号|号码|编号|编码|代码|证号|案号|文号|ID|id|Id|No\.?|code|Code|key)([（(].*)?$")
_COUNTING = re.compile(r"^(序号|编次|行号|no\.?|#|index|id)$", re.IGNORECASE)
_PERSONAL_TITLE = re.compile(
    r"人$|姓名|人员|名字|电话|手机|联系|地址|住址|住所|身份|账号|帐号|卡号|邮箱|监护|户主|name|phone|address|mail", re.IGNORECASE
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛"
    "闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
)
_PERSON = f"^[{_SURNAMES}][\\u4e00-\\u9fff]{{1,2}}$"
_PRIVATE = r"[0-9]{15,}|1[3-9][0-9]{9}"
_MONEY = re.compile(r"金额|价|费|款|工资|收入|支出|造价|资金|补贴|待遇")
_ORGANISATION = (
    r"(公司|局|委员会|中心|学院|大学|学校|医院|协会|合作社|事务所|厂|店|行|部|站|所|办|院|社|会|集团|银行|餐厅|超市)([（(].*[）)])?$"
)
_MISSING = ("无", "不详", "/", "-")
_TYPED = 0.9
_RECOGNISED = 0.6
_MOST_CODES = 30


@dataclass
class OwnElement:
    """An element (and code list) the register lacks, proposed with the draft: the YAML fields."""

    id: str
    fields: dict[str, Any]
    codes: dict[str, str] | None = None

    def as_fields(self, title: str) -> dict[str, Any]:
        """All fields of the element as the register writes them."""
        kind = self.fields["kind"]
        letter = {"integer": "N", "decimal": "N", "date": "D"}.get(kind, "C")
        told = {
            "name": title, "name_en": self.id.replace("_", " "), "definition": f"待填（由“{title}”列起草）", "data_type": letter, "format": "待填",
            "domain": f"代码表 {self.id}" if self.codes is not None else "待填", **self.fields, "missing": list(_MISSING),
        }  # fmt: skip
        return told | ({"codes": self.id or "draft"} if self.codes is not None else {})

    def element(self, title: str) -> Element:
        return Element.model_validate({**self.as_fields(title), "id": self.id or "draft"})

    def code_list(self, title: str) -> CodeList | None:
        return None if self.codes is None else CodeList(id=self.id or "draft", name=title, source="草案", codes=self.codes)


@dataclass
class DraftItem:
    """One item with what speaks for it.

    Attributes:
        bounds: ``min`` ``max`` ``pattern`` ``max_length`` ``unit`` ``sensitivity`` as the catalogue writes them.
        evidence: Chinese half-sentences, one a suggestion.
        cleaned: the column as its element's kind reads it.
        rank: how likely it identifies a row: 0 an identifier, 1 a code or day, 2 a name of a thing, 3 a person's name; 9 never.
    """

    title: str
    name: str = ""
    element: str = ""
    kind: str = "text"
    own: OwnElement | None = None
    required: bool = False
    volatile: bool = False
    aliases: list[str] = field(default_factory=list)
    bounds: dict[str, Any] = field(default_factory=dict)
    references: tuple[str, str] | None = None
    evidence: list[str] = field(default_factory=list)
    cleaned: CleanedColumn | None = None
    rank: int = 9
    values: int = 0
    distinct: int = 0


class Chooser:
    """Chooses for the columns of one resource; ``today`` judges days."""

    def __init__(self, catalog: Catalog, today: date) -> None:
        self.catalog, self.today = catalog, today
        self.standards = Standards(catalog.elements, catalog.code_lists, agreed_titles(catalog), today)

    def item(self, title: str, cells: pl.Series, samples: pl.Series) -> DraftItem:
        """The column's element and what it shows. Names are given later, when all columns are known.

        Args:
            cells: text of all files; ``samples``: which file each is from.
        """
        profile = profile_column(cells, title, title, self.standards)
        found = DraftItem(title, values=profile.values, distinct=profile.distinct)
        found.volatile = _counts_rows(title, cells, samples)
        self._element(found, profile, cells)
        self._shape(found, profile)
        return found

    def recognised(self, title: str, cells: pl.Series) -> str:
        """The particular element (of one class of objects) a column is; "" when none."""
        found = self.standards.recognise(*_counted(cells), title)
        best = found[0] if found and found[0].share >= _RECOGNISED else None
        return best.id if best is not None and self.catalog.elements[best.id].object_class else ""

    # the element -----------------------------------------------------------------------------------------------------
    def _element(self, found: DraftItem, profile: ColumnProfile, cells: pl.Series) -> None:
        unit = unit_of(found.title)
        recognised = profile.element
        if found.volatile:
            found.evidence.append("逐行递增的序号，每份文件重新编排：volatile")
            self._take(found, self._general("integer", "sequence_no", "count_integer"))
        elif recognised is not None and self._fits(recognised, unit, profile):
            self._take(found, recognised.id)
            conform = round(recognised.share * profile.values)
            by = {"title": "按题名", "values": "按取值", "both": "按题名和取值"}[recognised.by]
            found.evidence.append(f"数据元{by}：{recognised.name}，{of_total(conform, profile.values)}")
        else:
            if recognised is not None:
                found.evidence.append(f"题名似“{recognised.name}”，但仅 {recognised.share:.0%} 的值相符或单位不同，未采用")
            self._by_values(found, profile, cells, unit)
        if (
            unit
            and self.catalog.elements.get(found.element)
            and not self.catalog.elements[found.element].unit
            and found.kind in ("integer", "decimal")
        ):
            found.bounds["unit"] = unit
            found.evidence.append(f"单位“{unit}”取自题名")

    @staticmethod
    def _fits(recognised: Recognised, unit: str, profile: ColumnProfile) -> bool:
        if recognised.kind in ("name", "text", "org_name", "address") and profile.type in ("date", "moment", "decimal", "integer"):
            return recognised.by != "title" and profile.type in ("integer",)
        if recognised.by == "values" and recognised.kind == "code" and profile.type in ("integer", "decimal", "code"):
            return False  # bare numbers are codes of many lists
        if recognised.kind in ("integer", "decimal") and IDENTIFYING.search(profile.title):
            return False
        if (
            unit
            and unit in ("元", "万元", "亿元")
            and recognised.id.startswith("money_")
            and not recognised.id.endswith({"元": "yuan", "万元": "wan"}.get(unit, "-"))
        ):
            return False
        least = _RECOGNISED if recognised.by != "values" or recognised.kind != "division_code" else 0.95
        return recognised.share >= least or profile.values == 0

    def _by_values(self, found: DraftItem, profile: ColumnProfile, cells: pl.Series, unit: str) -> None:
        kind, title = profile.type, found.title
        typed = of_total(round(profile.share * profile.values), profile.values)
        if profile.values == 0:
            self._take(found, self._general("text", "remark"))
            found.evidence.append("全列为空，数据元待填")
        elif (form := self._by_form(cells)) is not None:
            self._take(found, form[0])
            found.evidence.append(f"形如{self.catalog.elements[form[0]].name}，{of_total(round(form[1] * profile.values), profile.values)}")
        elif (kind == "date" or (kind == "moment" and midnights(cells))) and self._conforming(cells, "date") >= _TYPED:
            later = re.search(r"止|至|到期|有效|计划|届满", title) is not None
            wanted = ("validity_date", "event_date") if later else ("event_date", "validity_date")
            self._take(found, self._general("date", *wanted))
            found.evidence.append(f"日期，{typed}")
        elif kind in ("decimal", "integer", "money") and not (kind == "integer" and IDENTIFYING.search(title)):
            self._number(found, profile, cells, unit, "integer" if kind == "integer" else "decimal")
            found.evidence.append(f"{'整数' if kind == 'integer' else '数值'}，{typed}")
        elif self._few_codes(found, profile, cells):
            pass
        elif kind == "code" or (IDENTIFYING.search(title) and profile.longest <= 60):
            self._own(found, "identifier", "号码", sensitivity="L2")
            found.evidence.append(f"编号类，{profile.distinct:,} 个不同值；敏感级别待填")
        else:
            self._text(found, profile, cells)

    def _by_form(self, cells: pl.Series) -> tuple[str, float] | None:
        """A general element (no class of objects) whose pattern nearly all values have: a month, a moment."""
        texts = cells.str.strip_chars().drop_nulls()
        texts = texts.filter(texts != "")
        for element in self.catalog.elements.values():
            pattern = element.options.get("pattern")
            if (
                element.kind == "identifier"
                and not element.object_class
                and pattern
                and len(texts) >= 3
                and (share := _share(texts, pattern)) >= 0.95
            ):
                return element.id, share
        return None

    def _number(self, found: DraftItem, profile: ColumnProfile, cells: pl.Series, unit: str, kind: str) -> None:
        if not unit and kind == "decimal" and _MONEY.search(found.title):
            unit = "元"
        same_unit = [
            e.id for e in self.catalog.elements.values() if e.kind in ("integer", "decimal") and unit and e.unit == unit and not e.object_class
            and (e.kind == kind or e.kind == "decimal")
        ]  # fmt: skip
        general = [
            e.id for e in self.catalog.elements.values() if e.kind == kind and not e.unit and not e.object_class and e.id != "sequence_no"
        ]
        fitting = next((id_ for id_ in same_unit or general if self._conforming_to(id_, cells) >= _TYPED), "")
        if fitting:
            self._take(found, fitting)
        else:
            digits = max(1, len(profile.greatest.partition(".")[0].lstrip("-")), len(profile.least.partition(".")[0].lstrip("-")))
            places = max((len(shape.rpartition(".")[2]) for shape, _ in profile.patterns if "." in shape), default=2)
            self._own(
                found, kind, "数值", unit=unit, options={"precision": digits + places + 2, "scale": places} if kind == "decimal" else {}
            )

    def _few_codes(self, found: DraftItem, profile: ColumnProfile, cells: pl.Series) -> bool:
        """A small closed set of values becomes a code list of its own; never one that could be of persons."""
        if not 2 <= profile.distinct <= _MOST_CODES or profile.values < 10 * profile.distinct or profile.longest > 30:
            return False
        if _PERSONAL_TITLE.search(found.title) or profile.type in ("decimal", "integer", "date", "moment", "money"):
            return False
        texts = cells.str.strip_chars().drop_nulls()
        counts = texts.value_counts(name="n").filter(pl.col(texts.name) != "").sort("n", texts.name, descending=[True, False])
        if _share(texts.unique(), _PERSON) >= 0.5 or texts.str.contains(_PRIVATE).any() or texts.str.contains(r"[\r\n]").any():
            return False
        kept = counts.filter(pl.col("n") >= max(2, profile.values // 1000))
        held = int(kept["n"].sum())
        if held < _TYPED * profile.values:
            return False
        found.own = OwnElement(
            "", {"kind": "code", "representation": "代码", "sensitivity": "L2"}, {str(value): str(value) for value in kept[texts.name]}
        )
        found.kind, found.rank = "code", 1
        found.evidence.append(f"取值封闭：{kept.height} 个值，{of_total(held, profile.values)}；拟新建代码表，名称待填")
        return True

    def _text(self, found: DraftItem, profile: ColumnProfile, cells: pl.Series) -> None:
        texts = cells.str.strip_chars().drop_nulls().unique()
        persons, title = _share(texts, _PERSON), found.title
        if persons >= 0.6 or title.endswith(("姓名", "人姓名")):
            self._take(found, self._general("name", "responsible_person_name", "person_name"))
            found.evidence.append(f"形似人名，占不同值的 {persons:.0%}")
        elif (re.search(r"地址|住址|住所", title) and profile.type != "link") or (
            not title.endswith(("名", "名称")) and _share(texts, r"(市|区|县|镇|街道).*(路|街|巷|弄|村|号)") >= 0.5
        ):
            self._take(found, self._general("address", "address"))
            found.evidence.append("形似地址")
        elif (share := _share(texts, _ORGANISATION)) >= 0.6 and len(texts) > _MOST_CODES:
            self._take(found, self._general("org_name", "org_name"))
            found.evidence.append(f"形似单位名称，占不同值的 {share:.0%}")
        else:
            self._take(found, self._general("text", "remark"))
            found.evidence.append("自由文本，数据元待填")
            if texts.str.contains(_PRIVATE).any() or _PERSONAL_TITLE.search(title):
                found.bounds["sensitivity"] = "L3"
                found.evidence.append("可能含个人信息：暂定 L3")

    def _general(self, kind: str, *wanted: str) -> str:
        """An element of a kind that belongs to no class of objects: one of ``wanted``, else any; "" when the register has none."""
        elements = self.catalog.elements
        named = [id_ for id_ in wanted if id_ in elements and elements[id_].kind == kind]
        return next(iter(named), "") or next(
            (e.id for e in elements.values() if e.kind == kind and not e.object_class and not e.options), ""
        )

    def _take(self, found: DraftItem, element: str) -> None:
        if not element:
            self._own(found, found.kind, "")
            return
        found.element, found.kind = element, self.catalog.elements[element].kind
        ranks = {
            "citizen_id": 0,
            "uscc": 0,
            "org_code": 0,
            "identifier": 0,
            "division_code": 0,
            "code": 1,
            "date": 1,
            "org_name": 2,
            "text": 2,
            "name": 3,
        }
        found.rank = ranks.get(found.kind, 9)
        if IDENTIFYING.search(found.title) and found.kind in ("text", "integer"):
            found.rank = 0
        elif found.kind == "text" and not re.search(r"名$|名称|校名|Name|name|title", found.title):
            found.rank = 9

    @staticmethod
    def _own(found: DraftItem, kind: str, representation: str, **fields: Any) -> None:
        found.own = OwnElement("", {"kind": kind, "representation": representation, **{k: v for k, v in fields.items() if v}})
        found.kind, found.rank = kind, 0 if kind == "identifier" else 9

    def _conforming(self, cells: pl.Series, kind: str) -> float:
        element = self._general(kind, "validity_date")
        return self._conforming_to(element, cells) if element else 0.0

    def _conforming_to(self, element: str, cells: pl.Series) -> float:
        """The share of values the element's kind reads without an error: another's range or precision may not hold here."""
        kind = KINDS[self.catalog.elements[element].kind]
        status = kind.clean(cells, self.context(element)).status.drop_nulls().cast(pl.String)
        fine = ["ok", *(code for code, status in kind.codes.items() if status.severity == "warning")]
        return float(status.is_in(fine).mean() or 0) if len(status) else 0.0  # type: ignore[arg-type]

    def context(self, element: str, unit: str | None = None) -> CellContext:
        entry = self.catalog.elements[element]
        return CellContext(entry, _Plain(unit), self.catalog.code_lists.get(entry.codes) if entry.codes else None, self.today)

    # the shape -------------------------------------------------------------------------------------------------------
    def _shape(self, found: DraftItem, profile: ColumnProfile) -> None:
        total = profile.values + profile.empty + sum(profile.missing.values())
        if total and not found.volatile and profile.values >= 0.99 * total:
            found.required = True
            found.evidence.append(f"必填：{of_total(profile.values, total)}")
        elif profile.missing:
            found.evidence.append(f"空缺写法 {'、'.join(list(profile.missing)[:4])}")

    def cleanse(self, found: DraftItem, cells: pl.Series) -> None:
        """Read the column as its element's kind does, and suggest bounds by what that gives."""
        kind = KINDS[found.kind]
        if found.own is not None:
            element, codes = found.own.element(found.title), found.own.code_list(found.title)
            found.cleaned = kind.clean(cells, CellContext(element, _Plain(None), codes, self.today))
        else:
            found.cleaned = kind.clean(cells, self.context(found.element, found.bounds.get("unit")))
        if found.kind in ("integer", "decimal") and not found.volatile:
            suggest_range(found, found.cleaned.value.cast(pl.Float64).drop_nulls())
        elif found.kind == "identifier":
            has = self.catalog.elements[found.element].options.get("pattern") if found.element else None
            if not has:
                suggest_pattern(found, found.cleaned.text.drop_nulls())
        elif found.kind in ("text", "org_name") and found.values:
            longest = int(found.cleaned.text.str.len_chars().max() or 0)  # type: ignore[arg-type]
            found.bounds["max_length"] = max(10, -(-longest * 3 // 2) // 10 * 10 + 10)
            found.evidence.append(f"最长 {longest} 字")


@dataclass(frozen=True)
class _Plain:
    unit: str | None
    name: str = "value"
    missing: tuple[str, ...] = ()


def _counted(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Different values and how often each stands there."""
    texts = cells.str.strip_chars().alias("text").drop_nulls()
    counts = texts.filter(texts != "").value_counts(name="n").sort("n", "text", descending=[True, False])
    return counts["text"], counts["n"]


def _share(texts: pl.Series, pattern: str) -> float:
    return float(texts.str.contains(pattern).mean() or 0) if len(texts) else 0.0  # type: ignore[arg-type]


def _counts_rows(title: str, cells: pl.Series, samples: pl.Series) -> bool:
    """A running number: named as one, or 1, 2, 3 … in every file (and no identifier by its title)."""
    numbers = cells.str.strip_chars().cast(pl.Int64, strict=False)
    if not len(numbers) or numbers.null_count() * 50 > len(numbers):
        return False
    frame = pl.DataFrame({"number": numbers, "sample": samples})
    again = 1 - frame.n_unique() / len(frame)  # the stops of each line, counted anew, are data
    steps = frame.select((pl.col("number").diff().over("sample") == 1).mean()).item() or 0.0
    starts = frame.group_by("sample").agg(pl.col("number").first())["number"].is_in([0, 1]).all()
    named = _COUNTING.fullmatch(normal(title)) is not None or normal(title).startswith("序号")
    return bool(steps >= 0.9 and again < 0.1 and starts and len(numbers) >= 3 and (named or not IDENTIFYING.search(title)))


def agreed_titles(catalog: Catalog) -> dict[str, str]:
    """Title -> element where the resources that use the title agree; a title such as ``name``, which means something else in each, is none."""
    used: dict[str, Counter[str]] = {}
    for resource in catalog.resources.values():
        for item in resource.items:
            for title in {normal(text): text for text in (item.title, *item.aliases, item.name)}.values():
                used.setdefault(title, Counter())[item.element] += 1
    titles = {title: counts.most_common(1)[0][0] for title, counts in used.items() if 3 * max(counts.values()) >= 2 * counts.total()}
    vague = {
        title for title in titles if title.isascii() and used[title].total() < 2 and len(title) < 8
    }  # name, level, code: one resource's word
    titles = {title: element for title, element in titles.items() if title not in vague}
    for element in catalog.elements.values():
        titles[element.name] = titles[element.id] = element.id
    return titles


def own_elements(items: Iterable[DraftItem], resource: str) -> list[OwnElement]:
    """The proposed elements, each with an id made of the resource's and the item's name; their items are pointed to them."""
    found = []
    for item in items:
        if item.own is not None:
            item.own.id = item.element = f"{resource}_{item.name}"[:100]
            found.append(item.own)
    return found
