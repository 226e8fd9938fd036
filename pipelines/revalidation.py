"""The step of the night that asks changed rules of the rows that stand. Costs a few reads of the store where no rule changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from districtlake.delivery.district import District


def revalidate_changed(district: District, instance: Any, emit: Callable[..., None]) -> list[dict[str, Any]]:
    """Revalidate every resource whose rules changed since its rows were judged; what came of each, failures included, is told to Dagster, too."""
    from districtlake.delivery.rule_record import outdated

    if not outdated(district):
        return []
    from assets.revalidations import report_revalidation
    from districtlake.delivery.revalidate import revalidate_outdated
    from districtlake.errors import kind_and_place
    from pipelines import resources

    engine = resources.engine()
    told = replace(engine.hooks, tell=lambda message: emit("revalidating", message=message))
    done = [result.as_dict() for result in revalidate_outdated(district, replace(engine, hooks=told))]
    for result in done:
        emit("revalidated", **result)
        try:
            report_revalidation(instance, district, result)
        except Exception as error:  # the operation and the report stand; the UI alone lacks it
            emit("step_failed", step="dagster", message=kind_and_place(error))
    return done
