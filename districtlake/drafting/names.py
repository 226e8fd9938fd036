"""English identifiers for Chinese titles: those the catalogue already uses, else a small dictionary, else a number. Never transliterated."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from districtlake.catalog.models import Catalog
from districtlake.ingestion.header import normal

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_UNIT = re.compile(r"[（(\[【][^（）()\[\]【】]*[)）\]】]")
_WORDS = {
    "行政区划": "division", "统一社会信用代码": "uscc", "公民身份号码": "citizen_id", "身份证件号码": "citizen_id", "身份证号码": "citizen_id",
    "身份证号": "citizen_id", "身份证": "citizen_id", "法定代表人": "representative", "联系电话": "phone", "手机号码": "mobile", "手机号": "mobile",
    "电话": "phone", "经营范围": "business_scope", "注册资本": "registered_capital", "登记机关": "registration_authority", "出生日期": "birth_date",
    "有效期": "validity", "开始": "start", "起始": "start", "结束": "end", "终止": "end", "截止": "end", "起": "from", "止": "to", "日期": "date",
    "时间": "time", "年份": "year", "年度": "year", "月份": "month", "季度": "quarter", "年": "year", "月": "month", "日": "day", "名称": "name",
    "姓名": "name", "简称": "short_name", "全称": "full_name", "编号": "no", "编码": "code", "代码": "code", "号码": "no", "序号": "seq", "单位": "unit",
    "机构": "institution", "企业": "enterprise", "公司": "company", "部门": "department", "学校": "school", "学生": "student", "医院": "hospital",
    "药品": "drug", "车辆": "vehicle", "车牌": "plate", "道路": "road", "房屋": "house", "项目": "project", "工程": "works", "合同": "contract",
    "许可证": "licence", "许可": "licence", "证书": "certificate", "证件": "document", "证号": "licence_no", "地址": "address", "住址": "address",
    "地点": "place", "位置": "place", "街道": "street", "社区": "community", "村": "village", "镇": "town", "乡": "township", "区": "district",
    "县": "county", "市": "city", "省": "province", "经度": "longitude", "纬度": "latitude", "面积": "area", "金额": "amount", "价格": "price",
    "单价": "unit_price", "数量": "quantity", "人数": "persons", "总数": "total", "合计": "total", "比例": "share", "类型": "type", "类别": "category",
    "种类": "kind", "等级": "grade", "级别": "level", "状态": "status", "性别": "sex", "民族": "ethnicity", "年龄": "age", "职务": "position",
    "备注": "remark", "说明": "note", "描述": "description", "内容": "content", "原因": "reason", "结果": "result", "来源": "source", "邮编": "postcode",
    "邮箱": "email", "网址": "url", "登记": "registration", "注册": "registration", "成立": "founded", "发证": "issue", "颁发": "issue", "批准": "approval",
    "办理": "handling", "受理": "acceptance", "申请": "application", "检查": "inspection", "处罚": "penalty", "更新": "update", "创建": "creation",
    "主管": "supervising", "所属": "owning", "所在": "location", "负责人": "responsible_person", "联系人": "contact", "站点": "station", "监测": "monitoring",
    "审批": "approval", "投诉": "complaint", "评分": "score", "得分": "score", "排名": "rank", "总": "total", "号": "no", "的": "",
}  # fmt: skip
_LONGEST = max(map(len, _WORDS))


def known_names(catalog: Catalog) -> dict[str, str]:
    """Normalised title -> the item name most resources use for it."""
    used: dict[str, Counter[str]] = {}
    for resource in catalog.resources.values():
        for item in resource.items:
            for title in (item.title, *item.aliases):
                used.setdefault(normal(title), Counter())[item.name] += 1
    return {title: counts.most_common(1)[0][0] for title, counts in used.items()}


def in_words(title: str) -> str:
    """The title as English words where all of it is in the dictionary, longest words first; "" else."""
    text, words = _UNIT.sub("", title).strip(), list[str]()
    if not re.search(r"[\u4e00-\u9fff]", text):
        slug = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower())).strip("_")
        return slug if _IDENTIFIER.fullmatch(slug) and len(slug) <= 60 else ""
    while text:
        for length in range(min(_LONGEST, len(text)), 0, -1):
            if text[:length] in _WORDS:
                words.append(_WORDS[text[:length]])
                text = text[length:]
                break
        else:
            return ""
    return "_".join(word for word in words if word)


def item_names(titles: Sequence[str], elements: Sequence[str], catalog: Catalog) -> list[str]:
    """One unique identifier a column.

    Args:
        elements: per column the element recognised for itself (not a general one such as ``remark``), else "".
    """
    known, found = known_names(catalog), list[str]()
    for number, (title, element) in enumerate(zip(titles, elements, strict=True), 1):
        choices = [
            known.get(normal(title), ""),
            in_words(title),
            element,
            f"item_{number:02d}",
            *(f"item_{number:02d}_{again}" for again in range(2, 99)),
        ]
        free = (one for one in choices if one and "__" not in one and _IDENTIFIER.fullmatch(one) and one not in found)
        found.append(next(free))
    return found


def resource_name(stem: str, taken: set[str]) -> str:
    """A free name for a resource from the title of its files."""
    base = in_words(re.sub(r"[0-9_\-.\s]+", " ", stem).strip()) or "draft"
    number = 1
    name = base
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name
