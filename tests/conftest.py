"""What several test files share."""

import os
from pathlib import Path

import pytest

# Tests run beside each other, a process a core: threads of their own would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of real data by public address; the test is skipped where there is none."""
    for candidate in (os.environ.get("MKG4REC_MIRROR", ""), str(ROOT.parent / "shared" / "mirror")):
        if candidate and Path(candidate).is_dir():
            return Path(candidate).resolve()
    pytest.skip("needs real data: set MKG4REC_MIRROR to a folder laid out as HOST/PATH")
