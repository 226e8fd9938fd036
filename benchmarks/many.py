"""Many small resources in one night: ``python -m benchmarks.many --resources 200 --rows 1000 [--columns 20] [--agencies 10] [--keep]``.

A catalogue of that many resources is generated beside the shipped one, with two days of deliveries. The nightly command runs as a user
starts it: the first day (every table is made), the second day (every resource changed), and once more with nothing new. Each run's own
account must balance, and every delivery must have been taken in; then wall and CPU seconds, peak memory and Dagster's share are told.
"""

from __future__ import annotations

import argparse
import json
import shutil

from benchmarks.night_run import HEADING, night, show
from benchmarks.scratch import scratch
from benchmarks.way import child
from benchmarks.way_delivery_names import DAYS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--agencies", type=int, default=10)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--keep", action="store_true", help="leave the folder with deliveries and state")
    asked = parser.parse_args()
    with scratch("many", keep=asked.keep) as folder:
        print(f"{asked.resources} resources of {asked.rows:,} rows x {asked.columns} columns, {asked.agencies} agencies", flush=True)
        numbers = (asked.resources, asked.rows, asked.columns, asked.agencies, asked.seed)
        child("many_deliveries", str(folder), *map(str, numbers))
        state, inbox, catalogs = folder / "state", folder / "inbox", (folder / "catalog",)
        print(HEADING)
        figures = {}
        for number, day in enumerate(DAYS, 1):
            shutil.copytree(folder / "deliveries" / day.isoformat(), inbox / day.isoformat())
            measured = figures[f"day_{number}"] = night(state, inbox, catalogs)
            show(f"day {number}", measured)
            if measured["deliveries"] != asked.resources or measured["states"] != ["done"]:
                raise SystemExit(f"{measured['deliveries']} of {asked.resources} deliveries: {measured['states']}")
        figures["idle"] = night(state, inbox, catalogs)
        show("nothing new", figures["idle"])
        parameters = {name: getattr(asked, name) for name in ("resources", "rows", "columns", "agencies", "seed")}
        print("\n" + json.dumps({"benchmark": "many", **parameters, "figures": figures}))


if __name__ == "__main__":
    main()
