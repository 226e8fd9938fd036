Feature: Article 26, who provides the data answers for its update
  第二十六条　按照“谁提供、谁负责更新维护”的原则，行政机关和公共服务单位应当按照公共数据目录中的更新周期要求，
  对所提供的公共数据及时进行动态更新。
  流程依据《暂行办法》（已废止）。

  @article_26 @paragraph_1
  Scenario: A problem goes to the agency that provided the row, with its place in the agency's own file
    Given 公安分局 delivered 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    When 民政局 delivers 最低生活保障_20260302.csv:
      | 公民身份号码       | 低保户编号 | 姓名 | 家庭人数 | 月保障金 | 起始日期   | 保障状态 |
      | 330203195006150018 | D001       | 张一 | 2        | 1200.00  | 2025-01-01 | 在保     |
      | 330203195006150018 | D002       | 张一 | 0        | 1200.00  | 2025-01-01 | 在保     |
    Then the ticket for rule persons.range is on the desk of 民政局
    And the package in the outbox of 民政局 names row 3 of 最低生活保障_20260302.csv
    And nothing is on the desk of 公安分局

  @article_26 @paragraph_1
  Scenario Outline: The update cycle in the catalogue makes the deadline; the grace is the policy pack's
    Then a resource updated <cycle> is overdue <days> days after its last update at the latest

    Examples:
      | cycle       | days |
      | daily       | 3    |
      | weekly      | 9    |
      | monthly     | 37   |
      | quarterly   | 103  |
      | half_yearly | 195  |
      | yearly      | 377  |
      | irregular   | no   |
      | never       | no   |

  @article_26 @paragraph_1
  Scenario: Each resource is due by its own cycle
    Then 户籍人口基本信息 is due by its own update cycle daily
    And 最低生活保障对象 is due by its own update cycle monthly

  @article_26 @paragraph_1
  Scenario: Only a delivery of the provider changes what the warehouse says
    Given 公安分局 delivered 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    # the day after, the row contradicts its own number: nobody but the provider may decide which of the two is right
    When 公安分局 delivers 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名   | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一新 | 女   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二   | 女   | 汉族 | 1980-01-01 | 正常     |
    Then in the warehouse of 户籍人口基本信息 the 姓名 of 330203195006150018 is 张一
    And in the warehouse of 户籍人口基本信息 the row 330203195006150018 is stale
    And in the warehouse of 户籍人口基本信息 the row 330203198001010028 is up to date
    # another agency cannot correct it
    When 民政局 delivers 户籍人口更正_20260304.csv:
      | 公民身份号码       | 姓名   | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一伪 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then the file is not taken, and the operator reads inbox.unmatched
    And in the warehouse of 户籍人口基本信息 the 姓名 of 330203195006150018 is 张一
    And in the warehouse of 户籍人口基本信息 the row 330203195006150018 is stale
    # the provider can
    When 公安分局 delivers 户籍人口更正_20260305.csv:
      | 公民身份号码       | 姓名   | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一新 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then in the warehouse of 户籍人口基本信息 the 姓名 of 330203195006150018 is 张一新
    And in the warehouse of 户籍人口基本信息 the row 330203195006150018 is up to date
    And the warehouse of 户籍人口基本信息 holds 2 rows

  @article_26 @paragraph_1
  Scenario: 更新逾期 opens on the provider's desk, is counted again, and closes with the update
    Given it is 2026-03-02
    And 公安分局 delivered 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then 户籍人口基本信息 is not_due, to be updated by 2026-03-03
    # the grace of a day is the district's own; a look into the inbox finds nothing
    When it is 2026-03-04
    And the night has passed
    Then 户籍人口基本信息 is due, to be updated by 2026-03-03
    And there is no ticket
    When it is 2026-03-05
    And the night has passed
    Then 户籍人口基本信息 is overdue, to be updated by 2026-03-03
    And one overdue update of 户籍人口基本信息 is open on the desk of 公安分局, missed 1 times, to be answered by 2026-03-12
    And the package in the outbox of 公安分局 says 更新逾期 and has no rows
    When it is 2026-03-07
    And the night has passed
    Then one overdue update of 户籍人口基本信息 is open on the desk of 公安分局, missed 3 times, to be answered by 2026-03-12
    # a correction mends rows; it does not say how the register stands today
    When 公安分局 delivers 户籍人口更正_20260307.csv:
      | 公民身份号码       | 姓名   | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一新 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then one overdue update of 户籍人口基本信息 is open on the desk of 公安分局, missed 3 times, to be answered by 2026-03-12
    When 公安分局 delivers 户籍人口_20260308.csv:
      | 公民身份号码       | 姓名   | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一新 | 男   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二   | 女   | 汉族 | 1980-01-01 | 正常     |
    Then 户籍人口基本信息 is not_due, to be updated by 2026-03-08
    And the overdue update is closed as updated, in time

  @article_26 @paragraph_1
  Scenario: "Nothing changed" is an update, too
    Given it is 2026-03-02
    And 公安分局 delivered 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    And it is 2026-03-03
    When 公安分局 delivers 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then 户籍人口基本信息 is not_due, to be updated by 2026-03-04
    And there is no ticket

  @article_26 @paragraph_1
  Scenario: Old data in a new file are in time, and are seen to lag
    Given it is 2026-03-20
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then 户籍人口基本信息 is not_due, to be updated by 2026-03-21
    And its data lag 18 days behind

  @article_26 @paragraph_1
  Scenario: Of a period, what was due and what came in time are counted; what was not due is in no denominator
    Given it is 2026-03-02
    And 公安分局 delivered 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    And it is 2026-03-04
    And 公安分局 delivered 户籍人口_20260304.csv:
      | 公民身份号码       | 姓名   | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一新 | 男   | 汉族 | 1950-06-15 | 正常     |
    When it is 2026-03-08
    And the night has passed
    Then from 2026-03-01 to 2026-03-08 户籍人口基本信息 was due 3 times and came in time 1 times, 1 of them within the grace
    And from 2026-03-01 to 2026-03-08 最低生活保障对象 has no data on punctuality
