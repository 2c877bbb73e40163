"""Archives that are broken, too large, or try to write elsewhere."""

import random
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.download.archive import unpack, unpacked
from mkg4rec.errors import PipelineError

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
NOISE = random.Random(0).randbytes(50_000)


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(archive: Path, folder: Path, message: str, max_bytes: int = 1 << 30, max_members: int = 100) -> None:
    """The archive is refused by its name, and `folder` stays as it was, with nothing beside or above it."""
    target = folder / "inner" / "target"
    target.mkdir(parents=True)
    (target / "before").touch()
    before = sorted(folder.rglob("*"))
    with pytest.raises(PipelineError, match=message) as caught:
        unpack(archive, target, max_bytes=max_bytes, max_members=max_members)
    assert str(caught.value).startswith(f"{archive}: ")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("method", METHODS)
def test_whole_archive(tmp_path: Path, method: int) -> None:
    members = {"ml-1m/ratings.dat": NOISE, "ml-1m/README": b"text\n" * 9999, "empty": b"", "ml-1m/folder/": b""}
    archive = pack(tmp_path / "a.zip", members, method)
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "before").touch()
    target = unpack(archive, tmp_path / "target")
    assert {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()} == {
        name: content for name, content in members.items() if not name.endswith("/")
    }
    assert (target / "ml-1m" / "folder").is_dir()


def test_temporary_folder_goes_away(tmp_path: Path) -> None:
    with unpacked(pack(tmp_path / "a.zip", {"b": b"c"})) as folder:
        assert (folder / "b").read_bytes() == b"c"
    assert not folder.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../escape",
        "a/../../escape",
        "/escape",
        "//escape",
        "C:escape",
        "c:/escape",
        "..\\escape",
        "a\\..\\..\\b",
        ".",
        "..",
        "a//b",
        "./a",
        "a\nb",
        "/",
    ],
)
def test_member_that_would_leave(tmp_path: Path, name: str) -> None:
    refused(pack(tmp_path / "a.zip", {"good": b"", name: b"harm"}), tmp_path, "would leave the folder")


@given(name=st.text(st.sampled_from("ab./\\:C\0\n"), min_size=1, max_size=12))
def test_nothing_is_ever_written_outside(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("zip")
    placeholder = "x" * len(name)  # zipfile would mend some names when it writes them
    archive = pack(folder / "a.zip", {placeholder: b"content"}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(placeholder.encode(), name.encode()))
    try:
        unpack(archive, folder / "deep" / "target")
    except PipelineError:
        assert not [path for path in folder.rglob("*") if path.is_file() and path != archive]
    else:
        assert [path.read_bytes() for path in (folder / "deep" / "target").rglob("*") if path.is_file()] in ([b"content"], [])
    assert set(folder.iterdir()) <= {archive, folder / "deep"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_link_or_device(tmp_path: Path, kind: int) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/hostname")
    refused(tmp_path / "a.zip", tmp_path, "'link': it is a link or a device")


def test_member_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")
    refused(tmp_path / "a.zip", tmp_path, "'a': it comes twice")


@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b", "a"], ["n" * 300]])
def test_impossible_name(tmp_path: Path, names: list[str]) -> None:
    refused(pack(tmp_path / "a.zip", dict.fromkeys(names, b"1")), tmp_path, "cannot have this name")


def test_encrypted(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a": b"1"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    refused(archive, tmp_path, "'a': it is encrypted")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_truncated(tmp_path: Path, share: float) -> None:
    archive = pack(tmp_path / "a.zip", {"a": NOISE, "b": NOISE})
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    refused(archive, tmp_path, "not a whole zip archive")


@pytest.mark.parametrize("method", METHODS)
def test_damaged_member(tmp_path: Path, method: int) -> None:
    archive = pack(tmp_path / "a.zip", {"a": b"good", "b": NOISE}, method)
    content = bytearray(archive.read_bytes())
    for offset in range(20_000, 20_100):
        content[offset] ^= 0xFF
    archive.write_bytes(content)
    refused(archive, tmp_path, "member 'b': broken")


def test_web_page(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("<!DOCTYPE html>")
    refused(tmp_path / "a.zip", tmp_path, "begins b'<!DOCTYPE html>'")


def test_missing(tmp_path: Path) -> None:
    refused(tmp_path / "a.zip", tmp_path, "no such file")


def test_more_than_allowed(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a": NOISE, "b": NOISE})
    refused(archive, tmp_path / "1", "'b': more than 99,999 bytes", max_bytes=99_999)
    refused(archive, tmp_path / "2", "2 members, the limit is 1", max_members=1)
    unpack(archive, tmp_path / "target", max_bytes=100_000, max_members=2)


def test_bomb(tmp_path: Path) -> None:
    refused(pack(tmp_path / "a.zip", {"a": bytes(30 << 20)}), tmp_path, "200 times the archive")


def test_claimed_size_is_not_believed(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"a": NOISE})
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        position = content.index(signature) + offset
        content[position : position + 4] = (10).to_bytes(4, "little")
    archive.write_bytes(content)
    refused(archive, tmp_path, "member 'a': broken")
