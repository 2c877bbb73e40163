"""Whether a packed file that came without a checksum is whole: it is unpacked to its end, and nothing is kept of that."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from isal import igzip, igzip_lib

from mkg4rec.download.addresses import published_name
from mkg4rec.download.archive import CHUNK, ENCRYPTED
from mkg4rec.download.failure import DownloadError, Reason
from mkg4rec.progress import meter

# isal's type stub has its exception as an instance.
_DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, cast(type[Exception], igzip_lib.IsalError))


def check_whole(file: Path, address: str) -> None:
    """Unpack the `file` that came from `address`, if its published name says that it is a gzip file or a zip archive.

    Members of an archive that are encrypted, or packed in a way that is not known here, are not judged; `archive.unpack` refuses them.

    Raises:
        DownloadError: it is damaged or cut off.
    """
    name = published_name(address)
    read = {".gz": _gzip, ".zip": _zip}.get(Path(name).suffix.lower())
    if read is None:
        return
    try:
        with meter(f"checking {name}", None) as unpacked:
            for size in read(file):
                unpacked.update(size)
    except _DAMAGE as error:
        problem = f"{file.stat().st_size:,} bytes came, which are no whole {Path(name).suffix} file ({error})"
        raise DownloadError(Reason.DAMAGED, address, problem) from error


def _gzip(file: Path) -> Iterator[int]:
    """The sizes of what is unpacked, step by step; at the end of a member its CRC has been compared."""
    if file.stat().st_size == 0:
        raise gzip.BadGzipFile("it is empty")
    with igzip.open(file) as text:
        while chunk := text.read(CHUNK):
            yield len(chunk)


def _zip(file: Path) -> Iterator[int]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.flag_bits & ENCRYPTED:
                continue
            try:
                content = archive.open(member)
            except NotImplementedError:  # packed in a way that zipfile does not know
                continue
            with content:
                while chunk := content.read(CHUNK):
                    yield len(chunk)
