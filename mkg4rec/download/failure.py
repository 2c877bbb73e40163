"""Why a file could not be had, as an error that a person reads and a program can tell apart."""

import re
from enum import StrEnum

from mkg4rec.errors import PipelineError


class Reason(StrEnum):
    """What kept a file away."""

    BAD_ADDRESS = "bad_address"
    MISSING = "missing"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    HTML_PAGE = "html_page"
    TOO_LARGE = "too_large"
    CHECKSUM = "checksum"
    DAMAGED = "damaged"


ADVICE = {
    Reason.BAD_ADDRESS: "Correct the address.",
    Reason.MISSING: "Check the address, or add the file to the mirror that answered.",
    Reason.REFUSED: "Check that the address is public, or read it from a mirror (MKG4REC_MIRROR).",
    Reason.RATE_LIMITED: "Run again later, or with fewer downloads at a time.",
    Reason.SERVER_ERROR: "Run again later, or read from a mirror (MKG4REC_MIRROR).",
    Reason.UNREACHABLE: "Check the network and the proxy, or read from a mirror (MKG4REC_MIRROR).",
    Reason.TIMEOUT: "Run again: the download goes on where it stopped; or raise http.read_timeout.",
    Reason.TRUNCATED: "Run again: the download goes on where it stopped.",
    Reason.HTML_PAGE: "Open the address in a browser: a login, a portal or a notice stands in the way.",
    Reason.TOO_LARGE: "Raise its max_bytes if the size is right.",
    Reason.CHECKSUM: "If the publisher has changed the file, look at the new one and correct its checksum.",
    Reason.DAMAGED: "It is not kept: run again to download it anew.",
}


class DownloadError(PipelineError):
    """A file that could not be had; `reason` tells the kinds apart.

    The message has the address (without a password), what happened and what to do.
    """

    def __init__(self, reason: Reason, address: str, problem: str) -> None:
        super().__init__(f"{without_password(address)}: {problem}. {ADVICE[reason]}")
        self.reason = reason


def without_password(address: str) -> str:
    """`address` without `user:password@`."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)
