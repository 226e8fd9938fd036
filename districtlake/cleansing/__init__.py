"""Cleansing: a raw frame of text becomes typed columns, a status per cell, and the log of every altered cell.

Lives here: the plan (which kind cleanses which item), the whole-frame ``cleanse`` and the Arrow batch kernel. Does not live
here: what a kind may alter (``standards``), whether a row passes (``quality``), writing tables (``warehouse``).
A cell's result depends on that cell, the catalogue and the day alone: any split or order of the rows gives the same.
To cleanse a new kind of data add it to ``standards.kinds``; nothing changes here.
"""

from districtlake.cleansing.batches import BatchKernel, batch_kernel, cleanse_batch
from districtlake.cleansing.cleanse import CHANGES_SCHEMA, Cleansed, cleanse
from districtlake.cleansing.plan import CleansingPlan, plan_of

__all__ = ["CHANGES_SCHEMA", "BatchKernel", "Cleansed", "CleansingPlan", "batch_kernel", "cleanse", "cleanse_batch", "plan_of"]
