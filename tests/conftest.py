"""What several test files share."""

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

# Tests run beside each other, a process a core: threads of their own would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """All of tests/pipeline on one worker, where they share what one `dvc repro` builds.

    They have the mark xdist_group for that, which pytest-xdist 3.8 loses under pytest 9.2
    (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    scheduler = LoadGroupScheduling(config, log)
    by_mark = scheduler._split_scope
    scheduler._split_scope = lambda nodeid: "pipeline" if nodeid.startswith("tests/pipeline/") else by_mark(nodeid)
    return scheduler


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of real data by public address; the test is skipped where there is none."""
    for candidate in (os.environ.get("MKG4REC_MIRROR", ""), str(ROOT.parent / "shared" / "mirror")):
        if candidate and Path(candidate).is_dir():
            return Path(candidate).resolve()
    pytest.skip("needs real data: set MKG4REC_MIRROR to a folder laid out as HOST/PATH")
