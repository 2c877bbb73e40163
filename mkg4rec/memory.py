"""How much memory is left, and whether it is enough."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from mkg4rec.errors import PipelineError

CONTROL_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux tells a container its limit, in the second and the first version of control groups."""

_SIGNS = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed", "multiplication overflow")
"""What torch says on the processor, which has no exception of its own for it; the last two where the bytes cannot even be counted."""

_TRIM_THRESHOLD, _MAPPING_THRESHOLD = -1, -3
"""As glibc's malloc.h numbers them."""
_LARGEST_KEPT = 1 << 30
"""Bytes."""


def keep_freed_memory() -> None:
    """Let blocks of up to 1 GiB that are freed serve the next allocation, for the rest of the process.

    By default glibc asks the system for every block of some 32 MiB anew and gives it back when it is freed, so that each step of a
    training has all its large tensors filled with zeros, page by page, before it writes them
    (https://man7.org/linux/man-pages/man3/mallopt.3.html). Another C library is left as it is.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune:
        tune(_MAPPING_THRESHOLD, _LARGEST_KEPT)
        tune(_TRIM_THRESHOLD, _LARGEST_KEPT)


def available_memory(device: torch.device) -> int:
    """Bytes that this process can still take on `device`; on the processor no more than its container leaves to it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    limits = [path.read_text().strip() for path in CONTROL_GROUP_LIMITS if path.exists()]
    held = int(psutil.Process().memory_info().rss)
    left = [int(limit) - held for limit in limits if limit != "max"]
    return min([int(psutil.virtual_memory().available), *left])


def require_memory(needed: int, device: torch.device, purpose: str, instead: str) -> None:
    """Make sure, before anything is allocated, that `needed` bytes are left on `device`.

    Args:
        purpose: what needs them, at the beginning of a sentence.
        instead: a sentence that says what to do where there is less.

    Raises:
        PipelineError: there is less.
    """
    available = available_memory(device)
    if needed > available:
        raise PipelineError(
            f"{purpose} needs about {needed / 1e9:,.1f} GB of memory, and {available / 1e9:,.1f} GB are left on {device}. {instead}"
        )


@contextmanager
def explaining_lack_of_memory(purpose: str, instead: str) -> Iterator[None]:
    """Turn what torch and numpy say of too little memory into one message.

    Args:
        purpose, instead: as for `require_memory`.

    Raises:
        PipelineError: what is done in here wants more memory than there is.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(sign in str(error) for sign in _SIGNS):
            raise
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise PipelineError(f"{purpose} needs more memory than there is ({said}). {instead}") from error
