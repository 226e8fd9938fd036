Feature: Article 13, collection into the district warehouse
  第十三条　按照“因需归集、应归尽归”的原则，根据本办法第十条公共数据资源目录编制规定要求，行政机关和公共服务单位按照统一标准和规范，
  将公共数据资源目录中的公共数据归集到区数据仓或市大数据中心平台。
  流程依据《暂行办法》（已废止）。

  @article_13 @paragraph_1
  Scenario: What an agency delivers ends in the warehouse, and a receipt proves it
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
    Then the warehouse of 户籍人口基本信息 holds 2 rows
    And the receipt says who, when, which bytes and 2 rows
    And there is no ticket

  @article_13 @paragraph_1
  Scenario: Everything delivered is accounted for, row by row
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
      | 330203198001010028 | 李二 | 女   | 汉族 | 1980-01-01 | 正常     |
      | 330203197512310116 | 王三 | 女   | 汉族 | 1975-12-31 | 正常     |
    Then no row of the delivery is lost: 4 delivered
    And of them 2 are inserted
    And of them 1 are duplicates
    And of them 1 are quarantined
    And the warehouse of 户籍人口基本信息 holds 2 rows

  @article_13 @paragraph_1
  Scenario: Unified standards: one way of writing in the warehouse, the agency's own beside it
    When 公安分局 delivers 户籍人口_20260302.csv:
      | 身份证号           | 姓名   | 性别 | 民族 | 出生日期      | 户籍状态 |
      | ３３０２０３１９５００６１５００１８ | 张　一 | M | 汉 | 1950.6.15 | 在册 |
      | 33021319700615001x | 赵四 | 1 | 汉族 | 1970年6月15日 | 正常 |
    Then the warehouse of 户籍人口基本信息 holds 2 rows
    And each value of 户籍人口基本信息 stands beside what was delivered:
      | item         | delivered          | standard           |
      | 公民身份号码 | ３３０２０３１９５００６１５００１８ | 330203195006150018 |
      | 公民身份号码 | 33021319700615001x | 33021319700615001X |
      | 姓名         | 张　一             | 张一               |
      | 性别         | M                  | 1                  |
      | 出生日期     | 1950.6.15          | 1950-06-15         |
      | 出生日期     | 1970年6月15日      | 1970-06-15         |
      | 户籍状态     | 在册               | 1                  |

  @article_13 @paragraph_1
  Scenario: A file without what the catalogue requires is held; the warehouse stays as it was
    Given 公安分局 delivered 户籍人口_20260302.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |
    When 公安分局 delivers 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 民族 | 出生日期   | 户籍状态 |
      | 330203198001010028 | 李二 | 汉族 | 1980-01-01 | 正常     |
    Then the file is held, because 性别
    And no row of the delivery is lost: 1 delivered
    And of them 1 are held
    And the warehouse of 户籍人口基本信息 holds 1 rows
    And the ticket for rule delivery.columns is on the desk of 公安分局
