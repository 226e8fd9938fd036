"""The command line ``districtlake``: one file per group of commands, the same data as table for people and ``--json`` for programs.

Lives here: commands (``nightly``, ``deliveries``, ``problems``, ``tables``, ``catalog``, ``demo``, ``doctor``), output (``output``).
Does not live here: any rule; a command asks a room below and prints what it says. A command that starts a run launches Dagster
as a subprocess. To add a command: a function in the file of its group; ``docs/cli.md`` must show it (a test asks).
"""

from __future__ import annotations


def main() -> None:
    """Entry point of ``districtlake``."""
    from districtlake.cli.app import run

    run()
