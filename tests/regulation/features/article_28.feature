Feature: Article 28, how problem data is reported
  第二十八条　通过市公共数据管理工作平台使用的问题数据统一通过市公共数据管理工作平台进行反馈，支持系统填报、接口对接方式进行反馈。
  接口对接方式指各类业务系统采用接口调用方式，在业务系统的受理、申报等页面直接反馈问题数据，适用于办事人员和窗口工作人员；
  系统填报方式指在市公共数据管理工作平台或开放平台内填报数据质量问题，适用于数据管理工作人员。
  流程依据《暂行办法》（已废止）。市级平台的工单编号随反馈保存（external_id），与其交换由后续工作完成。

  Background:
    Given it is 2026-03-03
    And 公安分局 delivered 户籍人口_20260303.csv:
      | 公民身份号码       | 姓名 | 性别 | 民族 | 出生日期   | 户籍状态 |
      | 330203195006150018 | 张一 | 男   | 汉族 | 1950-06-15 | 正常     |

  @article_28 @paragraph_1
  Scenario: By form and by interface, and both are one ticket
    When 一号窗口 reports by api as C-1: 姓名 of 330203195006150018 in 户籍人口基本信息 should be 张一一
    And 数据科 reports by form as F-1: 姓名 of 330203195006150018 in 户籍人口基本信息 should be 张一一
    Then 2 reports are kept, by api、form
    And the Office has one ticket of the matter error, and no clock runs

  @article_28 @paragraph_2
  Scenario: A counter's system that calls again reports nothing twice
    When 一号窗口 reports by api as C-1: 姓名 of 330203195006150018 in 户籍人口基本信息 should be 张一一
    And 一号窗口 reports by api as C-1: 姓名 of 330203195006150018 in 户籍人口基本信息 should be 张一一
    Then 1 reports are kept, by api
    And the Office has one ticket of the matter error, and no clock runs
    And the person's own words and the claimed value are in no event and no message
