"""What stands for a published file that is too large to be copied into a pipeline: its address and its bytes' SHA-256, as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mkg4rec.download.checksums import checksums
from mkg4rec.download.downloader import Downloader
from mkg4rec.errors import PipelineError
from mkg4rec.files import replacing


@dataclass(frozen=True)
class PinnedFile:
    """A file by its bytes. It may be gone from this machine, and is fetched again when it is needed.

    Attributes:
        address: where it is published.
        size: in bytes.
        sha256: of these.
    """

    address: str
    size: int
    sha256: str

    @classmethod
    def of(cls, address: str, file: Path) -> "PinnedFile":
        """The `file` that came from `address`."""
        return cls(address, file.stat().st_size, checksums(file, {"sha256"})["sha256"].digest)

    def fetch(self, downloader: Downloader) -> Path:
        """These very bytes, from the download cache if it has them.

        Raises:
            DownloadError: they cannot be had, or others are at the address now.
        """
        return downloader.fetch(self.address, max_bytes=self.size, checksum=f"sha256:{self.sha256}", show_progress=True)


def write_pinned(pinned: PinnedFile | None, path: Path) -> None:
    """Write `pinned`, or that there is no such file, to `path`."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(pinned and asdict(pinned), indent=2) + "\n", encoding="utf-8")


def read_pinned(path: Path) -> PinnedFile:
    """What `write_pinned` wrote.

    Raises:
        PipelineError: no such file, a damaged one, or it says that there is none.
    """
    try:
        return PinnedFile(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise PipelineError(f"{path}: does not say which file is meant ({error}); delete it and run `dvc repro`.") from error
