"""Addresses: which are allowed, and where a mirror keeps what they name."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from mkg4rec.download.failure import DownloadError, Reason
from mkg4rec.errors import PipelineError

MIRROR_VARIABLE = "MKG4REC_MIRROR"
DEFAULT_PORTS = {"http": 80, "https": 443}
PATH_CHARACTERS = "!$&'()*+,;=:@~"  # legal in a path without escaping, RFC 3986

Location = Path | str
"""Where bytes are really read from: a local file or an http(s) address."""


@dataclass(frozen=True)
class Mirror:
    """A copy of public files, laid out by address: `https://HOST/PATH` is `root/HOST/PATH`.

    `root` is a folder, an http(s) address, or None for no mirror at all. Where there is one it alone
    answers; the network is not asked for what it lacks. An address with `?QUERY` is the file
    `PATH?QUERY` of a folder ("/" as %2F), as `wget` names it, and never the file without. A port other than the
    scheme's own belongs to HOST. Whoever keeps a mirror may place symbolic links in it; an address
    cannot leave it.
    """

    root: Location | None = None

    @classmethod
    def from_environment(cls, own: Path | None = None, environment: Mapping[str, str] = os.environ) -> "Mirror":
        """The folder `own` if it has a host in it, else what MKG4REC_MIRROR names, else none.

        MKG4REC_MIRROR is a folder, `file://…` or `http(s)://…`.

        Raises:
            PipelineError: MKG4REC_MIRROR is none of these.
        """
        if own is not None and own.is_dir() and any(path.is_dir() for path in own.iterdir()):
            return cls(own.absolute())
        value = environment.get(MIRROR_VARIABLE, "").strip()
        if not value:
            return cls()
        if re.match(r"https?://", value, re.IGNORECASE):
            if {"?", "#"} & set(value):
                raise PipelineError(f"{MIRROR_VARIABLE}={value}: a mirror's address has no '?' and no '#'.")
            split(value)
            return cls(value.rstrip("/"))
        folder = file_of(split(value), value) if "://" in value else Path(value).expanduser()
        if not folder.is_dir():
            raise PipelineError(f"{MIRROR_VARIABLE}={value}: there is no such folder; correct the variable or unset it.")
        return cls(folder.absolute())

    def locate(self, address: str) -> Location:
        """Where the bytes of `address` are read from. A `file` address is never mirrored.

        Raises:
            DownloadError: the address is not allowed, or would leave the mirror.
        """
        parts = split(address)
        if parts.scheme == "file":
            return file_of(parts, address)
        if self.root is None:
            return urlunsplit(parts._replace(fragment=""))
        segments = [_host(parts), *_segments(parts, address)]
        if isinstance(self.root, Path):
            segments[-1] += f"?{parts.query}".replace("/", "%2F") if parts.query else ""
            return self.root.joinpath(*segments)
        path = "/".join(quote(segment, safe=PATH_CHARACTERS) for segment in segments)
        return f"{self.root}/{path}" + (f"?{parts.query}" if parts.query else "")


def split(address: str) -> SplitResult:
    """The parts of an http, https or file address.

    Raises:
        DownloadError: another scheme, no host, or characters that no address has.
    """
    if re.search(r"[\x00-\x20\x7f]", address):
        raise DownloadError(Reason.BAD_ADDRESS, repr(address), "an address has no spaces and no control characters")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise DownloadError(Reason.BAD_ADDRESS, address, str(error)) from error
    if parts.scheme not in ("http", "https", "file"):
        raise DownloadError(Reason.BAD_ADDRESS, address, "only http, https and file addresses are allowed")
    if parts.scheme != "file" and (not parts.hostname or port == 0):
        raise DownloadError(Reason.BAD_ADDRESS, address, "the address names no host")
    return parts


def file_of(parts: SplitResult, address: str) -> Path:
    """The local file that a `file` address names.

    Raises:
        DownloadError: another scheme, or another machine than this.
    """
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        raise DownloadError(Reason.BAD_ADDRESS, address, "a file address is file:///absolute/path on this machine")
    return Path(path)


def published_name(address: str) -> str:
    """The name that the file has upstream: the last part of the path.

    Raises:
        DownloadError: the path ends in none.
    """
    name = _segments(split(address), address)[-1]
    if not name:
        raise DownloadError(Reason.BAD_ADDRESS, address, "the address ends in no file name")
    return name


def companion_of(address: str) -> str:
    """The address of the publisher's checksum file: `.md5` after the path, before any query."""
    parts = split(address)
    return urlunsplit(parts._replace(path=f"{parts.path}.md5", fragment=""))


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if not host or "\\" in host or "%" in host:
        raise DownloadError(Reason.BAD_ADDRESS, parts.geturl(), "no folder of a mirror can have the name of this host")
    return host if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f"{host}:{parts.port}"


def _segments(parts: SplitResult, address: str) -> list[str]:
    """The path's decoded parts; none of them is a way up or has a separator inside."""
    segments = [unquote(segment) for segment in parts.path.removeprefix("/").split("/")]
    for segment in segments:
        if segment in (".", "..") or re.search(r"[/\\\x00-\x1f]", segment):
            raise DownloadError(Reason.BAD_ADDRESS, address, f"the path has the part {segment!r}, which no mirrored file has")
    return segments
