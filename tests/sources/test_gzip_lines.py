"""Whole lines from gzip, whatever the sizes and however the file is broken."""

import gzip
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources.gzip_lines import whole_lines


@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    ends_with_newline=st.booleans(),
    piece_bytes=st.integers(1, 40),
    longest_line=st.integers(40, 60),
)
def test_pieces_are_the_text_cut_behind_line_ends(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends_with_newline: bool, piece_bytes: int, longest_line: int
) -> None:
    text = b"\n".join(lines) + b"\n" * ends_with_newline
    path = _packed(tmp_path_factory.mktemp("pieces"), text)
    pieces = list(whole_lines(path, piece_bytes, longest_line))
    assert b"".join(pieces) == text
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])


@given(sizes=st.lists(st.integers(0, 200), min_size=1, max_size=12), piece_bytes=st.integers(1, 50), ends_with_newline=st.booleans())
def test_an_overlong_line_leaves_an_empty_one(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], piece_bytes: int, ends_with_newline: bool
) -> None:
    """A line counts as too long with its end, wherever the pieces happen to be cut."""
    lines = [b"x" * size + b"\n" for size in sizes]
    if not ends_with_newline:
        lines[-1] = lines[-1][:-1]
    path = _packed(tmp_path_factory.mktemp("overlong"), b"".join(lines))
    expected = b"".join(line if len(line) <= 50 else b"\n" for line in lines)
    assert b"".join(whole_lines(path, piece_bytes, longest_line=50)) == expected


def test_several_members_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "two.gz"
    path.write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree\n"))
    assert b"".join(whole_lines(path, 2)) == b"one\ntwo\nthree\n"


def test_a_gzip_of_nothing_has_no_piece(tmp_path: Path) -> None:
    assert list(whole_lines(_packed(tmp_path, b""))) == []


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.9999])
def test_a_cut_off_file_is_named(tmp_path: Path, kept: float) -> None:
    path = _packed(tmp_path, b"".join(b"line %d\n" % number for number in range(10_000)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(PipelineError, match=r"text\.gz: damaged or cut off.*downloaded anew"):
        list(whole_lines(path))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = _packed(tmp_path, b"".join(b"line %d\n" % number for number in range(10_000)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"text\.gz: damaged"):
        list(whole_lines(path))


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>\n<html>Not found</html>", b""])
def test_what_is_not_gzip_is_told_by_its_beginning(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dump.gz"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"dump\.gz: not a gzip file, it (begins with b'<!DOCTYPE html>|is empty)"):
        list(whole_lines(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"nothing\.gz: cannot be read \(No such file"):
        list(whole_lines(tmp_path / "nothing.gz"))


def test_a_reader_may_stop_early(tmp_path: Path) -> None:
    threads = threading.active_count()
    pieces = whole_lines(_packed(tmp_path, b"line\n" * 5_000_000), 1000)
    assert next(pieces).startswith(b"line\n")
    assert threading.active_count() == threads + 1
    del pieces
    assert threading.active_count() == threads


def _packed(folder: Path, text: bytes) -> Path:
    path = folder / "text.gz"
    path.write_bytes(gzip.compress(text))
    return path
