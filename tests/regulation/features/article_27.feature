Feature: Article 27, the closed loop of problem data
  第二十七条　区大数据主管机构应当建立问题数据的“发现、反馈、修正、共享”闭环管理机制。
  公共数据使用单位负责反馈实际应用中的问题数据，在使用过程中认为公共数据存在错误、遗漏等情形，
  或者侵犯商业秘密、个人隐私等第三方合法权益的，应及时将问题反馈到区大数据主管机构。
  公共数据提供单位应当在收到问题反馈之日起5个工作日内完成问题数据的处理。确因特殊原因无法完成的，经区大数据主管机构审核后，
  最多延长至60个自然日，业务紧急的问题数据，根据实际情况限时处理。
  问题数据处理有完成整改、确认无误和沟通解决三种方式。完成整改指修正问题数据后，重新归集；确认无误指经过校核，问题数据无误，
  通知反馈方；沟通解决指短期难以解决的数据质量问题，与反馈方沟通解决。
  流程依据《暂行办法》（已废止）。

  @article_27 @paragraph_1
  Scenario: Found, told, corrected, shared again: the loop closes by itself
    Given it is 2026-03-03
    When 公安分局 delivers 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    Then the ticket for rule sex.matches_id is on the desk of 公安分局
    And the package in the outbox of 公安分局 names row 2 of 户籍人口_20260303.csv
    And the warehouse of 户籍人口基本信息 holds 1 rows
    When it is 2026-03-05
    And 公安分局 delivers 户籍人口更正_20260305.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then the ticket is closed as fixed, in time
    And the warehouse of 户籍人口基本信息 holds 2 rows
    And the quarantine of 户籍人口基本信息 is empty

  @article_27 @paragraph_3
  Scenario: Five working days from the receipt, by the State Council's calendar
    # 3 April 2026 is the Friday before Qingming; 6 April is a holiday
    Given it is 2026-04-03
    When 公安分局 delivers 户籍人口_20260403.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    Then one problem for rule sex.matches_id is open, due 2026-04-13 by 第二十七条第三款
    And it is overdue from the first moment of 2026-04-14, Shanghai time
    And an extension may reach 2026-06-02 at the latest
    And the deadline 2026-04-13 is final

  @article_27 @paragraph_3
  Scenario: A year without a published calendar gives a provisional deadline, recomputed when it is published
    Given it is 2040-06-04
    When 公安分局 delivers 户籍人口_20400604.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    Then the deadline 2040-06-11 is provisional
    When the holiday arrangement of 2040 is published with 2040-06-08 off
    Then the deadline 2040-06-12 is final

  @article_27 @paragraph_3
  Scenario: A problem that is delivered again adds a sighting: no new ticket, no new clock
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    And the ticket is remembered
    When it is 2026-03-04
    And 公安分局 delivers 户籍人口_20260304.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    Then the problem of 户籍人口基本信息 was seen 2 times
    And it is the remembered ticket with the clock it had
    And 1 packages have been written for 公安分局

  @article_27 @paragraph_4
  Scenario: Corrected means corrected and collected anew
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    When it is 2026-03-04
    And 公安分局 delivers 户籍人口_20260304.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    Then the ticket is closed as fixed, in time
    And the warehouse of 户籍人口基本信息 holds 1 rows

  @article_27 @paragraph_4
  Scenario: A delivery that does not name the row proves nothing about it
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    And the ticket is remembered
    When 公安分局 delivers 户籍人口更正_20260304.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    Then it is the remembered ticket with the clock it had
    And the problem of 户籍人口基本信息 was seen 1 times

  @article_27 @paragraph_4
  Scenario: A row that is gone from the whole list is no longer a problem, but nobody calls that corrected
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    When it is 2026-03-04
    And 公安分局 delivers 户籍人口_20260304.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    Then the ticket is closed as absent, in time

  @article_27 @paragraph_4
  Scenario: The three ways of handling are the regulation's
    Then the dispositions are 完成整改、确认无误、沟通解决

  @article_27 @paragraph_2
  Scenario: A user of the data reports an error to the Office, and the clock starts when the Office passes it on
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    When 一号窗口 reports by api as C-1: 姓名 of 330203195006150018 in 户籍人口基本信息 should be 张一一
    Then the Office has one ticket of the matter error, and no clock runs
    When it is 2026-03-05
    And the Office passes the ticket on
    Then the ticket is 处理中, due 2026-03-12

  @article_27 @paragraph_2
  Scenario: An omission is reported, and proved by the row that is there
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    When 一号窗口 reports that 330203198001010028 is missing from 户籍人口基本信息
    Then the Office has one ticket of the matter omission, and no clock runs
    When the Office passes the ticket on
    And the provider says that it is corrected
    And the night passes
    Then the ticket is 待复核, due 2026-03-10
    When it is 2026-03-04
    And 公安分局 delivers 户籍人口更正_20260304.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    Then the ticket is handled as 完成整改, and 一号窗口 is told

  @article_27 @paragraph_2
  Scenario: What infringes a third party's rights is no longer shared, at once
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    When 一号窗口 reports that 330203195006150018 in 户籍人口基本信息 infringes privacy
    And the Office suspends sharing of the row
    Then 330203195006150018 of 户籍人口基本信息 may not be shared

  @article_27 @paragraph_3
  Scenario: An extension for special reasons, reviewed by the Office, sixty natural days in total at most
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    When the provider asks for an extension until 2026-05-03 because 系统改造
    Then it is refused: 最晚可延至2026-05-02
    When the provider asks for an extension until 2026-05-02 because 系统改造
    Then the ticket is 延期待审, due 2026-03-10
    When the provider grants it to itself
    Then it is refused: 公共数据提供单位不能办理
    When the Office grants it
    Then the ticket is 处理中, due 2026-05-02

  @article_27 @paragraph_3
  Scenario: A refused extension leaves the first clock running; what is overdue is escalated and stays open
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    When the provider asks for an extension until 2026-04-02 because 人手不足
    And the Office refuses it because 理由不充分
    Then the ticket is 处理中, due 2026-03-10
    When it is 2026-03-11
    And the night passes
    And the night passes
    Then the ticket is overdue, escalated 1 times, and open
    When it is 2026-03-18
    And the night passes
    Then the ticket is overdue, escalated 2 times, and open

  @article_27 @paragraph_3
  Scenario: Urgent problem data has a limit of its own
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    When the Office marks it urgent, due 2026-03-04
    Then the ticket is 处理中, due 2026-03-04

  @article_27 @paragraph_4
  Scenario: Confirmed correct is explained, told to whoever reported it, and can be objected to
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    And 一号窗口 reports by api as C-1: 姓名 of 330203195006150018 in 户籍人口基本信息 should be 张一一
    When the Office passes the ticket on
    And the provider confirms that it is right, because 与户籍档案一致
    Then the ticket is handled as 确认无误, and 一号窗口 is told
    And the record keeps 与户籍档案一致
    When 一号窗口 objects: 与证件不符
    Then a 2nd round waits for the Office

  @article_27 @paragraph_4
  Scenario: A finding that is confirmed correct passes the next validation and is shared again
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
    Then the warehouse of 户籍人口基本信息 holds 0 rows
    When the provider confirms that it is right, because 变性登记已核对
    And it is 2026-03-04
    And 公安分局 delivers 户籍人口_20260304.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 女   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    Then the warehouse of 户籍人口基本信息 holds 2 rows
    And the quarantine of 户籍人口基本信息 is empty
    And the ticket is handled as 确认无误, and nobody is told

  @article_27 @paragraph_4
  Scenario: What cannot be solved soon is settled with whoever reported it
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    And 一号窗口 reports by api as C-1: 姓名 of 330203195006150018 in 户籍人口基本信息 should be 张一一
    When the Office passes the ticket on
    And the provider settles with the reporter: 暂按纸质材料受理; 系统改造后重报; looked at again on 2026-06-01
    Then the ticket is handled as 沟通解决, and 一号窗口 is told
    And the record keeps 暂按纸质材料受理、系统改造后重报、2026-06-01
