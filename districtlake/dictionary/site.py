"""The dictionary as a site: plain files that open from a folder, without a server, a network or anything from elsewhere."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from districtlake.dictionary.charts import changes_chart
from districtlake.errors import OperationRefused

MOST_CODES = 200
"""Codes listed on a page; the JSON has them all."""
_MARK = "dictionary.json"


def write_site(document: dict[str, Any], folder: Path) -> Path:
    """Write the site anew; returns its first page. The folder appears whole: a reader never meets half of it.

    Raises:
        OperationRefused: the folder holds something that is no dictionary.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise OperationRefused(f"{folder} is not empty and holds no dictionary.", hint="换一个空文件夹，或新的文件夹名。")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        made.chmod(0o755)
        _write(document, made)
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return folder / "index.html"


def _write(document: dict[str, Any], folder: Path) -> None:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    source = Path(__file__).parent / "templates"
    environment = Environment(loader=FileSystemLoader(source), autoescape=True, trim_blocks=True, undefined=StrictUndefined)
    tables = {table["id"]: _Lenient(table) for table in document["tables"]}
    urls = {table["id"]: f"{table['schema']}/{table['name']}.html" for table in document["tables"]}
    shared = {
        "document": document, "tables": tables, "urls": urls, "percent": percent, "most_codes": MOST_CODES,
        "generated_at": datetime.fromisoformat(document["generated_at"]).strftime("%Y-%m-%d %H:%M"),
    }  # fmt: skip
    columns = sum(len(table["columns"]) for table in tables.values())
    page = environment.get_template("index.html").render(**shared, root="", column_count=columns, states=_states(document))
    (folder / "index.html").write_text(page, encoding="utf-8")
    template = environment.get_template("table.html")
    for table in tables.values():
        lists = dict.fromkeys(column["codes"] for column in table["columns"] if column["codes"])
        page = template.render(
            **shared, root="../", table=table, code_lists=[(name, document["code_lists"][name]) for name in lists],
            chart=changes_chart(table["changes"], f"{table['title']}：最近 {len(table['changes'])} 次交付改变的行"), sections=_sections(table),
        )  # fmt: skip
        target = folder / urls[table["id"]]
        target.parent.mkdir(exist_ok=True)
        target.write_text(page, encoding="utf-8")
    for name in ("style.css", "search.js"):
        shutil.copyfile(source / name, folder / name)
    (folder / "search-data.js").write_text(f"window.DICTIONARY = {_script(search_index(document, urls))};\n", encoding="utf-8")
    (folder / _MARK).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class _Lenient(dict[str, Any]):
    """A table whose missing keys are nothing: resources and marts have some facts of their own."""

    def __missing__(self, key: str) -> None:
        return None


def _sections(table: dict[str, Any]) -> list[tuple[str, str]]:
    every = [
        ("facts", "概况", True), ("columns", "列", True), ("quality", "质量", bool(table["quality"])), ("rules", "规则", bool(table["rules"])),
        ("changes", "最近的交付", bool(table["changes"])), ("lineage", "来龙去脉", True), ("queries", "示例查询", True),
        ("sample", "样例", table["kind"] == "resource"),
    ]  # fmt: skip
    return [(anchor, word) for anchor, word, there in every if there]


def _states(document: dict[str, Any]) -> list[tuple[str, tuple[str, int]]]:
    found = [table["freshness"] for table in document["tables"] if table["freshness"]]
    counted = Counter(one["state"] for one in found)
    titles = {one["state"]: one["state_title"] for one in found}
    return [(titles[state], (state, n)) for state, n in counted.most_common()]


def percent(a: int, b: int) -> str:
    """A over B for people: never rounded up to 100 % while something fails."""
    share = 100 * a / b
    return "100%" if a == b else f"{min(share, 99.99):.2f}%"


def search_index(document: dict[str, Any], urls: dict[str, str]) -> list[dict[str, Any]]:
    """One entry per table and per column: what the search box looks through, lower case."""
    found: list[dict[str, Any]] = []
    for table in document["tables"]:
        url, holder = urls[table["id"]], table.get("agency") or table.get("library") or ""
        text = " ".join((table["title"], table["id"], table["description"], holder)).lower()
        found.append({"title": table["title"], "where": f"{holder} · {table['id']}", "url": url, "text": text, "table": True})
        for column in table["columns"]:
            codes = document["code_lists"][column["codes"]] if column["codes"] else None
            names = " ".join(codes["codes"].values()) if codes and len(codes["codes"]) <= MOST_CODES else ""
            words = (
                column["title"],
                column["name"],
                column["element_title"],
                table["title"],
                table["id"],
                codes["title"] if codes else "",
                names,
            )
            found.append(
                {"title": f"{column['title']} {column['name']}", "where": f"列，{table['title']} · {table['id']}",
                 "url": f"{url}#c-{column['name']}", "text": " ".join(words).lower(), "table": False}
            )  # fmt: skip
    return found


def _script(value: Any) -> str:
    """JSON inside a script: no text can end the script element or break a line of JavaScript."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
