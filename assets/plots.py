"""Plots for the UI, as SVG inside Markdown: text stays text, so the reader's browser supplies the Chinese font."""

import base64
import io
import warnings

import polars as pl

from districtlake.catalog.models import DIMENSION_TITLES

# Okabe and Ito's palette: told apart by colour-blind readers too
COLOURS = {
    "normativity": "#0072B2", "completeness": "#E69F00", "accuracy": "#D55E00",
    "consistency": "#009E73", "timeliness": "#56B4E9", "accessibility": "#CC79A7",
}  # fmt: skip


def failing_rows_by_dimension(results: pl.DataFrame, labels: dict[str, str], *, title: str) -> str:
    """Stacked bars of failing rows by dimension, one bar per delivery.

    Args:
        results: rows of the results table (``_delivery``, ``dimension``, ``failed``).
        labels: delivery id -> its label, in the order of the bars.

    Returns:
        Markdown with the picture in it.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    counted = results.group_by("_delivery", "dimension").agg(pl.col("failed").sum())
    found = {(row[0], row[1]): int(row[2] or 0) for row in counted.iter_rows()}
    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "districtlake"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # measured only; the browser draws the text
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        canvas = FigureCanvasSVG(figure)
        axes = figure.subplots()
        positions = range(len(labels))
        floor = [0] * len(labels)
        for dimension, colour in COLOURS.items():
            heights = [found.get((delivery, dimension), 0) for delivery in labels]
            if any(heights):
                axes.bar(positions, heights, bottom=floor, width=0.62, color=colour, label=DIMENSION_TITLES[dimension])
                floor = [a + b for a, b in zip(floor, heights, strict=True)]
        for position, total in zip(positions, floor, strict=True):
            axes.annotate(str(total), (position, total), ha="center", va="bottom", fontsize=9, xytext=(0, 2), textcoords="offset points")
        axes.set_xticks(list(positions), list(labels.values()), fontsize=8)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_ylabel("不符合（行×规则）", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(0, max([*floor, 1]) * 1.18)
        if any(floor):
            axes.legend(fontsize=8, frameon=False, ncols=1, loc="upper left", bbox_to_anchor=(1.01, 1.0))
        buffer = io.BytesIO()
        canvas.print_svg(buffer, metadata={"Date": None})
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"
