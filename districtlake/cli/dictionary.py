"""``districtlake dictionary``: the data dictionary as a folder of pages, or as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import console, show_json


def dictionary(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="写到哪个文件夹（默认：状态文件夹/dictionary）")] = None,
    as_json: Json = False,
) -> None:
    """生成数据字典：每张表的说明、列、代码、更新情况、质量、示例查询；一个文件夹，双击 index.html 即可离线打开。

    例：districtlake dictionary
    例：districtlake dictionary --json
    """
    from districtlake.delivery.district import open_district
    from districtlake.dictionary.document import dictionary as collect
    from districtlake.dictionary.site import write_site

    district = open_district()
    document = collect(district)
    if as_json:
        show_json(document)
        return
    page = write_site(document, (output or district.settings.state / "dictionary").absolute())
    there = sum(1 for table in document["tables"] if table["counts"])
    shown = os.path.relpath(page) if page.is_relative_to(Path.cwd()) else str(page)
    console.print(
        f"数据字典：{len(document['tables'])} 张表（{there} 张有数据），{sum(len(t['queries']) for t in document['tables'])} 个示例查询"
    )
    console.print(shown, soft_wrap=True, markup=False)
