"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="输出 JSON，供程序读取")]
Agency = Annotated[str | None, typer.Option("--agency", help="只看一个机构，如 market_regulation")]
Resource = Annotated[str | None, typer.Option("--resource", help="只看一个资源，如 market_regulation.business_entities")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="最多显示多少行")]
Reason = Annotated[str, typer.Option("--reason", help="理由，写入审计记录")]
Yes = Annotated[bool, typer.Option("--yes", help="不再询问，直接执行")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="当时的数据：YYYY-MM-DD（该日结束时）或带时间的 ISO 8601")]
