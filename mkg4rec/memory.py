"""How much memory is left."""

from pathlib import Path

import psutil
import torch

CONTROL_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux tells a container its limit, in the second and the first version of control groups."""


def available_memory(device: torch.device) -> int:
    """Bytes that this process can still take on `device`; on the processor no more than its container leaves to it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    limits = [path.read_text().strip() for path in CONTROL_GROUP_LIMITS if path.exists()]
    held = int(psutil.Process().memory_info().rss)
    left = [int(limit) - held for limit in limits if limit != "max"]
    return min([int(psutil.virtual_memory().available), *left])
