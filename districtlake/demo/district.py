"""The whole district: one life, one day after another, and what its agencies deliver on each."""

from __future__ import annotations

from datetime import date

from districtlake.demo.delivery import Delivery
from districtlake.demo.economy import Businesses, Insured
from districtlake.demo.files import Csv, Excel
from districtlake.demo.identifiers import Registry
from districtlake.demo.residents import Residents
from districtlake.demo.schedule import Day
from districtlake.demo.tables import BUSINESS_ENTITIES, DEATHS, FOOD_LICENCES, INSURED_PERSONS, LOW_INCOME, POPULATION
from districtlake.demo.welfare import LowIncome


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

    def live(self) -> list[Delivery]:
        """One more day. The deliveries are to be written before the next: nothing is rendered for a day nobody asks for."""
        self._lived += 1
        day = Day(self._seed, self._size, self._first_day, self._lived)
        self._residents.live(day)
        self._businesses.live(day)
        self._insured.live(day, self._residents, self._businesses)
        self._low_income.live(day, self._residents)
        return [delivery for delivery in self._deliveries(day) if delivery.records]

    def _deliveries(self, day: Day) -> list[Delivery]:
        gb18030, plain, marked = Csv("gb18030"), Csv("utf-8"), Csv("utf-8-sig")
        slow = day.slow_snapshot
        return [
            Delivery(
                day,
                POPULATION,
                "户籍人口基本信息",
                gb18030,
                self._residents.present,
                copies=day.count(0.0005, 2),
                renamed=(("民族", "族别"),) if day.renamed_header else (),
            ),
            Delivery(day, POPULATION, "户籍人口更正", gb18030, self._residents.corrections),
            Delivery(day, DEATHS, "死亡注销", marked, self._residents.deaths, copies=1),
            Delivery(
                day,
                BUSINESS_ENTITIES,
                "市场主体登记",
                Excel("市场主体", ("海曙区市场主体登记信息", f"填报单位：区市场监管局　数据日期：{day.today:%Y年%m月%d日}")),
                self._businesses.present,
                copies=day.count(0.0002, 1),
                unknown=("备用字段", "无") if day.unknown_column else None,
            ),
            Delivery(day, FOOD_LICENCES, "食品经营许可", plain, self._businesses.licences, copies=1),
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
            Delivery(day, LOW_INCOME, "最低生活保障对象", gb18030, self._low_income.present if slow else [], copies=1),
            Delivery(day, LOW_INCOME, "最低生活保障更正", gb18030, self._low_income.corrections),
        ]
