"""What the statement of a pairing found, as lines of the table of leads: values, places, the Chinese sentence for each agency."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from districtlake.catalog.comparison_links import column_of, element_of
from districtlake.catalog.comparisons import Side
from districtlake.catalog.masking import mask_as
from districtlake.catalog.match_steps import MATCH_STEPS
from districtlake.catalog.models import Catalog, Item
from districtlake.comparison.freshness import Dates
from districtlake.comparison.matching import suspected
from districtlake.comparison.statement import Pairing
from districtlake.marts.definition import sensitivity_of
from districtlake.quality.problems import problem_id
from districtlake.warehouse.leads import LEADS

NO_VALUE = "（空）"


def lines_of(rows: pl.DataFrame, pairing: Pairing, dates: Dates) -> pl.DataFrame:
    """One line per lead in the columns of ``LEADS`` that this comparison decides; the others (first seen, state) are null."""
    comparison, left, catalog = pairing.comparison, pairing.left, pairing.catalog
    right = comparison.right[0]
    if not rows.height:
        return pl.DataFrame(schema=LEADS)
    key = rows.select(pl.concat_str([pl.col(name) for name in pairing.keys], separator="|").alias("match_key")).to_series()
    item, right_item = _items(left), _items(right)
    chosen = rows["r_resource"].fill_null(right.resource)
    values, right_values = _values(rows, left, "l"), _values(rows, right, "r")
    doubt = pl.Series("suspected", [False] * rows.height, dtype=pl.Boolean)
    for index, _ in enumerate(pairing.softened):
        doubt = doubt | suspected(rows[f"ml_{index}"], rows[f"mr_{index}"])
    identity = [problem_id(left.resource, f"{comparison.rule_id}", text, item) for text in rows["l_key"].to_list()]
    absent = rows["r_key"].is_null()
    own, ours = _shown(rows, pairing, left, "l", own=True), _shown(rows, pairing, left, "l")
    theirs, their_own = _shown_rights(rows, pairing, chosen), _shown_rights(rows, pairing, chosen, own=True)
    frame = pl.DataFrame(
        {
            "lead_id": pl.Series(identity, dtype=pl.String), "key": rows["l_key"], "value": values, "delivery": rows["l_delivery"],
            "file": rows["l_file"], "sheet": rows["l_sheet"], "row": rows["l_row"], "right_resource": chosen, "right_key": rows["r_key"],
            "right_value": pl.select(pl.when(absent).then(None).otherwise(right_values)).to_series(),
            "right_delivery": rows["r_delivery"], "match_key": key, "matches": rows["matches"],
        }
    ).with_columns(
        comparison=pl.lit(comparison.id), code=pl.lit(comparison.code), rule_version=pl.lit(comparison.version, dtype=pl.Int64),
        title=pl.lit(comparison.title), pairing=pl.lit(pairing.id), resource=pl.lit(left.resource),
        agency=pl.lit(catalog.resources[left.resource].agency), item=pl.lit(item), as_of=pl.lit(dates.left, dtype=pl.Date),
        right_agency=chosen.replace_strict({one.resource: _agency(one.resource, catalog) for one in comparison.right}, return_dtype=pl.String),
        right_item=pl.lit(right_item), right_as_of=pl.lit(dates.right, dtype=pl.Date), match_by=pl.lit(_matched_by(pairing)),
        certainty=pl.select(pl.when(doubt).then(pl.lit("suspected")).otherwise(pl.lit("conflict"))).to_series(), dimension=pl.lit(comparison.dimension),
    )  # fmt: skip
    sentences = zip(
        own, ours, theirs, their_own, chosen.to_list(), absent.to_list(), doubt.to_list(), rows["matches"].to_list(), strict=True
    )
    told = [_sentences(pairing, dates, *parts) for parts in sentences]
    frame = frame.with_columns(
        reason=pl.Series([one for one, _ in told], dtype=pl.String), turned_reason=pl.Series([other for _, other in told], dtype=pl.String)
    )
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in LEADS.items() if name not in frame.columns]
    return frame.with_columns(missing).select(list(LEADS)).cast(pl.Schema(LEADS)).unique("lead_id", keep="first", maintain_order=True)


def _items(side: Side) -> str:
    return "+".join(dict.fromkeys(side.columns.values() or side.join.values()))


def _values(rows: pl.DataFrame, side: Side, prefix: str) -> pl.Series:
    """The values in question as text, joined as the problem register joins them."""
    if side.columns:
        names = dict(zip(side.columns.values(), (f"{prefix}_{name}" for name in side.columns), strict=True))
        parts = [pl.col(name).cast(pl.String).fill_null(NO_VALUE) for name in names.values()]
    else:
        parts = [pl.col(f"k_{name}") for name in side.join]
    return rows.select(pl.concat_str(parts, separator=" / ").alias("value")).to_series()


def _title(resource: str, name: str, catalog: Catalog) -> str:
    column = column_of(catalog, resource, name)
    return column.title if column is not None else name


def _matched_by(pairing: Pairing) -> str:
    """The join key in words, with how it and what is compared was made alike."""
    comparison, left = pairing.comparison, pairing.left
    by = "、".join(
        _title(left.resource, item, pairing.catalog) + _steps(comparison.match.get(name, ())) for name, item in left.join.items()
    )
    compared = "、".join(
        f"{_title(left.resource, left.columns[name], pairing.catalog)}{_steps(steps)}"
        for name, steps in comparison.match.items()
        if name in left.columns and name not in left.join
    )
    return f"{by}；比对时{compared}" if compared else by


def _steps(steps: Sequence[str]) -> str:
    return f"（{'，'.join(MATCH_STEPS[step].words for step in steps)}）" if steps else ""


def _agency(source: str, catalog: Catalog) -> str:
    found = catalog.resources.get(source)
    return found.agency if found is not None else ""


def _named(source: str, catalog: Catalog) -> str:
    """Agency and title of a table, for a sentence."""
    resource = catalog.resources.get(source)
    if resource is not None:
        return f"{catalog.agencies[resource.agency].name}“{resource.title}”"
    return f"区级数据仓“{catalog.marts[source].title}”"


def _shown(rows: pl.DataFrame, pairing: Pairing, side: Side, prefix: str, *, own: bool = False) -> list[str]:
    """The values of a side, masked by class, as another agency may see them: of a resource that is not shared nothing at all. ``own``: as its own
    agency sees them in sentences."""
    catalog = pairing.catalog
    resource = catalog.resources.get(side.resource)
    if not own and resource is not None and resource.sharing.class_ == "none":
        return ["不予共享，值不显示"] * rows.height
    columns = list[list[str]]()
    for name, item in side.columns.items():
        text = rows[f"{prefix}_{name}"].cast(pl.String)
        column, element = column_of(catalog, side.resource, item), element_of(catalog, side.resource, item)
        if element is not None and element.codes is not None:
            codes = catalog.code_lists[element.codes].codes
            text = text.replace_strict(list(codes), list(codes.values()), default=text, return_dtype=pl.String)
        level = (
            catalog.sensitivity_of(column) if isinstance(column, Item) else sensitivity_of(column, catalog) if column is not None else "L4"
        )
        if element is not None:
            text = mask_as(text, element, level, catalog)
        elif level in ("L3", "L4"):
            text = text.str.head(1) + "***"
        title = column.title if column is not None else name
        columns.append([f"{title} {value}" for value in text.fill_null(NO_VALUE).to_list()])
    return ["、".join(parts) for parts in zip(*columns, strict=True)] if columns else ["有登记"] * rows.height


def _shown_rights(rows: pl.DataFrame, pairing: Pairing, chosen: pl.Series, *, own: bool = False) -> list[str]:
    """``_shown`` of the right side that each row was held against."""
    found = [""] * rows.height
    for side in pairing.comparison.right:
        places = (chosen == side.resource).arg_true()
        for place, text in zip(places.to_list(), _shown(rows[places], pairing, side, "r", own=own), strict=True):
            found[place] = text
    return found


def _sentences(
    pairing: Pairing, dates: Dates, own: str, ours: str, theirs: str, their_own: str, chosen: str, absent: bool, doubt: bool, matches: int
) -> tuple[str, str]:
    """(for the agency asked first, for the other one once the first has confirmed its value)."""
    catalog, left = pairing.catalog, pairing.left.resource
    by = _matched_by(pairing)
    head = f"{'疑似' if doubt else '线索'}：{pairing.comparison.title}。"
    count = f"，共{matches}条" if pairing.at_least > 1 else ""
    nothing = "没有该主体的记录" if absent else ""
    other_side = f"{_named(chosen, catalog)}（截至{dates.right}）：{nothing or theirs + count}"
    own_side = f"{_named(left, catalog)}（截至{dates.left}）：{ours}"
    tail = f"按{by}比对，规则{pairing.comparison.code}第{pairing.comparison.version}版。"
    return (
        f"{head}{other_side}；本表（截至{dates.left}）：{own}。{tail}请核实。",
        f"{head}{own_side}，已确认无误；本表（截至{dates.right}）：{nothing or their_own + count}。{tail}请核实。",
    )
