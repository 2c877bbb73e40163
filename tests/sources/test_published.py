from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources.published import item_id, published_text


@pytest.mark.parametrize("content", ["", "one\r\ntwo\n", "\ufeffwith a mark", "Amélie \u2028 <b>html inside</b>"])
def test_text_with_its_line_ends(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(content.encode())
    assert published_text(path) == content.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a line\nAmélie\n".encode("latin-1"), r"file\.txt:2: not UTF-8 text \(byte 0xe9\)"),
        (b"\x1f\x8b\x08\x00", r"file\.txt:1: not UTF-8"),
        (b"\n <!DOCTYPE HTML><title>404</title>", r"file\.txt:1: an HTML page"),
        (b"\xef\xbb\xbf<html>", r"file\.txt:1: an HTML page"),
    ],
)
def test_what_is_no_published_text(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file.txt").write_bytes(content)
    with pytest.raises(PipelineError, match=message):
        published_text(tmp_path / "file.txt")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no such file"):
        published_text(tmp_path / "file.txt")


@given(st.integers(0, 10**18 - 1))
def test_whole_numbers(number: int) -> None:
    assert item_id(f" {number}\r", whole_numbers=True) == number


def test_strings_keep_their_zeros() -> None:
    assert item_id("0001713353", whole_numbers=False) == "0001713353"
    assert item_id("0001713353", whole_numbers=True) == 1713353


@pytest.mark.parametrize("text", ["", "  ", "x", "1.0", "-1", "1_000", "٣", "9" * 19, "1 2"])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match="no item id"):
        item_id(text, whole_numbers=True)


def test_an_empty_string_is_no_id() -> None:
    with pytest.raises(ValueError, match="no item id"):
        item_id(" ", whole_numbers=False)
