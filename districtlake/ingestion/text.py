"""A delivered text as strict UTF-8 on disk, whatever it was encoded in, with memory flat and every physical line bounded.

The ladder: byte order mark, UTF-8, GB18030 (which holds GBK and GB2312), the declared encoding. Each rung is strict: a byte that
does not fit is an error with its offset, never a replacement character.
"""

from __future__ import annotations

import codecs
import errno
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from districtlake.errors import IngestionError
from districtlake.ingestion.encodings import unmarked_unicode
from districtlake.ingestion.limits import Limits
from districtlake.wording.sentences import Sentence

CHUNK = 1 << 18
"""So many bytes are checked at once: they stay in the processor's cache, and new memory for them need not be asked of the kernel."""
HEAD = 1 << 18
"""So many bytes are looked at to find delimiter and header."""
_PROOF = 4
"""So many characters of three or four UTF-8 bytes before the first bad byte prove a damaged UTF-8 file: Chinese text in GB18030
breaks UTF-8 within its first characters."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_WIDE = re.compile(rb"[\xe0-\xf4]")


@dataclass(frozen=True)
class TextFile:
    """A text, readable as UTF-8 at ``path`` from byte ``start``.

    Attributes:
        encoding: of the delivered file: "utf-8", "utf-8-sig", "utf-16", "gb18030" or the declared one.
        size: bytes of the UTF-8 form, ``start`` included.
        lines: line feeds; ``returns``: carriage returns not followed by one.
        longest_line: bytes, a little more at most.
    """

    path: Path
    encoding: str
    start: int
    size: int
    lines: int
    returns: int
    longest_line: int

    def head(self) -> str:
        """The first quarter of a megabyte, cut at the last whole line unless the file ends there."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            data = file.read(HEAD)
        if self.start + len(data) < self.size:
            data = data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1] or data
        return data.decode("utf-8", errors="ignore")


class _Gauge:
    """Counts what passes and stops at the first NUL or overlong line."""

    def __init__(self, name: str, limits: Limits):
        self.name, self.limit = name, limits.max_line_bytes
        self.step = max(1, min(CHUNK, self.limit))  # a line inside one step is short enough by itself
        self.size = self.lines = self.returns = self.longest = 0
        self._run: int = 0
        self._ends_in_return = False

    def feed(self, data: bytes) -> None:
        for at in range(0, len(data), self.step):
            self._feed(data[at : at + self.step])

    def _feed(self, data: bytes) -> None:
        if (nul := data.find(b"\0")) >= 0:
            raise IngestionError.of("reading.nul", code="ingestion.nul", file=self.name, at=f"{self.size + nul:,}")
        codes = np.frombuffer(data, dtype=np.uint8)
        line_feeds = int(np.count_nonzero(codes == 10))
        self.lines += line_feeds
        returns = int(np.count_nonzero(codes == 13)) if b"\r" in data else 0
        if returns:
            self.returns += returns - int(np.count_nonzero((codes[:-1] == 13) & (codes[1:] == 10)))
        if self._ends_in_return and data[:1] == b"\n":
            self.returns -= 1
        self._ends_in_return = data[-1:] == b"\r"
        self.size += len(data)
        ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0] if line_feeds or returns else []
        if ends:
            first, last = min(ends), max(data.rfind(b"\n"), data.rfind(b"\r"))
            self.longest = max(self.longest, self._run + first, last - first)
            self._run = len(data) - 1 - last
        else:
            self._run += len(data)
        self.longest = max(self.longest, self._run)
        if self.longest > self.limit:
            raise IngestionError.of(
                "reading.line_long", code="ingestion.line_too_long", file=self.name, most=f"{self.limit:,}", at=f"{self.size:,}"
            )


def open_text(
    path: Path,
    name: str,
    declared: str | None,
    limits: Limits,
    stack: ExitStack,
    recognised: Callable[[TextFile], bool],
    only: bool = False,
) -> TextFile:
    """The text by the first rung of the ladder that holds.

    Args:
        declared: ``source.encoding``; tried last, or when GB18030 decodes but the header makes no sense in it
            (GB18030 takes nearly any two bytes for a character, so Big5 decodes to nonsense).
        stack: closes and removes the temporary UTF-8 copy.
        recognised: whether the catalogue's header is found in a text.
        only: ``declared`` is no last resort but the answer (a byte order mark still goes before it).

    Raises:
        IngestionError: ``ingestion.encoding`` naming the byte offset; ``ingestion.nul``; ``ingestion.line_too_long``;
            ``ingestion.empty``.
    """
    _check_declared(declared, name)
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(codecs.BOM_UTF8):
        found, error = _utf8(path, name, limits, "utf-8-sig", _marks(path))
        return _whole(found, error, name, Sentence.of("part.encoding_by_mark", encoding="UTF-8"))
    for mark, encoding in ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            found, error = _transcoded(path, name, encoding, limits, stack)
            return _whole(found, error, name, Sentence.of("part.encoding_by_mark", encoding=encoding.upper()))
    if declared is not None and only:
        if codecs.lookup(declared).name in ("utf-8", "ascii"):
            found, error = _utf8(path, name, limits, "utf-8", 0)
        else:
            found, error = _transcoded(path, name, declared, limits, stack)
        return _whole(found, error, name, declared)
    if (wide := unmarked_unicode(path)) is not None:
        found, error = _transcoded(path, name, wide, limits, stack)
        return _whole(found, error, name, Sentence.of("part.encoding_by_zeros", encoding=wide.upper()))
    found, error = _utf8(path, name, limits, "utf-8", 0)
    if found is not None:
        return found
    assert error is not None
    if error.proof >= _PROOF:
        return _whole(None, error, name, Sentence.of("part.encoding_as_before"))
    chinese, chinese_error = _transcoded(path, name, "gb18030", limits, stack)
    if declared is not None and (chinese is None or not recognised(chinese)):
        other, other_error = _transcoded(path, name, declared, limits, stack)
        if other is not None and (chinese is None or recognised(other)):
            return other
        if chinese is None:
            return _whole(None, other_error, name, Sentence.of("part.encoding_or_declared", declared=declared))
    return _whole(chinese, chinese_error, name, Sentence.of("part.encoding_ladder"))


def _marks(path: Path) -> int:
    """Bytes of the byte order marks at the beginning: programs that add one do not look whether there is one."""
    with path.open("rb") as file:
        head = file.read(8 * len(codecs.BOM_UTF8))
    count = 0
    while head.startswith(codecs.BOM_UTF8, count):
        count += len(codecs.BOM_UTF8)
    return count


@dataclass(frozen=True)
class _BadByte:
    offset: int
    proof: int = 0


def _whole(found: TextFile | None, error: _BadByte | None, name: str, expected: str | Sentence) -> TextFile:
    if found is not None:
        return found
    assert error is not None
    raise IngestionError.of("reading.encoding", code="ingestion.encoding", file=name, expected=expected, at=f"{error.offset:,}")


def _utf8(path: Path, name: str, limits: Limits, encoding: str, start: int) -> tuple[TextFile | None, _BadByte | None]:
    """Check in place; nothing is copied."""
    gauge, read, wide, rest = _Gauge(name, limits), 0, 0, b""
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            read += len(chunk)
            data = rest + chunk if rest else chunk
            whole = _whole_characters(data) if chunk else len(data)
            if not _is_utf8(data, whole):
                bad = _bad_byte(data[:whole])
                # The length guard holds for a file in any encoding: a line that never ends must not be read twice either.
                gauge.feed(data[:bad].replace(b"\0", b" "))
                return None, _BadByte(read - len(data) + bad, wide + len(_WIDE.findall(data[:bad])))
            if not chunk:
                break
            if wide < _PROOF:
                wide += len(_WIDE.findall(data[:whole]))
            rest = data[whole:]
            gauge.feed(chunk)
    return _text_file(path, encoding, start, gauge), None


def _is_utf8(data: bytes, length: int) -> bool:
    # Arrow checks twice as fast as Python decodes.
    text = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, length], dtype=np.int32)), pa.py_buffer(data))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _bad_byte(data: bytes) -> int:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0  # pragma: no cover (Arrow and Python agree on UTF-8)


def _whole_characters(data: bytes) -> int:
    """How many bytes hold whole characters; the beginning of one at the end waits for the next chunk."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) if needs <= back else len(data) - back
        if byte < 0x80:
            break
    return len(data)


def _transcoded(path: Path, name: str, encoding: str, limits: Limits, stack: ExitStack) -> tuple[TextFile | None, _BadByte | None]:
    gauge, fed = _Gauge(name, limits), 0
    decoder = codecs.getincrementaldecoder(encoding)()
    copy = stack.enter_context(temporary_file(name))
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            fed += len(chunk)
            try:
                data = decoder.decode(chunk, final=not chunk).encode("utf-8")
            except UnicodeDecodeError as error:
                return None, _BadByte(fed - len(error.object) + error.start)
            except UnicodeEncodeError:  # a lone surrogate, which some codecs let pass
                return None, _BadByte(fed - len(chunk))
            gauge.feed(data)
            copy.write(data)
            if not chunk:
                copy.flush()
                break
    return _text_file(Path(copy.name), encoding, 0, gauge), None


@contextmanager
def temporary_file(name: str) -> Iterator[IO[bytes]]:
    """A file for unpacking or re-encoding the delivery ``name``, gone afterwards. Failure to write it is an ``IngestionError``."""
    try:
        file = tempfile.NamedTemporaryFile(prefix="districtlake-")  # noqa: SIM115 (closed below; only its making is guarded here)
    except OSError as error:
        raise _temporary_error(error, name) from error
    with file:
        try:
            yield file
        except OSError as error:
            if error.errno not in _FULL:  # a failed read of the delivered file is another matter
                raise
            raise _temporary_error(error, name) from error


def _temporary_error(error: OSError, name: str) -> IngestionError:
    """A failed write to the folder for temporary files."""
    full = error.errno in _FULL
    return IngestionError.of(
        "reading.no_space",
        code="ingestion.disk_full" if full else "ingestion.unreadable",
        retryable=True,
        file=name,
        folder=tempfile.gettempdir(),
    )


def _text_file(path: Path, encoding: str, start: int, gauge: _Gauge) -> TextFile:
    return TextFile(path, encoding, start, gauge.size, gauge.lines, gauge.returns, gauge.longest)


def _check_declared(declared: str | None, name: str) -> None:
    if declared is None:
        return
    try:
        known = codecs.lookup(declared)
        "".encode(known.name)  # refuses the codecs that are no text encodings
    except LookupError as error:
        raise IngestionError.of("reading.unknown_encoding", code="ingestion.encoding", file=name, declared=declared) from error
