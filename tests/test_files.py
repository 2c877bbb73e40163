"""Nobody meets half a file, and a full disk is told in words."""

import errno
import os
from pathlib import Path

import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.files import explaining_full_disk, replacing


def test_new_file_in_a_new_folder(tmp_path: Path) -> None:
    with replacing(tmp_path / "a" / "b.txt") as temporary:
        assert not temporary.exists()
        temporary.write_text("new")
        assert not (tmp_path / "a" / "b.txt").exists()
    assert (tmp_path / "a" / "b.txt").read_text() == "new"
    assert list((tmp_path / "a").iterdir()) == [tmp_path / "a" / "b.txt"]


def test_folder_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with replacing(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
        assert (target / "old").exists()
    assert list(target.iterdir()) == [target / "new"]


def test_read_only_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o444)
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_failure_changes_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    (tmp_path / "a").write_text("old")

    def break_off() -> None:
        with replacing(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        break_off()
    assert (tmp_path / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_nothing_written_is_a_failure_that_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    before = sorted(tmp_path.rglob("*"))
    for name in ("file", "folder"):
        with pytest.raises(FileNotFoundError), replacing(tmp_path / name):
            pass
    assert sorted(tmp_path.rglob("*")) == before


def test_full_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    def write() -> None:
        with replacing(tmp_path / "a") as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_text("more than the disk has")

    with pytest.raises(PipelineError, match="no space left") as caught:
        write()
    assert str(tmp_path / "a") in str(caught.value)
    assert (tmp_path / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_full_quota() -> None:
    with pytest.raises(PipelineError, match=r"a\.txt: no space left"), explaining_full_disk(Path("a.txt")):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(PermissionError), explaining_full_disk(Path("a.txt")):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
