"""Ingestion: from an agency's file to raw text and a receipt of what was found in it.

Lives here: the inbox scan, the immutable archive, the readers of delimited text, Excel, JSON and Parquet, the guards against files that would
harm the machine, the read report and its drift. Does not live here: meaning. Nothing is trimmed, typed or repaired (cleansing
does that), and nothing is written to Delta (warehouse does).
To add a format: one module that yields ``Table`` objects (rows.py) or fills a ``Collector`` (collect.py), one line in read.py's choice by
content, and one in docs/formats.md.
"""
