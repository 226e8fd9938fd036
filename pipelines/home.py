"""Dagster's home for the present settings: the project itself, or a copy of its dagster.yaml beside another state folder."""

from pathlib import Path

import yaml

from districtlake.settings import PROJECT_ROOT, Settings

_STORED_BELOW = ".state/dagster"


def dagster_home(settings: Settings) -> Path:
    """The folder to set DAGSTER_HOME to (and to run Dagster's processes in: its paths are relative to it).

    For the default state folder that is the project, so that the UI shows what the nightly command ran.
    """
    default = PROJECT_ROOT / ".state"
    if settings.state == default:
        (default / "dagster").mkdir(parents=True, exist_ok=True)
        return PROJECT_ROOT
    home = settings.state / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    text = (PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text.replace(_STORED_BELOW, str(settings.state / "dagster")))
    target = home / "dagster.yaml"
    rendered = yaml.safe_dump(config, allow_unicode=True)
    if not target.exists() or target.read_text(encoding="utf-8") != rendered:
        target.write_text(rendered, encoding="utf-8")
    (settings.state / "dagster").mkdir(parents=True, exist_ok=True)
    return home
