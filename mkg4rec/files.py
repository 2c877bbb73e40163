"""Writing so that a reader never meets half a file (write beside, then rename), and where caches lie."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mkg4rec.errors import PipelineError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there takes its place on success.

    The temporary path does not exist yet and may become a file or a folder. On any failure it is
    removed and `path` stays as it was.

    Raises:
        PipelineError: the disk is full.
    """
    with explaining_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        workspace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        temporary = workspace / path.name
        try:
            yield temporary
            temporary.lstat()
            if path.is_dir() and not path.is_symlink():
                # No folder can be renamed over another: the old one goes with the workspace.
                path.rename(workspace / f"{path.name}.old")
            temporary.replace(path)
        finally:
            shutil.rmtree(workspace, ignore_errors=True)


@contextmanager
def explaining_full_disk(path: Path) -> Iterator[None]:
    """Turn "no space left" into an error that names `path` and says what to do.

    Raises:
        PipelineError: the disk or the quota is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PipelineError(
            f"{path}: no space left on the device while writing; nothing was kept. "
            "Free some space, or point TMPDIR and the caches to a larger disk, and run again."
        ) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits.

    Raises:
        PipelineError: there is no such file.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: there is no such file; `dvc repro` makes it.") from error


def cache_folder(kind: str, variable: str, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that the environment's `variable` names, else `mkg4rec/KIND` in the user's cache folder (XDG base directories)."""
    if chosen := environment.get(variable, "").strip():
        return Path(chosen).expanduser().absolute()
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "mkg4rec" / kind
