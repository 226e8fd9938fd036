"""Everything Dagster sees, on one screen."""

import dagster as dg

from assets.comparisons import comparison_assets
from assets.marts import mart_assets
from assets.nights import night_outcomes, night_spec
from assets.resources import resource_assets
from pipelines import resources
from pipelines.comparisons import comparisons_job
from pipelines.jobs import OPERATOR_JOBS, agency_jobs
from pipelines.marts import marts_job, marts_sensor
from pipelines.nightly_job import nightly_job, nightly_schedule
from pipelines.schedules import retention_schedule
from pipelines.sensors import arrival_sensor, notification_sensor, quality_sensor, watchdog_sensor


@dg.definitions
def definitions() -> dg.Definitions:
    """Assets and checks from the catalogue, jobs by agency, the operator's jobs, sensors and schedules."""
    district = resources.district()
    catalog = district.catalog
    jobs = agency_jobs(catalog)
    marts = [marts_job(catalog)] if catalog.marts else []
    comparisons = [comparisons_job()] if catalog.comparisons else []
    return dg.Definitions(
        assets=[
            *(resource_assets(resource, catalog, district.policy) for resource in catalog.resources.values()),
            *([mart_assets(catalog)] if catalog.marts else []),
            *([comparison_assets(catalog)] if catalog.comparisons else []),
            night_spec(district.settings),
        ],
        asset_checks=[night_outcomes],
        jobs=[*jobs, *marts, *comparisons, nightly_job, *OPERATOR_JOBS],
        schedules=[nightly_schedule(district.settings), retention_schedule],
        sensors=[arrival_sensor(jobs), quality_sensor(), notification_sensor(), watchdog_sensor(), *map(marts_sensor, marts)],
        resources={"district": district, "engine": resources.engine()},
        executor=dg.in_process_executor,
    )
