"""An operator's action as a process of its own: ``python -m pipelines.action release DELIVERY --reason …``; the CLI calls it.

It runs the same Dagster job that the launchpad offers, so that the UI shows who did what.
"""

import argparse
import os
import sys

from pipelines.nightly import emitter


def main(arguments: list[str] | None = None) -> int:
    """0 when the action was carried out; 1 when it was refused or failed, with the reason as a JSON line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.action", description=__doc__)
    parser.add_argument("action", choices=["release", "withdraw", "reprocess"])
    parser.add_argument("delivery")
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
    config = {"delivery": options.delivery, "confirm": options.delivery, "reason": options.reason, "actor": options.actor}
    job = definitions().get_repository_def().get_job(f"{options.action}_delivery")
    result = job.execute_in_process(
        instance=dg.DagsterInstance.get(), raise_on_error=False,
        run_config={"ops": {options.action: {"config": config}}}, tags={"launched_by": "command line"},
    )  # fmt: skip
    if result.success:
        emit("finished", success=True, run_id=result.run_id)
        return 0
    failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure and event.step_failure_data.error]
    cause = failures[0].cause or failures[0] if failures else None
    emit("finished", success=False, run_id=result.run_id, message=str(cause.message).strip() if cause else "the run failed")
    return 1


if __name__ == "__main__":
    sys.exit(main())
