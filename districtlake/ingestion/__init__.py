"""Ingestion: from an agency's file to raw text and a receipt of what was found in it.

Lives here: the inbox scan, the immutable archive, the readers of delimited text and Excel, the guards against files that would
harm the machine, the read report and its drift. Does not live here: meaning. Nothing is trimmed, typed or repaired (cleansing
does that), and nothing is written to Delta (warehouse does).
To add a format: one module that yields ``Table`` objects (rows.py), and one line in read.py's choice by content, never by file name.
"""
