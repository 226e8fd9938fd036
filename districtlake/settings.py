"""Where things are, and the few numbers a deployment may change. The only reader of the environment besides the clock."""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from districtlake.errors import DistrictLakeError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

Engine = Literal["embedded", "spark"]
"""What carries the work on large tables: this process (Polars, DuckDB), or Spark."""


class Settings(BaseModel):
    """All paths are absolute. ``state`` holds everything that is not code: back it up and nothing is lost.

    Environment: DISTRICTLAKE_STATE, DISTRICTLAKE_CATALOG (several folders separated by ``:``; the later ones add resources,
    agencies and elements to the first), DISTRICTLAKE_INBOX, DISTRICTLAKE_STORE_URL, DISTRICTLAKE_SETTLE_SECONDS,
    DISTRICTLAKE_MAX_FILE_MB, DISTRICTLAKE_SQL_MEMORY_MB, DISTRICTLAKE_ACTOR, DISTRICTLAKE_EVENT_LOG_DAYS,
    DISTRICTLAKE_NIGHTLY_AT, DISTRICTLAKE_NIGHTLY_GRACE_HOURS; of mails and webhooks DISTRICTLAKE_SMTP_HOST, DISTRICTLAKE_SMTP_PORT,
    DISTRICTLAKE_SMTP_SECURITY, DISTRICTLAKE_SMTP_CA_FILE, DISTRICTLAKE_SMTP_USER, DISTRICTLAKE_SMTP_PASSWORD_FILE,
    DISTRICTLAKE_MAIL_FROM, DISTRICTLAKE_PORTAL_URL, DISTRICTLAKE_WEBHOOK_HOSTS (separated by commas); of the portal
    DISTRICTLAKE_UPLOAD_MB; of databases as sources DISTRICTLAKE_DATABASES_FILE; of the engines
    DISTRICTLAKE_ENGINE, DISTRICTLAKE_SPARK_MASTER, DISTRICTLAKE_SPARK_DRIVER_MB,
    DISTRICTLAKE_SPARK_EXECUTOR_MB, DISTRICTLAKE_SPARK_PARTITIONS, DISTRICTLAKE_SPARK_UI.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Path = PROJECT_ROOT
    state: Path = PROJECT_ROOT / ".state"
    catalog_dirs: tuple[Path, ...] = (PROJECT_ROOT / "catalog",)
    inbox: Path = PROJECT_ROOT / ".state" / "inbox"
    store_url: str = ""
    settle_seconds: float = 2.0  # a file changed more recently than this is still being written
    max_file_mb: int = Field(default=4096, gt=0)  # the unpacked size of one delivered file
    mart_seconds: float = 3600  # how long one mart's SELECT may run: a night must end
    sql_memory_mb: int = Field(default=1024, gt=0)  # what one SQL statement may hold in memory; the rest spills into state/spill
    actor: str = "system"
    event_log_days: int = 30
    nightly_at: time = time(2, 0)  # Shanghai time; the schedule's
    nightly_grace_hours: int = 6  # a night that has not begun so long after its hour did not run
    smtp_host: str = ""  # empty: no mail is sent, messages wait
    smtp_port: int = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ca_file: Path | None = None  # PEM: the only authorities whose certificate is accepted; None: the system's
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    mail_from: str = ""  # empty: the data office's own mailbox
    portal_url: str = ""  # the portal's public address, e.g. https://portal.district.example: in links, and the host it answers to
    upload_mb: int = Field(default=200, gt=0)  # one file handed in through the portal; larger ones come through the inbox
    webhook_hosts: str = ""  # the only places that may be called: host, host:port, or http://host:port where there is no TLS

    databases_file: Path | None = None  # addresses of agencies' databases; None: secrets/databases.yaml of the state folder
    engine: Engine = "embedded"  # of resources, marts and comparisons whose entry names none
    spark_master: str = "local[*]"  # or local-cluster[2,1,2048], spark://host:7077, yarn, k8s://…
    spark_driver_mb: int = Field(default=2048, gt=0)
    spark_executor_mb: int = Field(default=2048, gt=0)
    spark_partitions: int = Field(default=8, gt=0)  # of a shuffle: about two to four for each core of the cluster
    spark_ui: bool = True

    @field_validator("portal_url")
    @classmethod
    def _an_address(cls, given: str) -> str:
        address = urlsplit(given)
        plain = address.path in ("", "/") and not address.query and not address.fragment and address.username is None
        if given and not (address.scheme in ("http", "https") and address.hostname and plain):
            raise ValueError("write scheme and host only, such as https://portal.district.example")
        return given.rstrip("/")

    @property
    def databases(self) -> Path:
        """YAML, connection -> address, of the agencies' databases; only its owner may read it."""
        return self.databases_file or self.secrets / "databases.yaml"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    @property
    def lake(self) -> Path:
        return self.state / "lake"

    @property
    def archive(self) -> Path:
        return self.lake / "archive"

    @property
    def outbox(self) -> Path:
        return self.state / "outbox"

    @property
    def locks(self) -> Path:
        return self.state / "locks"

    @property
    def database_url(self) -> str:
        return self.store_url or f"sqlite:///{self.state / 'store.sqlite'}"

    @classmethod
    def from_environment(cls, **overrides: object) -> Settings:
        """The settings of the environment; ``overrides`` that are not None count more.

        Raises:
            DistrictLakeError: a variable's value will not do; it is named.
        """
        env = os.environ
        values: dict[str, object] = {}
        if text := env.get("DISTRICTLAKE_STATE"):
            values["state"] = Path(text).resolve()
        state = values.get("state", PROJECT_ROOT / ".state")
        assert isinstance(state, Path)
        values["inbox"] = Path(env["DISTRICTLAKE_INBOX"]).resolve() if env.get("DISTRICTLAKE_INBOX") else state / "inbox"
        if text := env.get("DISTRICTLAKE_CATALOG"):
            values["catalog_dirs"] = tuple(Path(part).resolve() for part in text.split(os.pathsep) if part)
        for name, variable in _SCALARS.items():
            if text := env.get(variable):
                values[name] = text
        values.update({key: value for key, value in overrides.items() if value is not None})
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            raise DistrictLakeError(
                f"{_SCALARS.get(name, name)} cannot be {str(first['input'])[:80]!r}: {first['msg']}.", hint="Set it as the README says, or not at all.",
                code="settings.invalid",
            ) from None  # fmt: skip


_SCALARS = {
    "store_url": "DISTRICTLAKE_STORE_URL",
    "settle_seconds": "DISTRICTLAKE_SETTLE_SECONDS",
    "max_file_mb": "DISTRICTLAKE_MAX_FILE_MB",
    "mart_seconds": "DISTRICTLAKE_MART_SECONDS",
    "sql_memory_mb": "DISTRICTLAKE_SQL_MEMORY_MB",
    "actor": "DISTRICTLAKE_ACTOR",
    "event_log_days": "DISTRICTLAKE_EVENT_LOG_DAYS",
    "nightly_at": "DISTRICTLAKE_NIGHTLY_AT",
    "nightly_grace_hours": "DISTRICTLAKE_NIGHTLY_GRACE_HOURS",
    "smtp_host": "DISTRICTLAKE_SMTP_HOST",
    "smtp_port": "DISTRICTLAKE_SMTP_PORT",
    "smtp_security": "DISTRICTLAKE_SMTP_SECURITY",
    "smtp_ca_file": "DISTRICTLAKE_SMTP_CA_FILE",
    "smtp_user": "DISTRICTLAKE_SMTP_USER",
    "smtp_password_file": "DISTRICTLAKE_SMTP_PASSWORD_FILE",
    "mail_from": "DISTRICTLAKE_MAIL_FROM",
    "portal_url": "DISTRICTLAKE_PORTAL_URL",
    "upload_mb": "DISTRICTLAKE_UPLOAD_MB",
    "webhook_hosts": "DISTRICTLAKE_WEBHOOK_HOSTS",
    "databases_file": "DISTRICTLAKE_DATABASES_FILE",
    "engine": "DISTRICTLAKE_ENGINE",
    "spark_master": "DISTRICTLAKE_SPARK_MASTER",
    "spark_driver_mb": "DISTRICTLAKE_SPARK_DRIVER_MB",
    "spark_executor_mb": "DISTRICTLAKE_SPARK_EXECUTOR_MB",
    "spark_partitions": "DISTRICTLAKE_SPARK_PARTITIONS",
    "spark_ui": "DISTRICTLAKE_SPARK_UI",
}
