"""How threads wait for each other on a machine that has other work."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("chosen", "spins"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "not set")],
    ids=["by default", "spins chosen", "policy chosen"],
)
@pytest.mark.parametrize("first", ["mkg4rec", "stages"])
def test_they_do_not_spin_for_long_unless_told(chosen: dict[str, str], spins: str, first: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    # What PyTorch would find at the moment it is loaded.
    code = f"import sys, os, {first}; assert 'torch' not in sys.modules; print(os.environ.get('GOMP_SPINCOUNT', 'not set'))"
    found = subprocess.run([sys.executable, "-c", code], env=environment | chosen, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == spins
