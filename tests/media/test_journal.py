from pathlib import Path

import pytest

from mkg4rec.media.journal import Journal
from mkg4rec.media.status import Failure, Status

CONDITIONS: dict[str, str | int] = {"mirror": "None", "max_bytes": 1000}
FAILURES = {
    "https://host/1.jpg": Failure(Status.MISSING, "not found at its address"),
    "https://host/2.jpg": Failure(Status.TOO_LARGE, "more than 1,000 bytes"),
    "https://host/ü 3.jpg": Failure(Status.BROKEN, "an HTML page in place of an image"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with the failures above, left behind by a run that was killed."""
    path = tmp_path / "new folder" / "journal.jsonl"
    with Journal(path, CONDITIONS) as journal:
        for address, failure in FAILURES.items():
            journal.record(address, failure)
            assert address.split("/")[-1].split()[-1] in path.read_text(encoding="utf-8"), "not in the file yet"
    return path


def test_an_interrupted_run_is_remembered(path: Path) -> None:
    with Journal(path, CONDITIONS) as journal:
        assert journal.failures == FAILURES


@pytest.mark.parametrize("conditions", [CONDITIONS | {"max_bytes": 2000}, CONDITIONS | {"mirror": "/mirror"}, {}])
def test_other_conditions_begin_anew(path: Path, conditions: dict[str, str | int]) -> None:
    with Journal(path, conditions) as journal:
        assert not journal.failures
    with Journal(path, CONDITIONS) as journal:
        assert not journal.failures


def test_torn_wherever_the_kill_came(path: Path) -> None:
    content = path.read_bytes()
    ends = [position for position, byte in enumerate(content) if byte == ord("\n")]
    for cut in sorted({*range(0, len(content), 7), *ends, *(end + 1 for end in ends[:-1])}):
        path.write_bytes(content[:cut])
        whole_lines = sum(end <= cut for end in ends)
        remembered = dict(list(FAILURES.items())[: max(whole_lines - 1, 0)])
        with Journal(path, CONDITIONS) as journal:
            assert journal.failures == remembered
            journal.record("https://host/after.jpg", Failure(Status.MISSING, "gone"))
        with Journal(path, CONDITIONS) as journal:
            assert journal.failures == remembered | {"https://host/after.jpg": Failure(Status.MISSING, "gone")}


@pytest.mark.parametrize("line", [b"[]", b'"text"', b'{"address": 1}', b"\xff\xfe", b'{"address": "a", "status": "fine", "reason": ""}'])
def test_lines_of_another_form_are_passed_over(path: Path, line: bytes) -> None:
    path.write_bytes(path.read_bytes() + line + b"\n")
    with Journal(path, CONDITIONS) as journal:
        assert journal.failures == FAILURES


def test_what_may_pass_is_not_remembered(path: Path) -> None:
    with Journal(path, CONDITIONS) as journal:
        journal.record("https://host/4.jpg", Failure(Status.BROKEN, "the server stalled", definite=False))
    with Journal(path, CONDITIONS) as journal:
        assert journal.failures == FAILURES


def test_a_finished_run_leaves_nothing(path: Path) -> None:
    with Journal(path, CONDITIONS) as journal:
        journal.remove()
    assert not list(path.parent.iterdir())
