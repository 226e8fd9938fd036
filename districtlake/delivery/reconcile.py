"""Reconciling a delivery with its manifest (对账): rows, checksum, exact totals. What differs is told with both numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal, localcontext
from pathlib import Path

import polars as pl

from districtlake.catalog.models import Resource
from districtlake.catalog.parts import normal_text
from districtlake.ingestion.manifest import Expected, number_of
from districtlake.ingestion.read import RawDelivery

_TITLES = {"md5": "MD5", "sha256": "SHA-256", "sm3": "SM3", "sha256|sm3": "SHA-256或SM3"}
_DIGITS = 1000  # a total of any length stays exact


def differences(expected: Expected, archived: Path, raw: RawDelivery, resource: Resource) -> str:
    """What a file and its manifest disagree on, in Chinese; "" when they agree.

    Args:
        archived: the bytes as they were delivered. raw: the rows read from them.
    """
    told = []
    for algorithm, digits in expected.hashes.items():
        found = [_digest(archived, name) for name in algorithm.split("|")]
        if digits not in found:
            told.append(f"校验值（{_TITLES[algorithm]}）清单为{digits}，文件为{'、'.join(found)}")
    if expected.rows is not None and expected.rows != raw.height:
        told.append(f"行数清单为{expected.rows}，文件为{raw.height}")
    items = {normal_text(text): item for item in reversed(resource.items) for text in (*item.aliases, item.name, item.title)}
    for column, total in expected.sums.items():
        item = items.get(normal_text(column))
        if item is None:
            told.append(f"清单合计的列“{column}”不是数据项，无法核对")
            continue
        found_total, odd = _total(raw.cells(item.name))
        if found_total != Decimal(total):
            told.append(f"{item.title}合计清单为{total}，文件为{found_total:f}" + (f"（另有{odd}个单元格不是数）" if odd else ""))
    return "；".join(told)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm)).hexdigest()


def _total(parts: Iterable[pl.Series]) -> tuple[Decimal, int]:
    """The exact sum of what are numbers, and how many cells are filled with something else."""
    total, odd = Decimal(0), 0
    with localcontext() as context:
        context.prec = _DIGITS
        for text in (text for cells in parts for text in cells.drop_nulls()):
            if not text.strip():
                continue
            value = number_of(text)
            if value is None:
                odd += 1
            else:
                total += value
    return total, odd
