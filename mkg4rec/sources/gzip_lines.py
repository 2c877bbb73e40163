"""A gzip file of text, streamed as large pieces of whole lines, in constant memory."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip_lib, igzip_threaded

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.progress import bar

PIECE_BYTES = 8 << 20
LONGEST_LINE = 16 << 20

_SMALL_STEP = 1 << 10
_GZIP_MAGIC = b"\x1f\x8b"
# isal's type stub has its exception as an instance.
_DAMAGE = (EOFError, gzip.BadGzipFile, cast(type[Exception], igzip_lib.IsalError))


def whole_lines(path: Path, piece_bytes: int = PIECE_BYTES, longest_line: int = LONGEST_LINE) -> Iterator[bytes]:
    """Yield the unpacked bytes of `path` in order, cut behind line ends only.

    A thread of its own unpacks (isal, which releases the GIL) while the caller works on the piece before.
    A file of several gzip members is one text, as `gzip -dc` has it.

    Args:
        path: the gzip file.
        piece_bytes: how many unpacked bytes to take at a time; the rest of the last line comes on top.
        longest_line: a line with more bytes, its end included, is passed over; an empty line stands in its place.
            At least `piece_bytes`.

    Raises:
        PipelineError: no such file, not gzip, damaged, or cut off.
    """
    _check_magic(path)
    total = path.stat().st_size
    with path.open("rb", buffering=0) as packed:
        try:
            with igzip_threaded.open(packed, "rb") as text, bar(b"", path.name, total, unit="B") as position:
                while piece := _next_piece(text, piece_bytes, longest_line):
                    yield piece
                    position.update(packed.tell() - position.n)
        except _DAMAGE as error:
            raise PipelineError(
                f"{path}: damaged or cut off: unpacking stopped within the first {packed.tell():,} of {total:,} bytes ({error}). "
                f"{DOWNLOAD_ANEW}"
            ) from error


def numbered_lines(path: Path, piece_bytes: int = PIECE_BYTES, longest_line: int = LONGEST_LINE) -> Iterator[tuple[int, bytes]]:
    """As `whole_lines`, each piece with the number (from 1) of its first line.

    Raises:
        PipelineError: no such file, not gzip, damaged, or cut off, and where: `path:line`.
    """
    _check_magic(path)
    line = 1
    try:
        for piece in whole_lines(path, piece_bytes, longest_line):
            yield line, piece
            line += piece.count(b"\n")
    except PipelineError as error:
        where = _first_lost_line(path)
        raise PipelineError(f"{path}:{where}: from this line on the file cannot be unpacked. {error}") from error


def _first_lost_line(path: Path) -> int:
    """The line in which a damaged file stops to unpack, found by unpacking it once more in small steps."""
    line = 1
    with gzip.open(path) as text, suppress(EOFError, OSError, zlib.error):
        while step := text.read1(_SMALL_STEP):
            line += step.count(b"\n")
    return line


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            beginning = file.read(40)
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read ({error.strerror}). {DOWNLOAD_ANEW}") from error
    if not beginning.startswith(_GZIP_MAGIC):
        found = f"begins with {beginning!r}" if beginning else "is empty"
        raise PipelineError(f"{path}: not a gzip file, it {found}. Check its address in params.yaml; {DOWNLOAD_ANEW}")


def _next_piece(text: BinaryIO, piece_bytes: int, longest_line: int) -> bytes:
    """About `piece_bytes` bytes up to a line end; empty at the end of the text."""
    piece = text.read(piece_bytes)
    last_line = piece.rfind(b"\n") + 1
    if last_line == len(piece):
        return piece
    room = longest_line - (len(piece) - last_line)
    rest = text.readline(room + 1)
    if len(rest) <= room:
        return piece + rest
    while rest and not rest.endswith(b"\n"):
        rest = text.readline(piece_bytes)
    return piece[:last_line] + b"\n"
