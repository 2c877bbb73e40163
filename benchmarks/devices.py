"""Timing and memory where the device may be a GPU, which works on while Python does not wait for it."""

from collections.abc import Callable

import torch

from benchmarks import memory, timing


def stopwatch(compute: Callable[[], object], device: torch.device) -> float:
    """Seconds that `compute` takes, until the device has finished."""

    def finish() -> None:
        compute()
        _synchronize(device)

    _synchronize(device)
    return timing.stopwatch(finish)


def reset_peak_memory(device: torch.device) -> None:
    """Let `peak_memory` start anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        memory.reset_peak()


def peak_memory(device: torch.device) -> int:
    """The most memory since the start or `reset_peak_memory`, in MB: of the GPU, else of this process."""
    return torch.cuda.max_memory_allocated(device) >> 20 if device.type == "cuda" else memory.peak()


def machine(device: torch.device) -> str:
    """The line that every benchmark prints first."""
    gpu = f"{torch.cuda.get_device_name(device)}, " if device.type == "cuda" else ""
    return gpu + timing.machine()


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
