"""The objects that assets, jobs and sensors are given: one district, one engine, made once per process."""

from functools import lru_cache

from districtlake.delivery.district import District, open_district
from districtlake.delivery.process import Engine


@lru_cache(maxsize=1)
def district() -> District:
    """The district of the environment's settings."""
    return open_district()


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The processing engine with Great Expectations as its judge. Whoever runs a process may listen to its outcomes (``hooks``)."""
    from districtlake.distributed.carrier import spark_carrier
    from expectations.validate import validate

    return Engine(validator=validate, carriers={"spark": spark_carrier})
