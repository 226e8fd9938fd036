"""Check characters of GB 11643-1999, GB 32100-2015, GB 11714-1997 and GS 15-2006, on numpy matrices of ASCII bytes.

Each function takes an (n, width) uint8 matrix, one row per number, and returns n flags. They judge the check character only: a
character outside the standard's alphabet makes the row False.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Matrix = npt.NDArray[np.uint8]
"""(n, width): one number per row."""
Columns = npt.NDArray[np.uint8]
"""(width, n): a block of them transposed, so that each place is contiguous."""
Codes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

CITIZEN_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CITIZEN_ID_CHECKS = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
ORG_CODE_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ORG_CODE_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
ORG_CODE_CHECKS = "0123456789X"

_BLOCK = 16384
"""Rows worked on at a time: a block's columns stay in the processor's second-level cache."""
_FOREIGN = 255


def matrix_of(text: pl.Series, width: int) -> Matrix:
    """The bytes of a String series as (n, width). Every cell must be present and exactly ``width`` bytes long.

    Raises ``ValueError`` when the bytes are not n × width in number.
    """
    if text.is_empty():
        return np.zeros((0, width), dtype=np.uint8)
    array = text.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(array.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data.reshape(len(text), width)


def _values_of(alphabet: str) -> bytes:
    """A table for ``bytes.translate``, which is three times as fast as numpy's indexing: each character's place, others 255."""
    table = bytearray([_FOREIGN] * 256)
    for value, char in enumerate(alphabet.encode()):
        table[char] = value
    return bytes(table)


def translated(columns: Columns, table: bytes) -> Columns:
    """Every byte replaced by its entry in a table of 256 bytes."""
    return np.frombuffer(columns.tobytes().translate(table), dtype=np.uint8).reshape(columns.shape)


_USCC_VALUES = _values_of(USCC_ALPHABET)
_ORG_CODE_VALUES = _values_of(ORG_CODE_ALPHABET)
_CITIZEN_ID_EXPECTED = np.frombuffer(CITIZEN_ID_CHECKS.encode(), dtype=np.uint8)
_ORG_CODE_EXPECTED = np.frombuffer("".join(ORG_CODE_CHECKS[(11 - remainder) % 11] for remainder in range(11)).encode(), dtype=np.uint8)


def codes_by_width(text: pl.Series, width: int, judge: Callable[[Columns], Codes], otherwise: int) -> Codes:
    """``judge``'s code for every cell of ``width`` bytes; ``otherwise`` for other present cells, 0 for nulls.

    ``judge`` takes the bytes of a block of rows as (width, rows), contiguous, and returns one code per row.
    """
    sizes = text.str.len_bytes()
    if not text.null_count() and len(text) and sizes.min() == sizes.max() == width:
        return in_blocks(matrix_of(text, width), judge, np.uint8)
    fits = (sizes == width).fill_null(False)
    codes = np.where(text.is_not_null().to_numpy(), otherwise, 0).astype(np.uint8)
    codes[fits.to_numpy()] = in_blocks(matrix_of(text.filter(fits), width), judge, np.uint8)
    return codes


def in_blocks(matrix: Matrix, judge: Callable[[Columns], Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """``judge`` applied block by block to the transposed rows."""
    found = np.empty(len(matrix), dtype=dtype)
    for start in range(0, len(matrix), _BLOCK):
        found[start : start + _BLOCK] = judge(np.ascontiguousarray(matrix[start : start + _BLOCK].T))
    return found


def _weighted(columns: Columns, weights: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    total = np.zeros(columns.shape[1], dtype=np.uint16)
    for column, weight in zip(columns, weights, strict=True):
        total += column * np.uint16(weight)
    return total


def citizen_id_check(matrix: Matrix) -> Flags:
    """(n, 18): 17 digits and ISO 7064 MOD 11-2, X upper case."""
    return in_blocks(matrix, citizen_id_columns, np.bool_)


def citizen_id_columns(columns: Columns) -> Flags:
    """``citizen_id_check`` of (18, n) columns."""
    digits = columns[:17] - np.uint8(48)  # a non-digit wraps to 10 or more
    expected = _CITIZEN_ID_EXPECTED[_weighted(digits, CITIZEN_ID_WEIGHTS) % 11]
    return (columns[17] == expected) & (digits.max(axis=0) <= 9)


def uscc_check(matrix: Matrix) -> Flags:
    """(n, 18): the alphabet without I O S V Z and the check of GB 32100, Σ value·3^(i-1) mod 31."""
    return in_blocks(matrix, uscc_columns, np.bool_)


def uscc_columns(columns: Columns) -> Flags:
    """``uscc_check`` of (18, n) columns."""
    return uscc_values_check(uscc_values(columns))


def uscc_values(columns: Columns) -> Columns:
    """The value of each character in GB 32100's alphabet; 255 for those outside it."""
    return translated(columns, _USCC_VALUES)


def uscc_values_check(values: Columns) -> Flags:
    """``uscc_check`` of (18, n) values."""
    expected = (31 - _weighted(values[:17], USCC_WEIGHTS) % 31) % 31
    return (values[17] == expected) & (values.max(axis=0) != _FOREIGN)


def org_code_check(matrix: Matrix) -> Flags:
    """(n, 9): eight digits or letters and the check of GB 11714; X stands for 10, 11 becomes 0."""
    return in_blocks(matrix, org_code_columns, np.bool_)


def org_code_columns(columns: Columns) -> Flags:
    """``org_code_check`` of (9, n) columns."""
    values = translated(columns[:8], _ORG_CODE_VALUES)
    expected = _ORG_CODE_EXPECTED[_weighted(values, ORG_CODE_WEIGHTS) % 11]
    return (columns[8] == expected) & (values.max(axis=0) != _FOREIGN)


def registration_number_check(matrix: Matrix) -> Flags:
    """(n, 15): the business registration number before 2015, ISO 7064 MOD 11,10 (GS 15-2006)."""
    return in_blocks(matrix, _registration_number_columns, np.bool_)


def _registration_number_columns(columns: Columns) -> Flags:
    digits = columns - np.uint8(48)
    product = np.full(columns.shape[1], 10, dtype=np.uint16)
    for digit in digits[:14]:
        total = (product + digit) % 10
        product = np.where(total == 0, 10, total) * 2 % 11
    return ((product + digits[14]) % 10 == 1) & (digits.max(axis=0) <= 9)


def all_same(columns: Columns) -> Flags:
    """Rows of one repeated character."""
    return (columns == columns[0]).all(axis=0)


def number_in(columns: Columns, start: int, stop: int) -> npt.NDArray[np.int32]:
    """The decimal number in the places ``start`` to ``stop``; garbage where they hold no digits."""
    total = np.zeros(columns.shape[1], dtype=np.int32)
    for place in range(start, stop):
        total = total * 10 + (columns[place] - np.uint8(48))
    return total
