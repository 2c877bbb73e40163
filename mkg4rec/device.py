"""Choosing where and how exactly to compute, and making it repeatable."""

import random
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch

from mkg4rec.errors import PipelineError
from mkg4rec.params import Device, Precision


@dataclass(frozen=True)
class Arithmetic:
    """The type of matrix products, and whether torch.compile makes kernels of the dense layers."""

    precision: torch.dtype
    compile: bool


def choose_device(wanted: Device) -> torch.device:
    """The device for `wanted`; `auto` is the GPU where there is one.

    Raises:
        PipelineError: `cuda` is wanted and there is none.
    """
    available = torch.cuda.is_available()
    if wanted is Device.CUDA and not available:
        raise PipelineError("device: cuda is set in params.yaml, but torch sees no CUDA GPU; set it to auto or cpu.")
    return torch.device("cuda" if available and wanted is not Device.CPU else "cpu")


def choose_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """The type for matrix products; `auto` is bfloat16 on a GPU that has it, else float32."""
    if wanted is Precision.AUTO:
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if wanted is Precision.BFLOAT16 else torch.float32


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[None]:
    """Autocast to `precision`; nothing happens for float32."""
    return torch.autocast(device.type, dtype=precision, enabled=precision is not torch.float32)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch, and ask torch for deterministic algorithms.

    On a CPU the same seed then gives the same bits. On a GPU a few sums have no deterministic form
    (sparse products), where torch warns and goes on.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    # torch.use_deterministic_algorithms(True, warn_only=True) without the seconds in which that imports a compiler.
    torch.set_deterministic_debug_mode("warn")
    # Nothing here reads what it did not write, and to fill every new tensor first costs a small model a sixth of its time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
