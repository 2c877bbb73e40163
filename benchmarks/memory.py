"""The most memory that this process held. Nothing heavy is imported here, so that it can be asked of any process."""

import resource
import sys
from pathlib import Path

PROCESS = Path("/proc/self")


def reset_peak() -> None:
    """Let `peak` start anew; only Linux can."""
    # https://www.kernel.org/doc/html/latest/filesystems/proc.html: 5 resets the high-water mark.
    if (PROCESS / "clear_refs").exists():
        (PROCESS / "clear_refs").write_text("5")


def peak() -> int:
    """The high-water mark of this process's resident memory in MB; on Linux, unlike that of `getrusage`, without its parent's."""
    status = PROCESS / "status"
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)


def peak_of_children() -> int:
    """The most resident memory in MB that any process had that this one has started and seen the end of."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
