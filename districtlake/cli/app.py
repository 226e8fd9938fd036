"""The command line put together. Heavy rooms are imported inside commands: ``districtlake --help`` answers at once."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from districtlake.cli import (
    calendar,
    catalog,
    comparisons,
    deliveries,
    demo,
    dictionary,
    docs,
    doctor,
    explain,
    inspect,
    marts,
    nightly,
    notifications,
    portal,
    problems,
    quality,
    reference,
    rules,
    sql,
    tables,
    ticket_answers,
    timeliness,
)
from districtlake.cli.faults import DEBUG, told
from districtlake.cli.output import fail
from districtlake.errors import DistrictLakeError

app = typer.Typer(
    name="districtlake",
    help="区级公共数据仓：交付 → 清洗 → 校验 → 入仓，问题数据退回提供单位。流程依据《暂行办法》（已废止）。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("nightly")(nightly.nightly)
app.command("inspect")(inspect.inspect)
app.add_typer(deliveries.app, name="deliveries")
app.command("problems")(problems.problems)
app.add_typer(rules.app, name="rules")
app.add_typer(ticket_answers.app, name="tickets")
app.command("timeliness")(timeliness.timeliness)
app.add_typer(quality.app, name="quality")
app.add_typer(docs.app, name="docs")
app.command("tables")(tables.tables)
app.command("show")(tables.show)
app.command("history")(tables.history)
app.command("explain")(explain.explain)
app.command("sql")(sql.sql)
app.command("dictionary")(dictionary.dictionary)
app.add_typer(comparisons.app, name="comparisons")
app.add_typer(marts.app, name="marts")
app.add_typer(notifications.app, name="notifications")
app.add_typer(portal.app, name="portal")
app.add_typer(catalog.app, name="catalog")
app.add_typer(reference.app, name="reference")
app.add_typer(calendar.app, name="calendar")
app.add_typer(demo.app, name="demo")
app.command("doctor")(doctor.doctor)


@app.callback()
def _before(debug: Annotated[bool, typer.Option("--debug", help="系统出错时显示出错位置（同 DISTRICTLAKE_DEBUG=1）")] = False) -> None:
    if debug:
        os.environ[DEBUG] = "1"


def run() -> None:
    """Run the command line; every error becomes a sentence and an exit code, never a traceback."""
    as_json = "--json" in sys.argv
    try:
        app()
    except DistrictLakeError as error:
        sys.exit(fail(error, as_json=as_json))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        sys.exit(told(error, as_json=as_json))
