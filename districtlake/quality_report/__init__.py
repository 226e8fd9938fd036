"""The quality report: A and B of the six dimensions of GB/T 36344, by district, agency, resource, rule, delivery and day. Reads stored results.

Lives here: the figures (``figures``), the page for paper and screen (``page``), the workbook (``workbook``), the files of the night (``files``),
Data Docs of one delivery on demand (``data_docs``). Does not live here: judging (``quality``), the tables read (``marts.system``).
To add a figure: compute it in ``figures`` and show it in the three readers, which are page, workbook and the portal's.
"""
