"""Which packed files count as damaged."""

import io
import zipfile
from pathlib import Path

import pytest

from mkg4rec.download.failure import DownloadError, Reason
from mkg4rec.download.wholeness import check_whole

ADDRESS = "https://example.org/pages.zip"


def packed() -> bytearray:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("pages.json", b"{}" * 99)
    return bytearray(content.getvalue())


@pytest.mark.parametrize(("local", "central", "value"), [(6, 8, 1), (8, 10, 99)], ids=["encrypted", "unknown compression"])
def test_what_cannot_be_unpacked_here_is_not_judged(tmp_path: Path, local: int, central: int, value: int) -> None:
    content = packed()
    content[local] = content[content.index(b"PK\x01\x02") + central] = value
    (tmp_path / "file").write_bytes(content)
    check_whole(tmp_path / "file", ADDRESS)


def test_a_changed_byte_is_damage(tmp_path: Path) -> None:
    content = packed()
    content[content.index(b"{}{}")] ^= 1
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DownloadError, match=r"pages\.zip: [0-9]+ bytes came, which are no whole \.zip file") as caught:
        check_whole(tmp_path / "file", ADDRESS)
    assert caught.value.reason is Reason.DAMAGED
    check_whole(tmp_path / "file", "https://example.org/pages.json")
