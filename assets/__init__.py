"""The graph: factories that turn a catalogue entry into Dagster assets and asset checks.

Lives here: one multi-asset per resource (``resources``), its checks by quality dimension (``checks``), the metadata a person
looks at in the UI (``metadata``), its plots (``plots``).
Does not live here: jobs, schedules, sensors (``pipelines``); what the assets do (``districtlake.delivery``).
To add an asset for a new resource: add its YAML to the catalogue; nothing here changes.
"""
