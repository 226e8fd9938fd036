"""The composition root: the only place that knows everything and joins it for Dagster.

Lives here: the definitions on one screen (``definitions``), jobs, schedules, sensors, the objects they are given (``resources``),
the nightly run as a process (``nightly``), retention of the event log (``retention``).
Does not live here: what an asset does (``assets``), any rule about data (``districtlake``, ``expectations``).
To add a job, schedule or sensor: write it in the file of that name and list it in ``definitions``.
"""
