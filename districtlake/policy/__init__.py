"""What the regulation fixes, as versioned parameters, and how its days are counted.

``pack``: the policy pack (deadlines, classes, dispositions, each with its article). ``calendar``: the State Council's working
days. ``deadlines``: from a receipt to a due day. ``cycles``: update cycles. ``pack_file``: reading the YAML and JSON behind them.
Not here: what is done when a deadline passes (``tickets``), the catalogue's own entries (``catalog``).
To add a pack: one file in ``catalog/policy/`` with its own id or version. To add a year of working days: ``import_year``.
"""
