"""An operator's action as a process of its own: ``python -m pipelines.action release DELIVERY --reason …``; the CLI calls it.

It runs the same Dagster job that the launchpad offers, so that the UI shows who did what.
"""

import argparse
import os
import sys
from typing import Any

from pipelines.child import emitter, guarded, reason_of


def main(arguments: list[str] | None = None) -> int:
    """0 when the action was carried out; 1 when it was refused or failed, with the reason as a JSON line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.action", description=__doc__)
    parser.add_argument("action", choices=["release", "withdraw", "reprocess", "backfill"])
    parser.add_argument("subject", help="a delivery; for backfill a resource")
    parser.add_argument("--since", default="", help="backfill: first data date")
    parser.add_argument("--until", default="", help="backfill: last data date")
    parser.add_argument("--reason", required=True)
    parser.add_argument("--actor", required=True)
    options = parser.parse_args(arguments)
    emit = emitter()

    import dagster as dg

    from pipelines import resources
    from pipelines.definitions import definitions
    from pipelines.home import dagster_home

    settings = resources.district().settings
    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    os.chdir(os.environ["DAGSTER_HOME"])
    config = {"confirm": options.subject, "reason": options.reason, "actor": options.actor}
    if options.action == "backfill":
        job_name, config = "backfill_resource", {**config, "resource": options.subject, "since": options.since, "until": options.until}
    else:
        job_name, config = f"{options.action}_delivery", {**config, "delivery": options.subject}
    job = definitions().get_repository_def().get_job(job_name)
    result = job.execute_in_process(
        instance=dg.DagsterInstance.get(), raise_on_error=False,
        run_config={"ops": {options.action: {"config": config}}}, tags={"launched_by": "command line"},
    )  # fmt: skip
    if result.success:
        emit("finished", success=True, run_id=result.run_id)
        return 0
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure and event.step_failure_data]
    emit("finished", success=False, run_id=result.run_id, message=_reason(failures[0]) if failures else "the run failed")
    return 1


def _reason(failure: Any) -> str:
    """The sentence that an operation refused or failed with."""
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    return reason_of(failure.error) if failure.error else "the run failed"


if __name__ == "__main__":
    sys.exit(guarded(main))
