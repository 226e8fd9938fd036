"""A delivery's whole-table work on Spark: the functions of the rooms around, carried to the rows; set work as Spark SQL; Delta by delta-spark.

Here: ``carrier.SparkCarrier`` (what ``delivery.process`` asks), ``staging`` (frames to Parquet that every worker reads), ``rows`` (row functions by
``mapInArrow``), ``set_work`` (equal keys, matching the warehouse), ``commits`` (appends and MERGE).
Not here: the session (``spark``), what a row function does (``cleansing``, ``expectations``). pyspark is imported inside functions only.
"""
