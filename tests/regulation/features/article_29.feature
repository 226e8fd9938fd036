Feature: Article 29, cleansing (清洗), comparison (比对), verification (核验), monitoring (监控)
  第二十九条　区大数据主管机构应当委托技术服务单位对所归集的公共数据进行清洗、比对、核验，发现问题数据，实现数据质量监控。
  流程依据《暂行办法》（已废止）。

  @article_29 @paragraph_1
  Scenario: Cleansing: every altered cell is logged with what it was, and the delivered text stays
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名   | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张　一 | 1    | 01   | 1950-06-15 | 1        |
      | 33021319700615001x | 赵四   | 1    | 01   | 1970.06.15 | 1        |
    Then the change log of 户籍人口基本信息 is exactly:
      | row | item         | before             | after              |
      | 2   | 姓名         | 张　一             | 张一               |
      | 3   | 公民身份号码 | 33021319700615001x | 33021319700615001X |
      | 3   | 出生日期     | 1970.06.15         | 1970-06-15         |
    And raw 户籍人口基本信息 keeps 出生日期 as delivered: 1970.06.15
    And the warehouse of 户籍人口基本信息 holds 2 rows

  @article_29 @paragraph_1
  Scenario: Cleansing: a repair that would change the meaning is never made
    # a wrong check digit, and a number that a spreadsheet has destroyed
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150019 | 张一 | 1    | 01   | 1950-06-15 | 1        |
      | 3.30203E+17        | 李二 | 2    | 01   | 1980-01-01 | 1        |
      | 330203197512310116 | 王三 | 1    | 01   | 75/12/31   | 1        |
    Then the quarantine of 户籍人口基本信息 is exactly:
      | row | rules                 |
      | 2   | citizen_id.conforms   |
      | 3   | citizen_id.conforms   |
      | 4   | birth_date.conforms   |
    And raw 户籍人口基本信息 keeps 公民身份号码 as delivered: 330203195006150019
    And raw 户籍人口基本信息 keeps 出生日期 as delivered: 75/12/31
    And the warehouse of 户籍人口基本信息 holds 0 rows

  @article_29 @paragraph_1
  Scenario: Comparison: what another agency does not know is a lead to check, no verdict
    Given 公安分局 delivered 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    And it is 2026-03-03
    When 民政局 delivers 最低生活保障_20260303.csv:
      | 公民身份号码       | 低保户编号 | 姓名 | 家庭人数 | 月保障金 | 起始日期   | 保障状态 |
      | 330203195006150018 | D001       | 张一 | 2        | 1200.00  | 2025-01-01 | 在保     |
      | 330203200109090242 | D002       | 孙五 | 1        | 900.00   | 2025-01-01 | 在保     |
    Then one lead for rule citizen_id.exists is open, due 2026-03-10 by 第二十七条第三款
    And the ticket for rule citizen_id.exists is on the desk of 民政局
    And the quarantine of 最低生活保障对象 is empty
    And the warehouse of 最低生活保障对象 holds 2 rows
    And rule citizen_id.exists of 最低生活保障对象 holds for A=1 of B=2

  @article_29 @paragraph_1
  Scenario: Comparison: compared with nothing is not evaluated, never passed by silence
    When 民政局 delivers 最低生活保障_20260303.csv:
      | 公民身份号码       | 低保户编号 | 姓名 | 家庭人数 | 月保障金 | 起始日期   | 保障状态 |
      | 330203195006150018 | D001       | 张一 | 2        | 1200.00  | 2025-01-01 | 在保     |
    Then the result of rule citizen_id.exists in 最低生活保障对象 is not_evaluated
    And there is no ticket

  @article_29 @paragraph_1
  Scenario: Verification: a row that contradicts itself does not pass, with every rule it breaks
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-16 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
      | 330203197512310116 | 王三 | 男   | 汉族 | 1975-12-31 | 正常     |
      | 330203197512310116 | 王四 | 男   | 汉族 | 1975-12-31 | 正常     |
    Then the quarantine of 户籍人口基本信息 is exactly:
      | row | rules                                 |
      | 2   | birth_date.matches_id+sex.matches_id  |
      | 4   | key.unique                            |
      | 5   | key.unique                            |
    And the warehouse of 户籍人口基本信息 holds 1 rows

  @article_29 @paragraph_1
  Scenario: Monitoring: A and B of GB/T 36344 for every dimension, counted only where a rule applies
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 甲   | 1980-01-01 | 正常     |
      | 330203197512310116 |      | 男   |      | 1975-12-31 | 正常     |
    Then rule sex.matches_id of 户籍人口基本信息 holds for A=2 of B=3
    And rule ethnicity.conforms of 户籍人口基本信息 holds for A=1 of B=2
    And rule name.required of 户籍人口基本信息 holds for A=2 of B=3
    And the monitoring of 户籍人口基本信息 states A and B for every dimension it judges:
      | dimension     | failing |
      | normativity   | 1       |
      | completeness  | 1       |
      | accuracy      | 0       |
      | consistency   | 1       |
      | timeliness    | 0       |
      | accessibility | 0       |
