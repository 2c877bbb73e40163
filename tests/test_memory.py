"""What is left of memory, with and without a limit of a container."""

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from mkg4rec import memory


def test_no_more_than_the_machine_has() -> None:
    assert 0 < memory.available_memory(torch.device("cpu")) < psutil.virtual_memory().total


def test_a_container_leaves_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, held = tmp_path / "memory.max", psutil.Process().memory_info().rss
    monkeypatch.setattr(memory, "CONTROL_GROUP_LIMITS", (limit, tmp_path / "missing"))
    limit.write_text(f"{held + (64 << 20)}\n")
    assert memory.available_memory(torch.device("cpu")) == pytest.approx(64 << 20, abs=16 << 20)
    limit.write_text("max\n")
    assert memory.available_memory(torch.device("cpu")) > 64 << 20


FAULTS = """
import resource, sys, torch
from mkg4rec.memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
for step in range(40):
    if step == 20:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Pages that the system has to bring for twenty tensors of 64 MiB, each freed before the next, after as many others."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about the allocator of glibc")
def test_freed_memory_serves_again() -> None:
    def faults(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout)

    assert faults("keep") < faults("give back") / 10


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    memory.keep_freed_memory()
