"""Unpacking zip archives that come from elsewhere, and so may be broken or meant to harm."""

import errno
import lzma
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.files import replacing
from mkg4rec.progress import meter

CHUNK = 1 << 20
MAX_BYTES = 4 << 30
MAX_MEMBERS = 10_000
MAX_RATIO = 200  # bytes unpacked for one packed; text tables have 3 to 20, a bomb 1000
TOO_SMALL_TO_HARM = 10 << 20  # bytes; up to here any ratio will do
ENCRYPTED = 0x1  # general purpose flag, APPNOTE.TXT 4.4.4

BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, ValueError, OSError)
BAD_NAMES = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)


@contextmanager
def unpacked(archive: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> Iterator[Path]:
    """A temporary folder with the members of `archive`, gone when the block ends.

    Raises:
        PipelineError: as `unpack`.
    """
    with tempfile.TemporaryDirectory(prefix="mkg4rec.") as folder:
        yield unpack(archive, Path(folder) / archive.stem, max_bytes=max_bytes, max_members=max_members)


def unpack(archive: Path, target: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> Path:
    """Unpack the zip file `archive` into the folder `target`, which is replaced at once and as a whole.

    Sizes are those of the bytes really written, whatever the archive claims, and every member's CRC is
    compared. Only files and folders below `target` are written, with ordinary permissions.

    Raises:
        PipelineError: the archive is broken, encrypted, too large or packed suspiciously tight, or has a
            member that would leave `target`, is neither file nor folder, or comes twice.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except FileNotFoundError as error:
        raise PipelineError(f"{archive}: there is no such file.") from error
    except BROKEN as error:
        raise PipelineError(f"{archive}: not a whole zip archive ({error}); {_look(archive)}. {DOWNLOAD_ANEW}") from error
    with opened, replacing(target) as folder:
        folder.mkdir()
        members = _checked_members(opened, archive, max_members)
        limit = min(max_bytes, max(TOO_SMALL_TO_HARM, MAX_RATIO * archive.stat().st_size))
        written = 0
        with meter(f"unpacking {archive.name}", sum(member.file_size for member in members)) as shown:
            for member in members:
                for size in _write(opened, member, folder, archive):
                    shown.update(size)
                    written += size
                    if written > limit:
                        raise _refusal(
                            archive, member, f"more than {limit:,} bytes, the lesser of max_bytes and {MAX_RATIO} times the archive"
                        )
    return target


def _checked_members(opened: zipfile.ZipFile, archive: Path, max_members: int) -> list[zipfile.ZipInfo]:
    """The members, none of which leaves the folder, stands twice or is more than a file or a folder."""
    members = opened.infolist()
    if len(members) > max_members:
        raise PipelineError(f"{archive}: it has {len(members):,} members, the limit is {max_members:,}. The archive is not unpacked.")
    names = set()
    for member in members:
        name = member.orig_filename
        if re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", name) or {"", ".", ".."} & set(_parts(member)):
            raise _refusal(archive, member, "its path would leave the folder, or is none")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refusal(archive, member, "it is a link or a device")
        if member.flag_bits & ENCRYPTED:
            raise _refusal(archive, member, "it is encrypted")
        if _parts(member) in names:
            raise _refusal(archive, member, "it comes twice")
        names.add(_parts(member))
    return members


def _parts(member: zipfile.ZipInfo) -> tuple[str, ...]:
    return tuple(member.orig_filename.removesuffix("/").split("/"))


def _refusal(archive: Path, member: zipfile.ZipInfo, problem: str) -> PipelineError:
    return PipelineError(
        f"{archive}: member {member.orig_filename!r}: {problem}. The archive is not unpacked; look at where it comes from."
    )


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, archive: Path) -> Iterator[int]:
    """Write one member below `folder`; yields the size of each piece when it is written."""
    path = folder.joinpath(*_parts(member))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if member.is_dir():
            path.mkdir(exist_ok=True)
            return
        file = path.open("xb")
    except OSError as error:
        if error.errno not in BAD_NAMES:
            raise
        raise _refusal(archive, member, f"it cannot have this name ({error.strerror})") from error
    with file:
        for chunk in _content(opened, member, archive):
            file.write(chunk)
            yield len(chunk)


def _content(opened: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path) -> Iterator[bytes]:
    """The unpacked bytes of one member, a piece at a time; at their end the CRC has been compared."""
    try:
        with opened.open(member) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except BROKEN as error:
        raise PipelineError(f"{archive}: member {member.orig_filename!r}: broken ({error}). {DOWNLOAD_ANEW}") from error


def _look(archive: Path) -> str:
    with archive.open("rb") as file:
        return f"it has {archive.stat().st_size:,} bytes and begins {file.read(20)!r}"
