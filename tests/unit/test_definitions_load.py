"""The code location loads as Dagster's UI and daemon load it: every job, with names that are each taken once."""

import dagster as dg
import pytest

from pipelines.definitions import definitions


@pytest.mark.filterwarnings("ignore:.*is currently in beta")
def test_the_definitions_load_whole() -> None:
    loaded = definitions()
    dg.Definitions.validate_loadable(loaded)
    assert {"nightly", "marts", "release_delivery"} <= {job.name for job in loaded.get_repository_def().get_all_jobs()}
