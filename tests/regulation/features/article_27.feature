Feature: Article 27, the closed loop of problem data
  第二十七条　区大数据主管机构应当建立问题数据的“发现、反馈、修正、共享”闭环管理机制。
  公共数据使用单位负责反馈实际应用中的问题数据……应及时将问题反馈到区大数据主管机构。
  公共数据提供单位应当在收到问题反馈之日起5个工作日内完成问题数据的处理。确因特殊原因无法完成的，经区大数据主管机构审核后，
  最多延长至60个自然日，业务紧急的问题数据，根据实际情况限时处理。
  问题数据处理有完成整改、确认无误和沟通解决三种方式。完成整改指修正问题数据后，重新归集；确认无误指经过校核，问题数据无误，
  通知反馈方；沟通解决指短期难以解决的数据质量问题，与反馈方沟通解决。
  流程依据《暂行办法》（已废止）。第二款（使用单位反馈）和延期的审核尚未实现，这里没有它们的场景。

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
