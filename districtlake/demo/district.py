"""The whole district: one life, one day after another, and what its agencies deliver on each."""

from __future__ import annotations

from datetime import date

from districtlake.demo import layouts as later
from districtlake.demo.benefits import DesignatedInstitutions, InsuredResidents, MedicalInstitutions, Pensions
from districtlake.demo.delivery import Delivery
from districtlake.demo.economy import Businesses, Insured
from districtlake.demo.files import Csv, Excel
from districtlake.demo.households import BirthCertificates, DeathCertificates, GridVisits, Marriages, TemporaryResidents
from districtlake.demo.identifiers import Registry
from districtlake.demo.institutions import CollectiveEconomies, Penalties, PenaltyCases, Schools, SocialOrganisations, Students
from districtlake.demo.leads import Lead, Leads
from districtlake.demo.places import ConstructionPermits, Leases, OutdoorAdvertising, RealEstate, StandardAddresses
from districtlake.demo.residents import Residents
from districtlake.demo.schedule import Day
from districtlake.demo.tables import BUSINESS_ENTITIES, DEATHS, FOOD_LICENCES, INSURED_PERSONS, LOW_INCOME, POPULATION, Record, Table
from districtlake.demo.welfare import LowIncome

_GB18030, _PLAIN, _MARKED = Csv("gb18030"), Csv("utf-8"), Csv("utf-8-sig")


class District:
    """Everything follows from seed, size and first day; ``live`` must be called once for each day, in order."""

    def __init__(self, seed: int, size: int, first_day: date) -> None:
        self._seed, self._size, self._first_day = seed, size, first_day
        self._lived = 0
        registry = Registry()
        self._residents = Residents(registry)
        self._businesses = Businesses(registry)
        self._insured = Insured(registry)
        self._low_income = LowIncome(registry)
        self._addresses = StandardAddresses(registry)
        self._real_estate = RealEstate(registry)
        self._leases = Leases(registry)
        self._construction = ConstructionPermits(registry)
        self._advertising = OutdoorAdvertising(registry)
        self._medical = MedicalInstitutions(registry)
        self._designated = DesignatedInstitutions(registry)
        self._insured_residents = InsuredResidents(registry)
        self._pensions = Pensions(registry)
        self._temporary = TemporaryResidents(registry)
        self._marriages = Marriages(registry)
        self._births = BirthCertificates(registry)
        self._death_certificates = DeathCertificates(registry)
        self._visits = GridVisits(registry)
        self._schools = Schools(registry)
        self._students = Students(registry)
        self._social = SocialOrganisations(registry)
        self._collectives = CollectiveEconomies(registry)
        self._penalties = Penalties(registry)
        self._cases = PenaltyCases(registry)
        self._leads = Leads()

    @property
    def leads(self) -> list[Lead]:
        """What a comparison across agencies must find at the end of the day."""
        return self._leads.today

    def live(self) -> list[Delivery]:
        """One more day. The deliveries are to be written before the next: nothing is rendered for a day nobody asks for."""
        self._lived += 1
        day = Day(self._seed, self._size, self._first_day, self._lived)
        people, firms = self._residents, self._businesses
        people.live(day)
        firms.live(day)
        self._insured.live(day, people, firms)
        self._low_income.live(day, people)
        monthly, late_monthly = day.comes(3, 1), day.comes(3, 2)
        if monthly:
            self._addresses.live(day)
            self._medical.live(day, firms)
            self._social.live(day)
        self._real_estate.live(day, people, firms, self._low_income)
        if late_monthly:
            self._leases.live(day, people, self._real_estate)
            self._advertising.live(day, firms, self._addresses)
            self._designated.live(day, self._medical, firms)
            self._collectives.live(day)
        if day.comes(4):
            self._construction.live(day, firms)
        self._insured_residents.live(day, people)
        self._pensions.live(day, people)
        self._temporary.live(day, self._addresses)
        self._marriages.live(day, people)
        self._births.live(day, people, self._medical)
        self._death_certificates.live(day, people)
        self._visits.live(day, people)
        if day.comes(7):
            self._schools.live(day)
        if day.comes(5):
            self._students.live(day, people, self._schools)
        self._penalties.live(day, people, firms)
        self._cases.live(day, people, firms, self._addresses)
        deliveries = [delivery for delivery in [*self._first_six(day), *self._others(day)] if delivery.records]
        self._leads.take(deliveries, day.today)
        return deliveries

    def _first_six(self, day: Day) -> list[Delivery]:
        slow = day.slow_snapshot
        return [
            Delivery(
                day,
                POPULATION,
                "户籍人口基本信息",
                _GB18030,
                self._residents.present,
                copies=day.count(0.0005, 2),
                renamed=(("民族", "族别"),) if day.renamed_header else (),
            ),
            Delivery(day, POPULATION, "户籍人口更正", _GB18030, self._residents.corrections),
            Delivery(day, DEATHS, "死亡注销", _MARKED, self._residents.deaths, copies=1),
            Delivery(
                day,
                BUSINESS_ENTITIES,
                "市场主体登记",
                Excel("市场主体", ("海曙区市场主体登记信息", f"填报单位：区市场监管局　数据日期：{day.today:%Y年%m月%d日}")),
                self._businesses.present,
                copies=day.count(0.0002, 1),
                unknown=("备用字段", "无") if day.unknown_column else None,
            ),
            Delivery(day, FOOD_LICENCES, "食品经营许可", _PLAIN, self._businesses.licences, copies=1),
            Delivery(
                day,
                INSURED_PERSONS,
                "企业职工参保",
                Excel(
                    "参保明细",
                    ("企业职工参保明细表", f"截至{day.today:%Y-%m-%d}", ""),
                    remarks=("本表由区人力社保局按月导出。", "停保日期为空表示在保。"),
                ),
                self._insured.present if slow else [],
                copies=day.count(0.0003, 2),
            ),
            Delivery(day, LOW_INCOME, "最低生活保障对象", _GB18030, self._low_income.present if slow else [], copies=1),
            Delivery(day, LOW_INCOME, "最低生活保障更正", _GB18030, self._low_income.corrections),
        ]

    def _others(self, day: Day) -> list[Delivery]:
        monthly, late_monthly = day.comes(3, 1), day.comes(3, 2)

        def due(here: bool, records: list[Record]) -> list[Record]:
            return records if here else []

        def workbook(sheet: str, *titles: str) -> Excel:
            return Excel(sheet, titles)

        def plain(table: Table, title: str, form: Csv | Excel, records: list[Record], copies: int = 1) -> Delivery:
            return Delivery(day, table, title, form, records, copies=copies)

        today = f"{day.today:%Y年%m月%d日}"
        moved = (("现住址", "居住地址"),) if day.renamed_header else ()
        return [
            plain(later.STANDARD_ADDRESSES, "标准地名地址", _PLAIN, due(monthly, self._addresses.present)),
            plain(later.REAL_ESTATE, "不动产登记", _GB18030, self._real_estate.today),
            plain(later.REAL_ESTATE, "不动产登记更正", _GB18030, self._real_estate.corrections, copies=0),
            plain(
                later.PUBLIC_RENTAL_LEASES,
                "保障性住房租赁",
                workbook("租赁台账", "保障性住房租赁台账"),
                due(late_monthly, self._leases.present),
            ),
            plain(later.CONSTRUCTION_PERMITS, "施工许可", _MARKED, due(day.comes(4), self._construction.today), copies=0),
            Delivery(
                day,
                later.TEMPORARY_RESIDENTS,
                "流动人口居住登记",
                workbook("居住登记", "流动人口居住登记", f"数据日期：{today}"),
                self._temporary.today,
                copies=1,
                renamed=moved,
            ),
            plain(later.MARRIAGES, "婚姻登记", workbook("婚姻登记", f"海曙区婚姻登记情况（{today}）"), self._marriages.today, copies=0),
            plain(later.SOCIAL_ORGANISATIONS, "社会组织", _GB18030, due(monthly, self._social.present)),
            plain(later.SCHOOLS, "学校名录", _MARKED, due(day.comes(7), self._schools.present), copies=0),
            plain(later.STUDENTS, "中小学在校生", _GB18030, due(day.comes(5), self._students.present)),
            plain(later.BIRTH_CERTIFICATES, "出生医学证明", _PLAIN, self._births.today),
            plain(later.DEATH_CERTIFICATES, "死亡医学证明", _GB18030, self._death_certificates.today, copies=0),
            plain(
                later.MEDICAL_INSTITUTIONS,
                "医疗机构",
                workbook("机构", "医疗机构执业登记", "", f"截至{today}"),
                due(monthly, self._medical.present),
            ),
            plain(later.PENSION_PAYMENTS, "养老待遇领取", _MARKED, due(monthly, self._pensions.today)),
            plain(later.INSURED_RESIDENTS, "基本医保参保", _MARKED, due(late_monthly, self._insured_residents.present)),
            plain(later.INSURED_RESIDENTS, "基本医保参保更正", _MARKED, self._insured_residents.corrections, copies=0),
            plain(
                later.DESIGNATED_INSTITUTIONS,
                "定点机构",
                workbook("定点机构", "医保定点机构名单"),
                due(late_monthly, self._designated.present),
            ),
            plain(later.PENALTIES, "行政处罚", _MARKED, self._penalties.today),
            plain(later.PENALTY_CASES, "处罚案件", _PLAIN, self._cases.today),
            plain(
                later.OUTDOOR_ADVERTISING,
                "户外广告许可",
                Excel("许可", ("户外广告设施设置许可清单",), remarks=("本表由区综合执法局按月导出。",)),
                due(late_monthly, self._advertising.present),
            ),
            plain(
                later.COLLECTIVE_ECONOMIES,
                "农村集体经济组织",
                workbook("组织", "农村集体经济组织登记赋码表", ""),
                due(late_monthly, self._collectives.present),
            ),
            plain(later.GRID_VISITS, "网格走访", _GB18030, self._visits.today),
        ]
