"""How each of the other twenty resources is laid out: items in file order, headers, and the hand each column is written in."""

from __future__ import annotations

from districtlake.demo import spelling as s
from districtlake.demo.tables import Column, Table
from districtlake.demo.vocabulary import GRADES, STAGES

_SEX = s.coded({"男": ("1", "M", "男性"), "女": ("2", "F", "女性")})
_GRADE = s.coded({grade: (short, str(number)) for number, (grade, short) in enumerate(GRADES, 1)})
_STAGE = s.coded(dict(STAGES))
_ID, _TEXT, _NAME, _DATE, _TRUE_DATE = s.spell_identifier, s.spell_text, s.spell_name, s.spell_date, s.spell_true_date


def _table(agency: str, resource: str, key: str, *columns: tuple[str, str, s.Spell]) -> Table:
    return Table(agency, resource, tuple(Column(*column) for column in columns), tuple(key.split()))


STANDARD_ADDRESSES = _table(
    "natural_resources_bureau",
    "standard_addresses",
    "address_code",
    ("address_code", "地址编码", _TEXT),
    ("full_name", "标准地址", s.spell_address),
    ("street_code", "街道代码", _TEXT),
    ("longitude", "经度", s.spell_coordinate),
    ("latitude", "纬度", s.spell_coordinate),
)
REAL_ESTATE = _table(
    "natural_resources_bureau",
    "real_estate",
    "unit_no",
    ("unit_no", "不动产单元号", _ID),
    ("holder_citizen_id", "权利人身份证号", s.spell_optional_identifier),
    ("holder_uscc", "权利人统一社会信用代码", s.spell_optional_identifier),
    ("address", "坐落", s.spell_address),
    ("area_m2", "建筑面积(平方米)", s.spell_amount),
    ("registered_date", "登簿日期", _DATE),
)
PUBLIC_RENTAL_LEASES = _table(
    "housing_bureau",
    "public_rental_leases",
    "citizen_id unit_no",
    ("citizen_id", "身份证号码", _ID),
    ("unit_no", "房源号", _TEXT),
    ("address", "房屋坐落", _TEXT),
    ("area_m2", "建筑面积(平方米)", s.spell_amount_cell),
    ("lease_start", "起租日期", _TRUE_DATE),
    ("lease_end", "到期日期", _TRUE_DATE),
)
CONSTRUCTION_PERMITS = _table(
    "housing_bureau",
    "construction_permits",
    "permit_no",
    ("permit_no", "施工许可证编号", _TEXT),
    ("developer_uscc", "建设单位统一社会信用代码", _ID),
    ("project", "工程名称", _TEXT),
    ("cost_wan", "合同造价(万元)", s.spell_amount),
    ("issued_date", "发证日期", _DATE),
)
TEMPORARY_RESIDENTS = _table(
    "public_security_bureau",
    "temporary_residents",
    "registration_no",
    ("registration_no", "登记编号", _TEXT),
    ("citizen_id", "身份证号", _ID),
    ("name", "姓名", _NAME),
    ("address", "现住址", s.spell_address),
    ("address_code", "标准地址编码", s.spell_optional),
    ("registered_date", "登记日期", _TRUE_DATE),
    ("expiry_date", "到期日期", _TRUE_DATE),
)
MARRIAGES = _table(
    "civil_affairs_bureau",
    "marriages",
    "certificate_no",
    ("certificate_no", "登记字号", _ID),
    ("citizen_id_a", "男方身份证号", _ID),
    ("name_a", "男方姓名", _NAME),
    ("citizen_id_b", "女方身份证号", _ID),
    ("name_b", "女方姓名", _NAME),
    ("registered_date", "登记日期", _TRUE_DATE),
    ("kind", "登记类别", s.coded({"结婚": ("1", "结婚登记"), "离婚": ("2", "离婚登记")})),
)
SOCIAL_ORGANISATIONS = _table(
    "civil_affairs_bureau",
    "social_organisations",
    "uscc",
    ("uscc", "统一社会信用代码", _ID),
    ("name", "社会组织名称", _TEXT),
    ("kind", "社会组织类型", s.coded({"社会团体": ("1", "社团"), "民办非企业单位": ("2", "民非", "社会服务机构"), "基金会": ("3",)})),
    ("head_name", "负责人", _NAME),
    ("status", "登记状态", s.coded({"正常": ("1", "存续"), "撤销": ("2", "已撤销"), "注销": ("3", "已注销")})),
)
SCHOOLS = _table(
    "education_bureau",
    "schools",
    "uscc",
    ("uscc", "统一社会信用代码", _ID),
    ("name", "学校名称", _TEXT),
    ("stage", "学段", _STAGE),
    ("address", "学校地址", s.spell_address),
    ("classes", "班级数", s.spell_count),
)
STUDENTS = _table(
    "education_bureau",
    "students",
    "student_no",
    ("student_no", "学籍号", _ID),
    ("citizen_id", "身份证号", _ID),
    ("name", "姓名", _NAME),
    ("school_uscc", "学校统一社会信用代码", _ID),
    ("grade", "年级", _GRADE),
    ("guardian_name", "监护人", _NAME),
)
BIRTH_CERTIFICATES = _table(
    "health_bureau",
    "birth_certificates",
    "certificate_no",
    ("certificate_no", "出生医学证明编号", _ID),
    ("mother_citizen_id", "母亲身份证号", _ID),
    ("newborn_name", "新生儿姓名", s.spell_optional_name),
    ("newborn_sex", "新生儿性别", _SEX),
    ("birth_date", "出生日期", _DATE),
    ("hospital_uscc", "接生机构统一社会信用代码", _ID),
)
DEATH_CERTIFICATES = _table(
    "health_bureau",
    "death_certificates",
    "certificate_no",
    ("certificate_no", "证明编号", _TEXT),
    ("citizen_id", "公民身份号码", _ID),
    ("death_date", "死亡日期", _DATE),
)
MEDICAL_INSTITUTIONS = _table(
    "health_bureau",
    "medical_institutions",
    "registration_no",
    ("registration_no", "登记号", _TEXT),
    ("uscc", "统一社会信用代码", _ID),
    ("name", "医疗机构名称", _TEXT),
    ("level", "级别", s.coded({"一级": ("1", "一级医院"), "二级": ("2",), "三级": ("3", "三级医院"), "未定级": ("9", "未评级")})),
    ("valid_from", "有效期起", _TRUE_DATE),
    ("valid_to", "有效期止", _TRUE_DATE),
)
PENSION_PAYMENTS = _table(
    "human_resources_bureau",
    "pension_payments",
    "citizen_id pay_month",
    ("citizen_id", "公民身份号码", _ID),
    ("pay_month", "待遇月", _TEXT),
    ("amount_yuan", "发放金额(元)", s.spell_amount),
    ("status", "发放状态", s.coded({"正常发放": ("1", "正常"), "暂停发放": ("2", "暂停"), "停止发放": ("3", "停发")})),
)
INSURED_RESIDENTS = _table(
    "medical_insurance_bureau",
    "insured_residents",
    "citizen_id insurance_type",
    ("citizen_id", "身份证号码", _ID),
    ("insurance_type", "险种", s.coded({"职工基本医疗保险": ("1", "职工医保"), "城乡居民基本医疗保险": ("2", "居民医保")})),
    ("start_date", "参保日期", _DATE),
    ("end_date", "停保日期", s.spell_optional_date),
    ("status", "参保状态", s.coded({"参保缴费": ("1", "参保", "正常参保"), "终止参保": ("3", "终止")})),
)
DESIGNATED_INSTITUTIONS = _table(
    "medical_insurance_bureau",
    "designated_institutions",
    "institution_code",
    ("institution_code", "机构编码", _ID),
    ("uscc", "统一社会信用代码", _ID),
    ("name", "机构名称", _TEXT),
    ("kind", "机构类别", s.coded({"定点医疗机构": ("1", "医疗机构"), "定点零售药店": ("2", "零售药店")})),
)
_PARTY = (
    ("party_uscc", "当事人统一社会信用代码", s.spell_optional_identifier),
    ("party_citizen_id", "当事人公民身份号码", s.spell_optional_identifier),
)
PENALTIES = _table(
    "market_regulation",
    "penalties",
    "document_no",
    ("document_no", "决定书文号", _TEXT),
    *_PARTY,
    ("cause", "处罚事由", _TEXT),
    ("amount_yuan", "罚没金额(元)", s.spell_amount),
    ("penalty_date", "处罚日期", _DATE),
    ("publicity_end", "公示截止", s.spell_optional_date),
)
PENALTY_CASES = _table(
    "urban_management_bureau",
    "penalty_cases",
    "case_no",
    ("case_no", "案号", _TEXT),
    *_PARTY,
    ("cause", "案由", _TEXT),
    ("amount_yuan", "罚款金额(元)", s.spell_amount),
    ("decided_date", "决定日期", _DATE),
    ("longitude", "经度", s.spell_coordinate),
    ("latitude", "纬度", s.spell_coordinate),
)
OUTDOOR_ADVERTISING = _table(
    "urban_management_bureau",
    "outdoor_advertising",
    "permit_no",
    ("permit_no", "许可证编号", _TEXT),
    ("uscc", "统一社会信用代码", _ID),
    ("place", "设置地点", _TEXT),
    ("valid_from", "有效期起", _TRUE_DATE),
    ("valid_to", "有效期止", _TRUE_DATE),
)
COLLECTIVE_ECONOMIES = _table(
    "agriculture_bureau",
    "collective_economies",
    "uscc",
    ("uscc", "统一社会信用代码", _ID),
    ("name", "组织名称", _TEXT),
    ("village", "村名", _TEXT),
    ("legal_representative", "负责人", _NAME),
)
GRID_VISITS = _table(
    "towns_and_streets",
    "grid_visits",
    "visit_no",
    ("visit_no", "走访号", _TEXT),
    ("grid_no", "网格号", _TEXT),
    ("citizen_id", "公民身份号码", _ID),
    ("name", "姓名", _NAME),
    ("visit_date", "走访日期", _DATE),
    ("matter", "事项", _TEXT),
)
LATER_TABLES = (
    STANDARD_ADDRESSES, REAL_ESTATE, PUBLIC_RENTAL_LEASES, CONSTRUCTION_PERMITS, TEMPORARY_RESIDENTS, MARRIAGES, SOCIAL_ORGANISATIONS,
    SCHOOLS, STUDENTS, BIRTH_CERTIFICATES, DEATH_CERTIFICATES, MEDICAL_INSTITUTIONS, PENSION_PAYMENTS, INSURED_RESIDENTS,
    DESIGNATED_INSTITUTIONS, PENALTIES, PENALTY_CASES, OUTDOOR_ADVERTISING, COLLECTIVE_ECONOMIES, GRID_VISITS,
)  # fmt: skip
