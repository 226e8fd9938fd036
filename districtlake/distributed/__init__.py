"""A delivery, or a fold of several, carried by Spark: the same meaning as the embedded engine's, on tables that outgrow one machine (ADR 26).

Here: ``carrier`` (what ``delivery.process`` asks), ``staging`` (a delivery as Parquet that every worker reads), ``kernel`` and ``judged`` (row functions by
``mapInArrow``), ``set_work`` (equal keys, the change set as Spark SQL), ``rows`` (the delivery as ``advance`` sees it), ``tables`` (the warehouse between the
deliveries of a fold), ``commits``.
Not here: the session (``spark``); what a row means (``cleansing``, ``delivery.judge``, ``expectations``). pyspark is imported inside functions only.
To add set work: state it in ``delivery.delivered_rows`` for both engines, and hold them equal in tests/spark.
"""
