"""The synthetic deliveries of the way's benchmark: two daily snapshots of one resource, seeded, and the catalogue entry they follow.

Identities are drawn at random: check characters are right, persons and firms do not exist. Day 2 changes 1 % of the rows, brings 0.5 %
new ones and drops 0.5 %; a fifth of day 1's faults are mended, a few rows break anew.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.way_delivery_names import AGENCY, DAYS, RESOURCE, SHEET

MIN_COLUMNS = 8

# name, title, data element of the shipped registry, further keys of the item; the first ones carry the key and the rules across columns
BASE: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("citizen_id", "公民身份号码", "citizen_id", {"required": True}),
    ("name", "姓名", "person_name", {"required": True}),
    ("sex", "性别", "sex", {"required": True}),
    ("birth_date", "出生日期", "birth_date", {}),
    ("insured_from", "参保日期", "event_date", {"required": True}),
    ("insured_to", "有效期至", "validity_date", {}),
    ("base_yuan", "缴费基数", "money_yuan", {"min": 0, "max": 100000}),
    ("phone", "联系电话", "phone", {}),
    ("address", "住址", "address", {}),
    ("uscc", "单位统一社会信用代码", "uscc", {"required": True}),
    ("org_name", "单位名称", "org_name", {}),
    ("industry", "行业代码", "industry", {}),
    ("ethnicity", "民族", "ethnicity", {}),
    ("division_code", "行政区划代码", "division_code", {}),
    ("postcode", "邮政编码", "postcode", {}),
    ("status", "参保状态", "insurance_status", {"required": True}),
    ("file_no", "档案编号", "licence_no", {}),
    ("paid_yuan", "缴费金额", "money_yuan", {}),
    ("months", "缴费月数", "count_integer", {"min": 0, "max": 600}),
    ("remark", "备注", "remark", {"max_length": 100}),
)
EXTRA = ("remark", "paid_yuan", "insured_to", "file_no")
"""Beyond the twentieth, columns repeat these four: remark_2, paid_yuan_2, …"""

REGIONS = np.array(
    [330203, 330205, 330206, 330211, 330212, 330225, 330226, 330227, 330281, 330282, 310101, 320102, 340102, 420102], dtype=np.int64
)
SURNAMES = [*"王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高罗", "欧阳", "上官"]
GIVEN = list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国䶮海燕雪梅婷宇浩")
STREETS = ["中山西路", "解放南路", "鼓楼街", "柳汀街", "望春路", "石碶街道雅戈尔大道", "高桥镇芦港村", "集士港镇万众村"]
FIRMS = ["科技", "贸易", "建筑工程", "餐饮管理", "物流", "服饰", "电子", "机械制造"]
REMARKS = ["由社区代办", "材料齐全，已核", "补缴2025年12月", "与原档案合并", "需复核"]
FAULTS = (
    "citizen_id_check", "name_missing", "name_lost", "sex_unknown", "birth_impossible", "birth_other", "from_truncated", "to_before_from",
    "base_words", "base_above", "phone_short", "key_twice", "uscc_check", "industry_unknown", "postcode_short", "months_negative",
    "remark_long", "paid_three_decimals", "region_unknown", "name_unusual", "phone_no_area",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    name: str
    base: str  # the column of BASE it repeats
    title: str
    element: str
    options: dict[str, Any]


def columns(count: int) -> list[Column]:
    """The first ``count`` columns of the resource."""
    if count < MIN_COLUMNS:
        raise SystemExit(f"--columns {count}: at least {MIN_COLUMNS} are needed for the key and the rules across columns.")
    described = {name: (title, element, options) for name, title, element, options in BASE}
    found = [Column(name, name, title, element, options) for name, title, element, options in BASE[:count]]
    for number in range(max(0, count - len(BASE))):
        base, turn = EXTRA[number % len(EXTRA)], number // len(EXTRA) + 2
        title, element, options = described[base]
        found.append(Column(f"{base}_{turn}", base, f"{title}{turn}", element, options))
    return found


def entry(count: int, kind: str = "snapshot", form: str = "csv") -> dict[str, Any]:
    """The catalogue entry, as YAML holds it.

    Args:
        kind: the mode in which it is delivered. form: the file's extension.
    """
    guard = {"max_shrink": "10%"} if kind == "snapshot" else {}
    items = [{"name": c.name, "title": c.title, "element": c.element, **c.options} for c in columns(count)]
    checks: list[dict[str, Any]] = [
        _pair("birth_date.matches_id", "expect_column_pair_birth_date_to_match_citizen_id", "birth_date", "citizen_id"),
        _pair("sex.matches_id", "expect_column_pair_sex_to_match_citizen_id", "sex", "citizen_id"),
        {**_pair("dates_in_order", "expect_column_pair_values_a_to_be_greater_than_b", "insured_to", "insured_from"), "or_equal": True},
    ]
    if any(c.name == "paid_yuan" for c in columns(count)):
        paid = _pair("paid.below_base", "expect_column_pair_values_a_to_be_greater_than_b", "base_yuan", "paid_yuan")
        checks.append({**paid, "or_equal": True, "on_failure": "report", "severity": "warning"})
    return {
        "code": "303009001/000001", "title": "基准测试参保记录", "business": "基准测试", "system": "基准测试",
        "storage_format": "spreadsheet",
        "sharing": {"class": "none", "reason": "基准测试", "legal_basis": "基准测试"}, "opening": {"class": "none", "reason": "基准测试"},
        "provision": ["analysis"], "update_cycle": "daily", "sharing_term": "permanent", "key": ["citizen_id"],
        "source": {"files": f"参保记录*.{form}", "mode": kind, **guard}, "items": items, "checks": checks,
    }  # fmt: skip


def _pair(name: str, expect: str, a: str, b: str) -> dict[str, Any]:
    return {
        "id": name,
        "expect": expect,
        "column_A": a,
        "column_B": b,
        "on_failure": "quarantine",
        "severity": "critical",
        "dimension": "consistency",
    }


def write(folder: Path, rows: int, count: int, faults: float, seed: int, kind: str = "snapshot", form: str = "csv") -> list[Path]:
    """Write the catalogue entry and both days' files below ``folder``; the files, by day."""
    import yaml

    target = folder / "catalog" / "resources" / AGENCY / f"{RESOURCE}.yaml"
    target.parent.mkdir(parents=True)
    target.write_text(yaml.safe_dump(entry(count, kind, form), allow_unicode=True, sort_keys=False), encoding="utf-8")
    written = []
    for day, frame in zip(DAYS, snapshots(rows, faults, seed, kind), strict=True):
        file = folder / "deliveries" / day.isoformat() / AGENCY / f"参保记录_{day:%Y%m%d}.{form}"
        file.parent.mkdir(parents=True)
        wanted = frame.select(pl.col(c.base).alias(c.title) for c in columns(count))
        if form == "csv":
            wanted.write_csv(file, include_bom=True)
        else:  # numbers as text: as agencies' exports hold them, and codes keep their zeros
            wanted.write_excel(file, worksheet=SHEET, autofit=False)
        written.append(file)
    (folder / "columns.json").write_text(
        json.dumps([[c.name, c.base, c.title] for c in columns(count)], ensure_ascii=False), encoding="utf-8"
    )
    return written


def snapshots(rows: int, faults: float, seed: int, kind: str = "snapshot") -> tuple[pl.DataFrame, pl.DataFrame]:
    """The twenty columns of both days as an agency writes them: text, spelled in several ways, some of it wrong.

    An incremental second day holds what changed, what is new, and a hundredth of the rest once more.
    """
    rng = np.random.default_rng(seed)
    new = max(1, rows // 200)
    spelled = _spelled(_true_rows(rows + new, rng), rng)
    height = spelled.height
    fault = np.where(rng.random(height) < faults, rng.integers(1, len(FAULTS) + 1, height), 0)
    first = _copied(_broken(spelled, fault)[:rows], rng)
    mended = np.where(rng.random(height) < 0.2, 0, fault)
    again = np.where((mended == 0) & (rng.random(height) < faults / 10), rng.integers(1, len(FAULTS) + 1, height), mended)
    changed = pl.Series(rng.random(height) < 0.01)
    moved = spelled.with_columns(
        phone=pl.when(changed).then(pl.format("139{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(8))).otherwise("phone"),
        status=pl.when(changed).then(pl.lit("2")).otherwise("status"),
        base_yuan=pl.when(changed).then(pl.lit("6100.00")).otherwise("base_yuan"),
    )
    gone = pl.Series(rng.random(height) < 0.005)
    if kind == "incremental":
        sent = changed | pl.Series(again != fault) | (pl.int_range(height, eager=True) >= rows) | pl.Series(rng.random(height) < 0.01)
    else:
        sent = ~gone
    return first, _copied(_broken(moved, again).filter(sent), rng)


def _true_rows(height: int, rng: np.random.Generator) -> pl.DataFrame:
    """Right rows in the normal form: every citizen ID once."""
    days, sequences = 25_000, 999
    space = len(REGIONS) * days * sequences
    step = 104_729 * 1_299_709 % space | 1
    while np.gcd(step, space) != 1:
        step += 2
    place = (np.arange(height, dtype=np.int64) * step + int(rng.integers(space))) % space
    sequence, place = place % sequences + 1, place // sequences
    born = np.datetime64("1940-01-01") + (place % days).astype("timedelta64[D]")
    region = REGIONS[place // days]
    birth = pl.Series(born.astype("datetime64[D]")).cast(pl.Date)
    firms = max(10, height // 20)
    firm = rng.integers(0, firms, height)
    codes = _usccs(firms, rng)
    start = pl.Series(rng.integers(0, 7000, height)).cast(pl.Int32)
    since = (pl.Series([date(2005, 1, 1)]).cast(pl.Int32).item() + start).cast(pl.Date)
    until = (since.cast(pl.Int32) + pl.Series(rng.integers(365, 4000, height)).cast(pl.Int32)).cast(pl.Date)
    base = rng.integers(300_000, 3_000_000, height)
    pick = lambda words: pl.Series(words).gather(rng.integers(0, len(words), height))  # noqa: E731
    given = [first + second for first in GIVEN for second in ["", *GIVEN]]
    industry = pick(_codes_of("gb_t_4754"))
    frame = pl.DataFrame(
        {
            "citizen_id": _citizen_ids(region, born, sequence),
            "sex": pl.Series(np.where(sequence % 2 == 1, "1", "2")),
            "birth_date": birth.dt.to_string("%Y-%m-%d"),
            "insured_from": since.dt.to_string("%Y-%m-%d"),
            "insured_to": until.dt.to_string("%Y-%m-%d"),
            "base_yuan": _cents(base),
            "phone": pl.Series(rng.integers(13_000_000_000, 19_999_999_999, height)).cast(pl.String),
            "uscc": codes.gather(firm),
            "industry": industry,
            "ethnicity": pl.Series(np.where(rng.random(height) < 0.95, "01", "11")),
            "division_code": pl.Series(region).cast(pl.String),
            "postcode": pl.Series(rng.integers(315_000, 315_900, height)).cast(pl.String),
            "status": pl.Series(rng.choice(["1", "2", "3"], height, p=[0.85, 0.1, 0.05])),
            "paid_yuan": _cents(base * 8 // 100),
            "months": pl.Series(rng.integers(1, 400, height)).cast(pl.String),
            "_surname": pick(SURNAMES), "_given": pick(given), "_street": pick(STREETS), "_trade": pick(FIRMS), "_note": pick(REMARKS),
            "_no": rng.integers(1, 900, height), "_firm": firm, "_noted": rng.random(height) < 0.3,
        }
    )  # fmt: skip
    return frame.with_columns(
        name=pl.col("_surname") + pl.col("_given"),
        address=pl.format("浙江省宁波市海曙区{}{}号{}室", "_street", "_no", pl.col("_no") % 30 + 101),
        org_name=pl.format("宁波{}号{}有限公司", "_firm", pl.lit(pl.Series(FIRMS)).gather(pl.col("_firm") % len(FIRMS))),
        file_no=pl.format("NB{}-{}", pl.col("_no") % 20 + 2005, pl.int_range(pl.len()).cast(pl.String).str.zfill(8)),
        remark=pl.when("_noted").then("_note"),
    ).select(name for name, *_ in BASE)


def _codes_of(name: str) -> list[str]:
    """The codes of a shipped list."""
    import yaml

    path = Path(__file__).resolve().parent.parent / "catalog" / "standards" / "codes" / f"{name}.yaml"
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["codes"])


def _cents(values: npt.NDArray[np.int64]) -> pl.Series:
    return (
        pl.Series(values)
        .to_frame("v")
        .select(pl.format("{}.{}", pl.col("v") // 100, (pl.col("v") % 100).cast(pl.String).str.zfill(2)))
        .to_series()
    )


def _citizen_ids(region: npt.NDArray[np.int64], born: npt.NDArray[np.datetime64], sequence: npt.NDArray[np.int64]) -> pl.Series:
    day = pl.Series(born).cast(pl.Date).dt.to_string("%Y%m%d").cast(pl.Int64).to_numpy()
    number = (region * 100_000_000 + day) * 1000 + sequence
    total = np.zeros(len(number), dtype=np.int64)
    for place, weight in enumerate((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)):
        total += number // 10 ** (16 - place) % 10 * weight
    return pl.Series(number).cast(pl.String) + pl.Series(list("10X98765432")).gather(total % 11)


def _usccs(count: int, rng: np.random.Generator) -> pl.Series:
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    made = []
    for number in rng.integers(0, 10**8, count):
        own = f"{number:08d}"
        rest = (11 - sum(int(digit) * weight for digit, weight in zip(own, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11) % 11
        body = "91330203" + own + "0123456789X"[rest]
        total = sum(alphabet.index(char) * pow(3, place, 31) for place, char in enumerate(body))
        made.append(body + alphabet[(31 - total % 31) % 31])
    return pl.Series(made)


def _spelled(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """As agencies write: dates and numbers in other forms, labels for codes, blanks, full-width characters. The meaning stays."""

    def some(share: float) -> pl.Series:
        return pl.Series(rng.random(frame.height) < share)

    def spell(name: str, *ways: tuple[float, pl.Expr]) -> pl.Expr:
        chosen = pl.col(name)
        for share, written in ways:
            chosen = pl.when(some(share)).then(written).otherwise(chosen)
        return chosen.alias(name)

    wide = dict(zip("0123456789", "０１２３４５６７８９", strict=True))

    def date_ways(name: str, shares: tuple[float, ...]) -> pl.Expr:
        day = pl.col(name).str.to_date("%Y-%m-%d")
        bare = pl.format("{}/{}/{}", day.dt.year(), day.dt.month(), day.dt.day())
        worded = pl.format("{}年{}月{}日", day.dt.year(), day.dt.month(), day.dt.day())
        written = (bare, worded, day.dt.to_string("%Y%m%d"), pl.col(name).str.replace_many(wide), pl.format("{} ", name))
        return spell(name, *zip(shares, written, strict=True))

    number = pl.col("base_yuan")
    grouped = pl.format("{},{}", number.str.head(-6), number.str.tail(6))
    return frame.with_columns(
        spell(
            "citizen_id",
            (0.01, pl.col("citizen_id").str.to_lowercase()),
            (0.01, pl.format(" {}", "citizen_id")),
            (0.005, pl.format("'{}", "citizen_id")),
        ),
        spell(
            "name", (0.01, pl.format("{} ", "name")), (0.01, pl.format("{}　{}", pl.col("name").str.head(1), pl.col("name").str.tail(-1)))
        ),
        spell("sex", (0.05, pl.col("sex").replace({"1": "男", "2": "女"}))),
        date_ways("birth_date", (0.04, 0.02, 0.02, 0.01, 0.01)),
        date_ways("insured_from", (0.2, 0.01, 0.05, 0.005, 0.005)),
        date_ways("insured_to", (0.05, 0.01, 0.01, 0.005, 0.005)),
        spell("base_yuan", (0.03, grouped), (0.01, pl.format("{}元", "base_yuan")), (0.01, pl.format("{}0", "base_yuan"))),
        spell(
            "phone",
            (0.03, pl.format("{}-{}-{}", pl.col("phone").str.head(3), pl.col("phone").str.slice(3, 4), pl.col("phone").str.tail(4))),
            (0.02, pl.format("+86 {}", "phone")),
            (0.02, pl.format("0574-8{}", pl.col("phone").str.tail(7))),
            (0.01, pl.lit("无")),
        ),
        spell(
            "address",
            (0.01, pl.col("address").str.replace_many(wide)),
            (0.01, pl.col("address").str.replace("宁波市", "宁波市 ")),
            (0.01, pl.lit("不详")),
        ),
        spell("uscc", (0.02, pl.col("uscc").str.to_lowercase())),
        spell("org_name", (0.01, pl.format("{}　", "org_name"))),
        spell("industry", (0.01, pl.format(" {}", "industry"))),
        spell("ethnicity", (0.05, pl.col("ethnicity").replace({"01": "汉族", "11": "满族"}))),
        spell("postcode", (0.02, pl.lit("000000"))),
        spell("status", (0.03, pl.col("status").replace({"1": "参保缴费", "2": "停保", "3": "退保"}))),
        spell("file_no", (0.02, pl.col("file_no").str.to_lowercase()), (0.005, pl.col("file_no").str.replace("-", "－"))),
        spell("months", (0.02, pl.col("months").str.replace_many(wide))),
        spell("remark", (0.02, pl.lit("已核 ")), (0.01, pl.lit("见附件\u00a0第２页")), (0.005, pl.lit("  "))),
    )


def _broken(frame: pl.DataFrame, fault: npt.NDArray[np.int64]) -> pl.DataFrame:
    kind = pl.Series(fault)

    def broken(name: str, **ways: pl.Expr) -> pl.Expr:
        chosen = pl.col(name)
        for way, written in ways.items():
            chosen = pl.when(kind == FAULTS.index(way) + 1).then(written).otherwise(chosen)
        return chosen.alias(name)

    clean_id = pl.col("citizen_id").str.strip_chars(" '").str.to_uppercase()
    last = clean_id.str.tail(1).replace(dict(zip("0123456789X", "123456789X0", strict=True)))
    return frame.with_columns(
        broken("citizen_id", citizen_id_check=clean_id.str.head(17) + last, key_twice=clean_id.shift(1).fill_null(clean_id),
               region_unknown=_region_unknown(clean_id)),
        broken("name", name_missing=pl.lit(None, dtype=pl.String), name_lost=pl.lit("张?"), name_unusual=pl.format("{}(已离职)", "name")),
        broken("sex", sex_unknown=pl.lit("5")),
        broken("birth_date", birth_impossible=pl.lit("1990-02-30"), birth_other=pl.lit("1930/1/1")),
        broken("insured_from", from_truncated=pl.lit("2020-05")),
        broken("insured_to", to_before_from=pl.lit("2001-01-01")),
        broken("base_yuan", base_words=pl.lit("面议"), base_above=pl.lit("2500000.00")),
        broken("phone", phone_short=pl.lit("1381234"), phone_no_area=pl.lit("87654321")),
        broken("uscc", uscc_check=pl.lit("91330203MA2AAAAA00")),
        broken("industry", industry_unknown=pl.lit("ZZ99")),
        broken("postcode", postcode_short=pl.lit("31500")),
        broken("months", months_negative=pl.lit("-3")),
        broken("remark", remark_long=pl.lit("说明" * 60)),
        broken("paid_yuan", paid_three_decimals=pl.lit("12.345")),
    )  # fmt: skip


def _region_unknown(clean_id: pl.Expr) -> pl.Expr:
    """The number moved to 339999, with the check character that then is right."""
    body = pl.lit("339999") + clean_id.str.slice(6, 11)
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = pl.sum_horizontal([body.str.slice(place, 1).cast(pl.Int32, strict=False) * weight for place, weight in enumerate(weights)])
    return body + (total % 11).replace_strict(dict(enumerate("10X98765432")), default="0", return_dtype=pl.String)


def _copied(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """With one row of two thousand twice: once to the letter, or with a blank more."""
    copies = frame[rng.integers(0, frame.height, max(2, frame.height // 2000))]
    blanks = pl.Series(rng.random(copies.height) < 0.5)
    copies = copies.with_columns(org_name=pl.when(blanks).then(pl.col("org_name") + " ").otherwise("org_name"))
    return pl.concat([frame, copies])


if __name__ == "__main__":
    target, asked_rows, asked_columns, asked_faults, asked_seed, *asked_form = sys.argv[1:]
    write(Path(target), int(asked_rows), int(asked_columns), float(asked_faults), int(asked_seed), *asked_form)
