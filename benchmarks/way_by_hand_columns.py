"""By hand, first half: the columns of ``way_by_hand``, each cleaned with the repairs that this agency's spellings need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

NOT_AFTER_TODAY = ("birth_date", "insured_from")
NO_DAYS = [date(1, 1, 1), date(1900, 1, 1), date(1970, 1, 1), date(2999, 12, 31), date(9999, 12, 31)]
"""What systems write for "no date"."""
BLANKS = "\t\u00a0\u3000"
WIDE = "０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ"
NARROW = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOBILE = "1[3-9][0-9]{9}"
FIXED = "[2-8][0-9]{6,7}"
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"

Step = tuple[str, Callable[[pl.Expr], pl.Expr]]

# the repairs this agency's spellings need, in the order in which they are made
BLANK: Step = ("text.blank", lambda t: t.str.replace_all(f"[{BLANKS}]", " "))
TRIM: Step = ("text.trim", lambda t: t.str.strip_chars(" "))
WIDTH: Step = ("text.width", lambda t: t.str.replace_many(list(WIDE), list(NARROW)))
NO_BLANKS: Step = ("code.blank", lambda t: t.str.replace_all(f"[ {BLANKS}]+", ""))
APOSTROPHE: Step = ("code.apostrophe", lambda t: t.str.replace_all("['’‘`´＇]+", ""))
UPPER: Step = ("code.upper", lambda t: t.str.to_uppercase())
SIGNS: Step = ("code.sign_width", lambda t: t.str.replace_many(list("－／＿．＃"), list("-/_.#")))
HAN_BLANK: Step = (
    "text.han_blank",
    lambda t: t.str.replace_all(r"(\p{Han}) +(\p{Han})", "${1}${2}").str.replace_all(r"(\p{Han}) +(\p{Han})", "${1}${2}"),
)
HAN_NUMBER: Step = (
    "address.blank",
    lambda t: t.str.replace_all(r"(\p{Han}) +([0-9A-Za-z#])", "${1}${2}").str.replace_all(r"([0-9A-Za-z#]) +(\p{Han})", "${1}${2}"),
)
TEXT = (BLANK, TRIM, WIDTH)
DIRTY = f"[{BLANKS}０-９Ａ-Ｚａ-ｚ]|^ | $"


def _day(pattern: str) -> Callable[[pl.Expr], pl.Expr]:
    def step(text: pl.Expr) -> pl.Expr:
        parts = [text.str.extract(pattern, n).str.zfill(4 if n == 1 else 2) for n in (1, 2, 3)]
        day = pl.concat_str(parts, separator="-").str.to_date("%Y-%m-%d", strict=False)
        return pl.coalesce(day.dt.to_string("%Y-%m-%d"), text)

    return step


DATE_STEPS = (
    *TEXT,
    ("date.form", _day(r"^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})$")),
    ("date.worded", _day(r"^([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日$")),
    ("date.compact", _day(r"^([12][0-9]{3})([0-9]{2})([0-9]{2})$")),
)
MONEY_STEPS = (
    *TEXT,
    ("number.unit", lambda t: t.str.replace(r"^([+-]?[0-9][0-9,.]*) ?元$", "${1}")),
    (
        "number.thousands",
        lambda t: pl.when(t.str.contains(r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?$")).then(t.str.replace_all(",", "")).otherwise(t),
    ),
    ("number.zero_decimals", lambda t: t.str.replace(r"^([+-]?[0-9]+)(\.[0-9]{2})0+$", "${1}${2}")),
)


def _joined(text: pl.Expr, prefix: str) -> pl.Expr:
    bare = text.str.replace_all(r"[-() ]", "")
    return pl.when(bare.str.contains(f"^{prefix}{MOBILE}$")).then(bare.str.extract(f"^{prefix}({MOBILE})$", 1)).otherwise(text)


PHONE_STEPS = (*TEXT, ("phone.separators", lambda t: _joined(t, "")), ("phone.country_code", lambda t: _joined(t, r"(?:\+86|0086|86)")))
PHONE = rf"^(?:{MOBILE}|(?:010|02[0-9]|0[3-9][0-9]{{2}})-{FIXED}(?:-[0-9]{{1,6}})?|[48]00[0-9]{{7}})$"


@dataclass
class Cleaned:
    """One column: values, the cells altered (``_index before after rule``) and the cells at fault (``_index code``)."""

    value: pl.Series
    altered: pl.DataFrame
    faults: pl.DataFrame


def _unless_blank(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _unless_in(text: pl.Expr, missing: Sequence[str]) -> pl.Expr:
    return pl.when(~text.is_in(missing)).then(text) if missing else text


def repaired(raw: pl.Series, dirty: pl.Series, steps: Sequence[Step], missing: Sequence[str]) -> tuple[pl.Series, pl.DataFrame]:
    """The text after the steps, and the cells they altered. ``dirty`` cells are worked on, the others are not looked at again."""
    if missing:
        dirty = dirty | raw.is_in(missing)
    index = dirty.arg_true()
    if not len(index):
        return raw, pl.DataFrame(schema={"_index": pl.UInt32, "before": pl.String, "after": pl.String, "rule": pl.String})
    cells = pl.DataFrame({"_index": index, "before": raw.gather(index)}).with_columns(
        after=pl.col("before"), rule=pl.lit(None, dtype=pl.String)
    )
    for name, step in (*steps, ("missing.blank", _unless_blank), ("missing.spelling", lambda text: _unless_in(text, missing))):
        cells = cells.with_columns(_new=step(pl.col("after")))
        noted = pl.concat_str("rule", pl.lit(name), separator="+", ignore_nulls=True)
        altered = pl.col("_new").ne_missing(pl.col("after"))
        cells = cells.with_columns(rule=pl.when(altered).then(noted).otherwise("rule"), after=pl.col("_new"))
    cells = cells.drop("_new").filter(pl.col("after").ne_missing(pl.col("before")))
    return raw.clone().scatter(cells["_index"], cells["after"]), cells


def at_fault(bad: pl.Series, text: pl.Series, *tests: tuple[str, pl.Expr], otherwise: str) -> pl.DataFrame:
    """``_index code`` of the bad cells: the first test that holds names the code."""
    index = bad.arg_true()
    code: Any = pl.lit(otherwise)
    for name, test in reversed(tests):
        code = pl.when(test).then(pl.lit(name)).otherwise(code)
    return pl.DataFrame({"_index": index, "text": text.gather(index)}).select("_index", code=code)


T = pl.col("text")


def clean_text(raw: pl.Series, missing: list[str], screen: str, *more: Step) -> Cleaned:
    text, altered = repaired(raw, raw.str.contains(screen), (*TEXT, *more), missing)
    bad = text.str.contains("锟斤|\ufffd")
    return Cleaned(text, altered, at_fault(bad, text, otherwise="mojibake"))


def clean_name(raw: pl.Series, missing: list[str]) -> Cleaned:
    text, altered = repaired(raw, raw.str.contains(rf"{DIRTY}|\p{{Han}} +\p{{Han}}"), (*TEXT, HAN_BLANK), missing)
    bad = text.str.contains(r"[^\p{L}\p{M}〇· .'’-]|^[^\p{L}〇]*$")
    tests = [
        ("lost_character", T.str.contains(r"[?？□■▯]")),
        ("not_a_name", ~T.str.contains(r"[\p{L}〇]")),
        ("masked", T.str.contains(r"[*＊]")),
    ]
    return Cleaned(text, altered, at_fault(bad, text, *tests, otherwise="unusual_character"))


def _bytes(text: pl.Series, width: int) -> pl.DataFrame:
    """The bytes of cells of one width, a column a place."""
    block = text.cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, width)).alias("bytes").to_frame()
    return block.select(pl.col("bytes").arr.get(place).cast(pl.Int32).alias(str(place)) for place in range(width))


def clean_citizen_id(raw: pl.Series, missing: list[str], today: date, regions: pl.Series) -> Cleaned:
    well_formed = r"^[0-9]{17}[0-9X]$"
    text, altered = repaired(raw, ~raw.str.contains(well_formed), (NO_BLANKS, APOSTROPHE, WIDTH, UPPER), missing)
    fits = text.str.contains(well_formed).fill_null(False)
    cells = text.filter(fits)
    digits = _bytes(cells, 18)
    weighted = pl.sum_horizontal([(pl.col(str(p)) - 48) * w for p, w in enumerate((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))])
    remainder = digits.select((weighted % 11).alias("r"))["r"]
    expected = pl.Series([ord(c) for c in "10X98765432"], dtype=pl.Int32).gather(remainder)
    born = cells.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    region = cells.str.head(6).cast(pl.Int64)
    judged = pl.DataFrame({"check": expected == digits["17"], "born": born, "known": region.is_in(regions.implode())})
    code = judged.select(
        pl.when(pl.col("born").is_null()).then(pl.lit("birth_date"))
        .when(pl.col("born") > today).then(pl.lit("birth_in_future"))
        .when(pl.col("born").dt.year() < 1900).then(pl.lit("birth_before_1900"))
        .when(~pl.col("check")).then(pl.lit("check_digit"))
        .when(~pl.col("known")).then(pl.lit("unknown_region")).alias("code")
    )["code"]  # fmt: skip
    faults = pl.DataFrame({"_index": fits.arg_true(), "code": code}).drop_nulls()
    other = at_fault(~fits & text.is_not_null(), text, ("characters", T.str.len_chars() == 18), otherwise="length")
    return Cleaned(text, altered, pl.concat([faults, other]))


def clean_uscc(raw: pl.Series, missing: list[str], regions: pl.Series) -> Cleaned:
    well_formed = rf"^[{USCC}]{{2}}[0-9]{{6}}[{USCC}]{{10}}$"
    text, altered = repaired(raw, ~raw.str.contains(well_formed), (NO_BLANKS, APOSTROPHE, WIDTH, UPPER), missing)
    fits = text.str.contains(well_formed).fill_null(False)
    cells = text.filter(fits)
    # firms repeat: each identifier is checked once
    firms = cells.unique()
    values = pl.Series([USCC.find(chr(byte)) for byte in range(128)], dtype=pl.Int32)
    places = _bytes(firms, 18)
    value = places.select(pl.lit(values).gather(pl.col(str(p)).cast(pl.UInt32)).alias(str(p)) for p in range(18))
    total = value.select(pl.sum_horizontal([pl.col(str(p)) * pow(3, p, 31) for p in range(17)]).alias("t"))["t"]
    letters = pl.Series([byte - 48 if byte < 58 else byte - 55 for byte in range(128)], dtype=pl.Int32)
    org = places.select(pl.lit(letters).gather(pl.col(str(p)).cast(pl.UInt32)).alias(str(p)) for p in range(8, 16))
    remainder = org.select(pl.sum_horizontal([pl.col(str(8 + p)) * w for p, w in enumerate((3, 7, 9, 10, 5, 8, 4, 2))]).alias("r") % 11)[
        "r"
    ]
    org_check = pl.Series([ord("0123456789X"[(11 - r) % 11]) for r in range(11)], dtype=pl.Int32).gather(remainder)
    region = firms.str.slice(2, 6).cast(pl.Int64)
    judged = pl.DataFrame(
        {
            "check": (31 - total % 31) % 31 == value["17"],
            "known": region.is_in(regions.implode()) | (region == 100000),
            "org": org_check == places["16"],
        }
    )
    code = judged.select(
        pl.when(~pl.col("check")).then(pl.lit("check_digit"))
        .when(pl.lit(~firms.str.contains("^[123456789ANY]"))).then(pl.lit("unknown_authority"))
        .when(~pl.col("known")).then(pl.lit("unknown_region"))
        .when(~pl.col("org")).then(pl.lit("org_code_check")).alias("code")
    )["code"]  # fmt: skip
    wrong = pl.DataFrame({"text": firms, "code": code}).drop_nulls()
    faults = pl.DataFrame({"_index": fits.arg_true(), "text": cells}).join(wrong, on="text", how="inner").select("_index", "code")
    other = at_fault(~fits & text.is_not_null(), text, ("characters", T.str.len_chars() == 18), otherwise="length")
    return Cleaned(text, altered, pl.concat([faults, other]))


def clean_date(raw: pl.Series, missing: list[str], latest: date | None, no_days: list[date]) -> Cleaned:
    def parsed(text: pl.Series) -> pl.Series:
        return pl.select(pl.when(text.str.len_bytes() == 10).then(text.str.to_date("%Y-%m-%d", strict=False))).to_series()

    value = parsed(raw)
    text, altered = repaired(raw, value.is_null() & raw.is_not_null(), DATE_STEPS, missing)
    value = value.scatter(altered["_index"], parsed(altered["after"]))
    value = value.scatter(value.is_in(no_days).arg_true(), None)
    unread = at_fault(
        value.is_null() & text.is_not_null(), text, ("placeholder", T.is_in([day.isoformat() for day in no_days])),
        ("truncated", T.str.contains(r"^[0-9]{4}年?$|^[0-9]{4}[-/.年](0?[1-9]|1[0-2])月?$")),
        ("impossible", T.str.contains(r"^[0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?$")), otherwise="unreadable",
    )  # fmt: skip
    late = (value > latest) if latest else pl.Series([False]).new_from_index(0, len(value))
    strange = (value < date(1800, 1, 1)) | (value > date(2200, 12, 31))
    return Cleaned(
        value,
        altered,
        pl.concat([unread, at_fault(late, text, otherwise="too_late"), at_fault(strange & ~late, text, otherwise="implausible_year")]),
    )


def clean_money(raw: pl.Series, missing: list[str]) -> Cleaned:
    exact = r"^[+-]?(?:0*[1-9][0-9]{0,15}|0+)(?:\.[0-9]{1,2})?$"
    text, altered = repaired(raw, ~raw.str.contains(exact), MONEY_STEPS, missing)
    fits = text.str.contains(exact)
    value = text.cast(pl.Decimal(18, 2), strict=False)
    value = pl.select(pl.when(fits).then(value)).to_series() if not fits.all() else value
    decimals = ("too_many_decimals", T.str.contains(r"^[+-]?[0-9]+\.[0-9]{3,}$"))
    return Cleaned(value, altered, at_fault(~fits, text, decimals, otherwise="not_a_number"))


def clean_whole(raw: pl.Series, missing: list[str]) -> Cleaned:
    text, altered = repaired(raw, raw.cast(pl.Int64, strict=False).is_null() & raw.is_not_null(), TEXT, missing)
    value = text.cast(pl.Int64, strict=False)
    decimals = ("not_an_integer", T.str.contains(r"^[+-]?[0-9]+\.[0-9]+$"))
    return Cleaned(value, altered, at_fault(value.is_null() & text.is_not_null(), text, decimals, otherwise="not_a_number"))


def clean_code(raw: pl.Series, missing: list[str], codes: list[str], spellings: dict[str, str]) -> Cleaned:
    label: Step = ("code.label", lambda t: t.replace(spellings))
    text, altered = repaired(raw, ~raw.is_in(codes), (*TEXT, label), missing)
    return Cleaned(text, altered, at_fault(~text.is_in(codes), text, otherwise="unknown_code"))


def clean_phone(raw: pl.Series, missing: list[str]) -> Cleaned:
    text, altered = repaired(raw, ~raw.str.contains(PHONE), PHONE_STEPS, missing)
    tests = [("no_area_code", T.str.contains(rf"^{FIXED}(?:-[0-9]{{1,6}})?$")), ("characters", T.str.contains(r"[^0-9+()# -]"))]
    return Cleaned(text, altered, at_fault(~text.str.contains(PHONE), text, *tests, otherwise="not_a_number"))


def clean_division(raw: pl.Series, missing: list[str], regions: pl.Series) -> Cleaned:
    text, altered = repaired(raw, ~raw.str.contains("^[0-9]{6}$"), (NO_BLANKS, WIDTH), missing)
    bad = ~text.cast(pl.Int64, strict=False).is_in(regions.implode())
    tests = [("characters", ~T.str.contains("^[0-9]+$")), ("length", T.str.len_bytes() != 6)]
    return Cleaned(text, altered, at_fault(bad | (text.str.len_bytes() != 6), text, *tests, otherwise="unknown_region"))


def clean_postcode(raw: pl.Series, missing: list[str]) -> Cleaned:
    pattern = "^[0-8][0-9]{5}$"
    text, altered = repaired(raw, ~raw.str.contains(pattern), (NO_BLANKS, WIDTH), missing)
    tests = [("characters", ~T.str.contains("^[0-9]+$")), ("length", T.str.len_bytes() != 6)]
    return Cleaned(text, altered, at_fault(~text.str.contains(pattern), text, *tests, otherwise="unknown_area"))


def clean_file_no(raw: pl.Series, missing: list[str]) -> Cleaned:
    text, altered = repaired(raw, raw.str.contains(rf"{DIRTY}|[a-z '’－／＿．＃]"), (NO_BLANKS, APOSTROPHE, WIDTH, SIGNS, UPPER), missing)
    return Cleaned(text, altered, at_fault(text.str.contains("锟斤|\ufffd"), text, otherwise="mojibake"))


def cleaned(name: str, base: str, raw: pl.Series, today: date, constants: dict[str, Any], regions: pl.Series) -> Cleaned:
    missing = constants["missing"][name]
    match base:
        case "citizen_id":
            return clean_citizen_id(raw, missing, today, regions)
        case "name":
            return clean_name(raw, missing)
        case "sex" | "industry" | "ethnicity" | "status":
            return clean_code(raw, missing, constants["lists"][name]["codes"], constants["lists"][name]["spellings"])
        case "birth_date" | "insured_from" | "insured_to":
            no_days = [day for day in NO_DAYS if base != "birth_date" or day != date(1970, 1, 1)]  # somebody's birthday
            return clean_date(raw, missing, today if base in NOT_AFTER_TODAY else None, no_days)
        case "base_yuan" | "paid_yuan":
            return clean_money(raw, missing)
        case "months":
            return clean_whole(raw, missing)
        case "phone":
            return clean_phone(raw, missing)
        case "uscc":
            return clean_uscc(raw, missing, regions)
        case "division_code":
            return clean_division(raw, missing, regions)
        case "postcode":
            return clean_postcode(raw, missing)
        case "file_no":
            return clean_file_no(raw, missing)
        case "address":
            return clean_text(raw, missing, rf"{DIRTY}|\p{{Han}} +[\p{{Han}}0-9A-Za-z#]|[0-9A-Za-z#] +\p{{Han}}", HAN_BLANK, HAN_NUMBER)
        case "org_name":
            return clean_text(raw, missing, rf"{DIRTY}|\p{{Han}} +\p{{Han}}", HAN_BLANK)
        case _:
            return clean_text(raw, missing, DIRTY)
