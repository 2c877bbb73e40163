"""Checksums of files: computing, comparing, and reading them as publishers write them."""

import hashlib
import re
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from mkg4rec.progress import meter

CHUNK = 1 << 20
WORTH_A_BAR = 1 << 30  # bytes; smaller files are hashed within two seconds

MD5SUM_LINE = re.compile(r"\\?(?P<digest>[0-9a-fA-F]{32})(?: [ *](?P<name>.+))?")
BSD_LINE = re.compile(r"MD5 ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9a-fA-F]{32})")


@dataclass(frozen=True)
class Checksum:
    """What a file's bytes must hash to; written `sha256:…` or `md5:…` in hexadecimal."""

    algorithm: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> "Checksum":
        """Read `ALGORITHM:DIGEST`.

        Raises:
            ValueError: neither sha256 nor md5, or not as many digits as it has.
        """
        algorithm, _, digest = text.partition(":")
        digits = {"sha256": 64, "md5": 32}.get(algorithm)
        if digits is None or not re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", digest):
            raise ValueError(f"{text!r} is no checksum; write sha256: and 64 hexadecimal digits, or md5: and 32")
        return cls(algorithm, digest.lower())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.digest}"


def checksums(path: Path, algorithms: Iterable[str]) -> dict[str, Checksum]:
    """The checksums of a file by algorithm, in one pass over its bytes."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    size = path.stat().st_size
    shown = meter(f"checking {path.name}", size) if size > WORTH_A_BAR else nullcontext()
    with path.open("rb") as file, shown as checked:
        while chunk := file.read(CHUNK):
            for each in hashes.values():
                each.update(chunk)
            if checked is not None:
                checked.update(len(chunk))
    return {name: Checksum(name, each.hexdigest()) for name, each in hashes.items()}


def md5_in_companion(text: str, name: str) -> Checksum:
    """The MD5 of the file `name` in a publisher's checksum file.

    Lines are `DIGEST  NAME` or `DIGEST *NAME` (md5sum), `MD5 (NAME) = DIGEST` (BSD), or a digest
    alone; folders before NAME are passed over, and so are comments and empty lines.

    Raises:
        ValueError: no line, or lines that disagree, for this file.
    """
    found = set()
    for line in text.lstrip("\ufeff").splitlines():
        match = MD5SUM_LINE.fullmatch(line.strip()) or BSD_LINE.fullmatch(line.strip())
        if match and (match["name"] is None or re.split(r"[/\\]", match["name"])[-1] == name):
            found.add(match["digest"].lower())
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} MD5 checksums of {name}, expected one; it begins {text[:60]!r}")
    return Checksum("md5", found.pop())
