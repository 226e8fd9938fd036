"""``districtlake rules test`` as a process of its own: ``python -m pipelines.rules_trial RESOURCE …``. JSON lines; nothing is written."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from districtlake.errors import DistrictLakeError
from pipelines.child import emitter, guarded


def main(arguments: list[str] | None = None) -> int:
    """0: no row would begin to fail; 3: some would, or a delivery would be held; 1: refused, with the reason as a JSON line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.rules_trial", description=__doc__)
    parser.add_argument("resource")
    parser.add_argument("--since", default="", help="a delivery, or a day")
    parser.add_argument("--catalog", type=Path, default=None, help="folder of a draft catalogue")
    parser.add_argument("--rule", default="")
    options = parser.parse_args(arguments)
    emit = emitter()

    from districtlake.catalog.load import load_catalog_tolerant
    from districtlake.delivery.trial import deliveries_since, try_rules
    from expectations.validate import validate
    from pipelines import resources

    district = resources.district()
    worse = False
    try:
        if options.catalog is not None:
            catalog, faults = load_catalog_tolerant([options.catalog])
            if faults and options.resource not in catalog.resources:
                raise faults[0]
            district = replace(district, catalog=catalog)
        deliveries = deliveries_since(district, options.resource, options.since)
        emit("started", deliveries=len(deliveries))
        tell = lambda message: emit("progress", message=message)  # noqa: E731
        for tried in try_rules(district, options.resource, validate, deliveries, only=options.rule, tell=tell):
            worse = worse or tried.worse
            emit("delivery", **tried.as_dict())
    except DistrictLakeError as error:
        emit("finished", success=False, error=error.as_dict())
        return 1
    emit("finished", success=True, worse=worse)
    return 3 if worse else 0


if __name__ == "__main__":
    sys.exit(guarded(main))
