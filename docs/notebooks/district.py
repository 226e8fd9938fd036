# %% [markdown]
# # 区级数据仓：分析示例
#
# 一行 Python 查询全区的表：`from districtlake import lake`。表名为 `机构.资源`（现状）、`机构.资源__history`（全部版本）、
# `库.集市`、`system.表`（数据仓关于自身的记录）。只读；每条语句记入审计。本页只输出汇总，不输出任何个人的行。
#
# 由 `make notebook` 执行生成；源文件是 `docs/notebooks/district.py`。

# %%
import warnings

import matplotlib.pyplot as plt
import polars as pl

from districtlake import lake

# 图中的文字保留为文字，由阅读者的浏览器选用中文字体
plt.rcParams.update(
    {
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.figsize": (8, 3.2),
        "figure.constrained_layout.use": True,
    }
)
warnings.filterwarnings("ignore", message="Glyph .* missing")

lake.tables().filter(~pl.col("table").str.ends_with("__history")).to_pandas().head(12)

# %% [markdown]
# ## 更新是否及时（第二十六条）
#
# `system.update_timeliness` 按每个资源的更新周期给出现状。

# %%
lake.query("""
    select state, count(*) as resources, max(data_lag_days) as most_lag_days
    from system.update_timeliness
    group by state
    order by resources desc
""")

# %% [markdown]
# ## 质量走势
#
# 集市 `supervision.quality_by_day` 保留 GB/T 36344 的两个数：A（符合规则的项次）与 B（参与评价的项次）。

# %%
quality = lake.query("""
    select data_date, dimension, sum(satisfying)::double / sum(evaluated) as share
    from supervision.quality_by_day
    where evaluated > 0 and data_date is not null
    group by all
    order by data_date
""").df()
TITLES = {"normativity": "规范性", "completeness": "完整性", "accuracy": "准确性", "consistency": "一致性"}
figure, axes = plt.subplots()
for dimension, title in TITLES.items():
    part = quality[quality["dimension"] == dimension]
    axes.plot([str(day)[5:10] for day in part["data_date"]], 100 * part["share"], marker="o", label=title)
axes.set_ylabel("符合规则的项次（%）")
axes.set_title("各维度的质量，按数据日期", loc="left")
_ = axes.legend(frameon=False, ncols=4, fontsize=9)
# %% [markdown]
# ## 跨机构连接
#
# 参保单位（人力社保局）在市场主体登记（市场监管局）中的状态：在保职工所在的单位有没有已经注销的？

# %%
employers = lake.query("""
    select coalesce(e.status, '未登记') as status, count(distinct i.uscc) as employers, count(distinct i.citizen_id) as persons
    from human_resources_bureau.insured_persons i
    left join market_regulation.business_entities e using (uscc)
    where i.end_date is null
    group by all
    order by employers desc
""").df()
STATUS = {"1": "存续", "2": "吊销未注销", "3": "注销", "4": "迁出"}
figure, axes = plt.subplots(figsize=(8, 2.6))
axes.barh([STATUS.get(code, code) for code in employers["status"]], employers["persons"], color="#0072B2")
axes.invert_yaxis()
axes.set_xlabel("在保人数")
_ = axes.set_title("在保职工，按单位的登记状态", loc="left")
# %% [markdown]
# ## 当时与现在
#
# `as_of` 给出任何一天结束时的样子，数字从不因后来的更正而消失。

# %%
days = lake.query("""
    select distinct data_date from system.deliveries
    where resource = 'market_regulation.business_entities' and data_date is not null
    order by data_date
""").pl()["data_date"]
[(str(day), lake.query("select count(*) as n from market_regulation.business_entities", as_of=day).pl()["n"][0]) for day in days]

# %% [markdown]
# 数字为什么变了：`__history` 记得每个版本因何而终（`replaced` 被替换，`deleted` 消失）。

# %%
lake.query("""
    select cast(_valid_to + interval 8 hours as date) as day, _ending as ending, count(*) as versions
    from market_regulation.business_entities__history
    where _valid_to is not null
    group by all
    order by day, ending
""")

# %% [markdown]
# ## 集市：各街道的常住人口
#
# `population.residents_by_street` 由户籍人口与流动人口汇总而成；不足十人的组不画。

# %%
streets = lake.query("""
    select street_name, sum(registered) as registered, sum(temporary) as temporary
    from population.residents_by_street
    where street_name is not null
    group by street_name
    having sum(registered) + sum(temporary) >= 10
    order by registered desc
    limit 12
""").df()
figure, axes = plt.subplots()
axes.bar(streets["street_name"], streets["registered"], label="户籍", color="#0072B2")
axes.bar(streets["street_name"], streets["temporary"], bottom=streets["registered"], label="流动", color="#E69F00")
axes.tick_params(axis="x", labelsize=8, rotation=30)
axes.set_ylabel("人")
axes.set_title("各街道人口", loc="left")
_ = axes.legend(frameon=False)
# %% [markdown]
# ## 同一结果，四种形式
#
# `.df()` 是 pandas，`.pl()` 是 Polars，`.arrow()` 是 Arrow；`.relation()` 是惰性的 DuckDB 关系，可以先筛选再取数。

# %%
result = lake.query("select status, count(*) as n from market_regulation.business_entities group by status")
print(type(result.df()), type(result.pl()), type(result.arrow()), sep="\n")
result.relation().filter("n > 1").order("n desc").fetchall()
