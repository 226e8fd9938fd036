"""``districtlake portal``: serve the pages, and who may sign in."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from districtlake.cli import commissions
from districtlake.cli.options import Json
from districtlake.cli.output import console, show_rows
from districtlake.errors import OperationRefused

app = typer.Typer(help="门户：区大数据主管机构和各单位工作人员使用的网页。", no_args_is_help=True)
users = typer.Typer(help="门户账号。账号属于岗位；停用而不删除，办理记录保留其名。", no_args_is_help=True)
app.add_typer(users, name="user")
programs = typer.Typer(help="反馈接口的客户端：各单位窗口系统，每个代表一个机构。", no_args_is_help=True)
app.add_typer(programs, name="client")
app.add_typer(commissions.app, name="commission")

Login = Annotated[str, typer.Argument(help="账号，如 health.desk")]


@app.command("serve")
def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="端口")] = 8000,
    host: Annotated[str, typer.Option("--host", help="监听地址；缺省只有本机可以访问")] = "127.0.0.1",
    behind_tls: Annotated[bool, typer.Option("--behind-tls", help="由反向代理以 HTTPS 提供：Cookie 只经加密连接发送")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="进程数")] = 1,
    demonstration: Annotated[bool, typer.Option("--demonstration", help="演示：为各角色设演示账号，密码每次启动重设并显示一次")] = False,
) -> None:
    """启动门户。缺省只监听本机；对外提供时放在反向代理之后，并加 --behind-tls。

    例：districtlake portal serve --port 8000
    """
    import uvicorn

    from districtlake.portal.app import check_public_address
    from districtlake.portal.oidc import IdentityProvider
    from districtlake.portal.serving import configure
    from districtlake.settings import Settings

    if host not in ("127.0.0.1", "::1", "localhost") and not behind_tls:
        raise OperationRefused.of("asked.unencrypted", host=host)
    settings = Settings.from_environment()
    check_public_address(settings, secure=behind_tls, identity_provider=IdentityProvider.from_environment() is not None)
    configure(secure=behind_tls)
    if demonstration:
        _demonstration_accounts()
    outside = f"，对外 {settings.portal_url}" if settings.portal_url else ""
    console.print(f"门户：http://{host}:{port}{outside}　（Ctrl-C 结束）")
    uvicorn.run(
        "districtlake.portal.serving:application", factory=True, host=host, port=port, workers=workers, log_level="warning",
        proxy_headers=behind_tls, server_header=False, timeout_keep_alive=75,  # longer than a proxy keeps an idle connection: it never meets a closed one
    )  # fmt: skip


def _demonstration_accounts() -> None:
    """One account of every role, for the agencies whose tickets there are to see; a new password each time, shown once."""
    import secrets

    from districtlake.access import accounts
    from districtlake.access.accounts import NewAccount
    from districtlake.access.viewer import ROLES

    district = _district()
    agencies = frozenset(district.catalog.agencies)
    providers = sorted({resource.agency for resource in district.catalog.resources.values()})
    wanted = [NewAccount("office.desk", "数据局值班岗", "office"), NewAccount("audit.desk", "审计岗", "auditor")]
    wanted += [NewAccount("contractor.desk", "技术服务岗", "contractor")]
    wanted += [NewAccount(f"{agency}.desk", f"{district.catalog.agencies[agency].name}数据岗", "provider", agency) for agency in providers]
    wanted += [NewAccount(f"{providers[0]}.counter", f"{district.catalog.agencies[providers[0]].name}窗口岗", "user", providers[0])]
    password, there = secrets.token_urlsafe(12), {found.login for found in accounts.every(district.store)}
    for new in wanted:
        if new.login in there:
            accounts.set_password(district.store, district.clock, new.login, password, actor="demonstration")
        else:
            accounts.create(district.store, district.clock, new, password=password, agencies=agencies, actor="demonstration")
    _demonstration_commission(district, providers)
    rows = [{"login": n.login, "display": n.display, "role_title": ROLES[n.role], "agency": n.agency or ""} for n in wanted]
    show_rows(
        rows, {"login": "账号", "display": "名称", "role_title": "角色", "agency": "机构"}, as_json=False, title="演示账号（合成数据）"
    )
    console.print(f"密码（全部账号，本次启动有效）：[bold]{password}[/]")


def _demonstration_commission(district: Any, providers: list[str]) -> None:
    """One agency and one resource of another, for a year: what lies outside shows that it is not shown."""
    from datetime import timedelta

    from districtlake.access import commissions as given
    from districtlake.clock import local_date

    if any(one.holds for one in given.every(district.store, district.clock, login="contractor.desk")):
        return
    others = sorted(one.id for one in district.catalog.resources.values() if one.agency != providers[0])
    for scope in (providers[0], *others[:1]):
        given.give(
            district.store, district.clock, "contractor.desk", scope, last_day=local_date(district.clock.now()) + timedelta(days=365),
            reference="演示委托", known={*district.catalog.agencies, *district.catalog.resources}, actor="demonstration",
        )  # fmt: skip


@users.command("add")
def add(
    login: Login,
    role: Annotated[
        str, typer.Option("--role", help="provider 提供单位、user 使用单位、office 主管机构、contractor 技术服务单位、auditor 审计")
    ],
    agency: Annotated[str | None, typer.Option("--agency", help="所属机构，如 health_bureau（提供单位和使用单位必填）")] = None,
    display: Annotated[str, typer.Option("--display", help="显示的岗位名称")] = "",
    english: Annotated[bool, typer.Option("--english", help="界面用英文")] = False,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="从标准输入读取密码（否则询问两次）")] = False,
    by_provider: Annotated[bool, typer.Option("--identity-provider", help="不设密码，只由统一身份认证登录")] = False,
) -> None:
    """新建账号。

    例：districtlake portal user add health.desk --role provider --agency health_bureau --display 卫健局数据岗
    """
    from districtlake.access import accounts
    from districtlake.access.accounts import NewAccount

    district = _district()
    new = NewAccount(login, display, role, agency, "en" if english else "zh")  # type: ignore[arg-type]
    password = None if by_provider else _password(password_stdin)
    accounts.create(
        district.store, district.clock, new, password=password, agencies=frozenset(district.catalog.agencies), actor=district.settings.actor
    )  # fmt: skip
    console.print(f"已新建账号 {accounts.normal_login(login)}。")


@users.command("list")
def list_(as_json: Json = False) -> None:
    """列出账号。

    例：districtlake portal user list
    """
    from districtlake.access import accounts
    from districtlake.access.viewer import ROLES

    rows: list[dict[str, Any]] = [
        {
            "login": found.login, "display": found.display, "role": found.role, "role_title": ROLES[found.role], "agency": found.agency,
            "sign_in": "统一身份认证" if found.password_hash is None else "密码", "active": found.active, "last_sign_in_at": found.last_sign_in_at,
        }
        for found in accounts.every(_district().store)
    ]  # fmt: skip
    columns = {"login": "账号", "display": "名称", "role_title": "角色", "agency": "机构", "sign_in": "登录方式", "active": "启用",
               "last_sign_in_at": "上次登录"}  # fmt: skip
    show_rows(rows, columns, as_json=as_json, empty="还没有账号：districtlake portal user add …")


@users.command("password")
def password(
    login: Login, password_stdin: Annotated[bool, typer.Option("--password-stdin", help="从标准输入读取密码（否则询问两次）")] = False
) -> None:
    """改密码；该账号已登录的页面全部退出。

    例：districtlake portal user password health.desk
    """
    from districtlake.access import accounts

    district = _district()
    accounts.set_password(district.store, district.clock, login, _password(password_stdin), actor=district.settings.actor)
    console.print(f"已改密码 {accounts.normal_login(login)}。")


@users.command("disable")
def disable(login: Login) -> None:
    """停用账号；已登录的页面立即退出。

    例：districtlake portal user disable health.desk
    """
    _activate(login, active=False)


@users.command("enable")
def enable(login: Login) -> None:
    """重新启用账号。

    例：districtlake portal user enable health.desk
    """
    _activate(login, active=True)


def _activate(login: str, *, active: bool) -> None:
    from districtlake.access import accounts

    district = _district()
    accounts.set_active(district.store, district.clock, login, active, actor=district.settings.actor)
    console.print(f"已{'启用' if active else '停用'}账号 {accounts.normal_login(login)}。")


@programs.command("key")
def key(
    name: Annotated[str, typer.Argument(help="客户端编号，如 hall")],
    agency: Annotated[str, typer.Option("--agency", help="代表哪个机构，如 civil_affairs_bureau")],
    display: Annotated[str, typer.Option("--display", help="名称")] = "",
) -> None:
    """登记反馈接口的客户端并发给密钥；已登记的换发新密钥，旧密钥作废。

    例：districtlake portal client key hall --agency civil_affairs_bureau --display 办事大厅综合窗口
    """
    from districtlake.access import clients

    district = _district()
    given = clients.create(
        district.store, district.clock, name, display=display, agency=agency, agencies=frozenset(district.catalog.agencies),
        actor=district.settings.actor,
    )  # fmt: skip
    console.print(f"{name} 的密钥（只显示这一次）：[bold]{given}[/]", soft_wrap=True)


@programs.command("list")
def clients_(as_json: Json = False) -> None:
    """列出反馈接口的客户端。

    例：districtlake portal client list
    """
    from districtlake.access import clients

    names = ("id", "display", "agency", "active", "created_at")
    rows = [{name: getattr(found, name) for name in names} for found in clients.every(_district().store)]
    columns = {"id": "编号", "display": "名称", "agency": "机构", "active": "启用", "created_at": "登记"}
    show_rows(rows, columns, as_json=as_json, empty="还没有客户端：districtlake portal client key …")


@programs.command("close")
def close(name: Annotated[str, typer.Argument(help="客户端编号")]) -> None:
    """停用客户端，密钥立即失效。

    例：districtlake portal client close hall
    """
    from districtlake.access import clients

    district = _district()
    clients.close(district.store, district.clock, name, actor=district.settings.actor)
    console.print(f"已停用客户端 {name}。")


def _district() -> Any:
    from districtlake.delivery.district import open_district

    return open_district()


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    typed: str = typer.prompt("密码（至少12个字符）", hide_input=True, confirmation_prompt="再输入一次")
    return typed
