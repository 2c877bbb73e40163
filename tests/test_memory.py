"""What is left of memory, with and without a limit of a container."""

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
