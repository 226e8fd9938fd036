"""``districtlake docs delivery``: Great Expectations' Data Docs of one delivery."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from districtlake.cli.options import Json
from districtlake.cli.output import console, errors, show_json
from districtlake.errors import DistrictLakeError, OperationRefused

app = typer.Typer(help="校验说明：Great Expectations 的 Data Docs，按需生成。", no_args_is_help=True)


@app.command("delivery")
def delivery(
    delivery: Annotated[str, typer.Argument(help="交付编号（districtlake deliveries list）")],
    language: Annotated[str, typer.Option("--language", help="zh（中文）或 en（英文）")] = "zh",
    to: Annotated[Path | None, typer.Option("--to", help="另存到这个文件夹（须不存在或为空）")] = None,
    as_json: Json = False,
) -> None:
    """一次交付的规则集和校验结果，由 Great Expectations 按已存的结果生成网页；离线可看，不含数据行。再次查看不必重新生成。

    例：districtlake docs delivery population-20260306-f3d9f079962c
    例：districtlake docs delivery population-20260306-f3d9f079962c --language en --to 校验说明
    """
    from districtlake.delivery.district import open_district
    from districtlake.quality_report.data_docs import LANGUAGES, data_docs_of

    if language not in LANGUAGES:
        raise OperationRefused(f"There is no language {language}.", hint=f"Languages are: {', '.join(LANGUAGES)}.")
    if to is not None and to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise OperationRefused(f"{to} is there and not an empty folder.", hint="Name a folder that does not exist yet.")
    folder = data_docs_of(open_district(), delivery, language, lambda message: errors.print(f"{message} …", style="dim", markup=False))
    if to is not None:
        try:
            shutil.copytree(folder, to, dirs_exist_ok=True)
        except OSError as error:
            raise DistrictLakeError(
                f"{to} cannot be written: {error.strerror}.", hint="Check free space and permissions.", code="docs.copy"
            ) from error
        folder = to.absolute()
    page = folder / "index.html"
    if as_json:
        show_json({"delivery": delivery, "language": language, "page": page})
        return
    console.print(os.path.relpath(page) if page.is_relative_to(Path.cwd()) else str(page), soft_wrap=True, markup=False)
