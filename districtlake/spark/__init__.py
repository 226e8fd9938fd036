"""The distributed engine: what outgrows one machine runs on Spark, with the same meaning (docs/spark.md).

Lives here: the session, and whatever speaks pyspark; no other room imports it. Does not live here: what a cell or row means
(``cleansing``, ``quality``): Spark carries those very functions over Arrow batches.
"""
