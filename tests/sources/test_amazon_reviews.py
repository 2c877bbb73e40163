"""Amazon's reviews: what is read, and that the fast reading agrees with the careful one."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources import amazon_reviews
from mkg4rec.sources.amazon_reviews import read_reviews
from mkg4rec.sources.gzip_lines import numbered_lines

REVIEW: dict[str, Any] = {"reviewerID": "A1", "asin": "000102521X", "overall": 5.0, "unixReviewTime": 1382918400}
PUBLISHED = REVIEW | {"reviewerName": "José", "helpful": [0, 1], "reviewText": 'A "book"\n', "summary": "\ud83d\ude00", "reviewTime": "x"}


def packed(folder: Path, text: str | bytes) -> Path:
    path = folder / "reviews.json.gz"
    path.write_bytes(gzip.compress(text if isinstance(text, bytes) else text.encode()))
    return path


def lines(*reviews: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(review)}\n" for review in reviews)


def test_reviews_are_ratings_row_by_row(tmp_path: Path) -> None:
    other = {"unixReviewTime": 0, "overall": 1, "asin": "B00X", "reviewerID": "A2"}
    table = read_reviews(packed(tmp_path, lines(PUBLISHED, other, REVIEW)))
    assert table.to_pydict() == {
        "user_id": ["A1", "A2", "A1"],
        "item_id": ["000102521X", "B00X", "000102521X"],
        "rating": [5.0, 1.0, 5.0],
        "timestamp": [1382918400, 0, 1382918400],
    }
    assert table.schema.types == [pa.string(), pa.string(), pa.float32(), pa.int64()]


def test_the_last_line_may_lack_its_end_and_lines_may_end_with_crlf(tmp_path: Path) -> None:
    text = lines(REVIEW, REVIEW).replace("\n", "\r\n").removesuffix("\r\n")
    assert len(read_reviews(packed(tmp_path, text))) == 2


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "an empty line"),
        ("{}", "reviewerID is missing, not a name"),
        ("[1]", r"not a JSON object: '\[1\]'"),
        ("{'asin': 'A'}", "not a JSON object"),
        (json.dumps(REVIEW)[:-1], "not a JSON object"),
        (json.dumps(REVIEW) * 2, "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        (json.dumps(REVIEW | {"asin": 7}), "asin is 7, not a name"),
        (json.dumps(REVIEW | {"asin": ""}), "asin is '', not a name"),
        (json.dumps(REVIEW | {"reviewerID": "\ud800"}), r"reviewerID is '\\ud800', not a name"),
        (json.dumps(REVIEW | {"overall": "5"}), "overall is '5', not a number from 1 to 5"),
        (json.dumps(REVIEW | {"overall": 0}), "overall is 0, not a number from 1 to 5"),
        (json.dumps(REVIEW | {"overall": float("nan")}), "overall is nan, not a number from 1 to 5"),
        (json.dumps(REVIEW | {"overall": True}), "overall is True, not a number from 1 to 5"),
        (json.dumps(REVIEW | {"unixReviewTime": -1}), "unixReviewTime is -1, not seconds since 1970"),
        (json.dumps(REVIEW | {"unixReviewTime": 0.5}), "unixReviewTime is 0.5, not seconds since 1970"),
        (json.dumps(REVIEW | {"unixReviewTime": None}), "unixReviewTime is None, not seconds since 1970"),
    ],
)
def test_a_bad_review_is_named_with_file_line_and_value(tmp_path: Path, line: str, complaint: str) -> None:
    path = packed(tmp_path, f"{lines(REVIEW)}{line}\n{lines(REVIEW)}")
    with pytest.raises(PipelineError, match=f"^{re.escape(str(path))}:2: {complaint}"):
        read_reviews(path)


def test_lines_are_counted_over_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mkg4rec.sources.amazon_reviews.numbered_lines", lambda path: numbered_lines(path, piece_bytes=100))
    path = packed(tmp_path, lines(*[REVIEW] * 20) + "{}\n" + lines(*[REVIEW] * 20))
    with pytest.raises(PipelineError, match=r"reviews\.json\.gz:21: reviewerID is missing"):
        read_reviews(path)


def test_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = packed(tmp_path, lines(REVIEW).encode() + b'{"reviewerID": "\xff"}\n')
    with pytest.raises(PipelineError, match=r"gz:2: not a JSON object"):
        read_reviews(path)


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_a_file_without_a_review_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PipelineError, match=r"reviews\.json\.gz:1: "):
        read_reviews(packed(tmp_path, content))


def test_a_cut_off_file_is_named_with_the_line_where_it_ends(tmp_path: Path) -> None:
    path = packed(tmp_path, lines(*[REVIEW | {"asin": f"{number:010}"} for number in range(5000)]))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PipelineError, match=r"reviews\.json\.gz:\d+: from this line on the file cannot be unpacked") as error:
        read_reviews(path)
    found = re.search(r"gz:(\d+): from", str(error.value))
    assert found is not None
    assert 1500 < int(found[1]) < 3500


def test_a_garbled_file_is_named_with_a_line(tmp_path: Path) -> None:
    path = packed(tmp_path, lines(*[REVIEW | {"asin": f"{number:010}"} for number in range(5000)]))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"reviews\.json\.gz:\d+: "):
        read_reviews(path)


def test_what_is_no_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "reviews.json.gz"
    path.write_text(lines(REVIEW))
    with pytest.raises(PipelineError, match=r"reviews\.json\.gz: not a gzip file"):
        read_reviews(path)


values = st.one_of(
    st.text(max_size=3), st.integers(-2, 7), st.floats(allow_nan=True), st.none(), st.booleans(), st.lists(st.integers(), max_size=2)
)
reviews = st.fixed_dictionaries(
    {
        "reviewerID": st.one_of(st.sampled_from(["A1", "A2"]), values),
        "asin": st.one_of(st.just("000102521X"), values),
        "overall": st.one_of(st.sampled_from([1, 2.5, 5.0]), values),
        "unixReviewTime": st.one_of(st.integers(0, 2**64), values),
    },
    optional={"helpful": values},
)
good = st.fixed_dictionaries(
    {
        "reviewerID": st.text(min_size=1, max_size=4),
        "asin": st.text(min_size=1, max_size=4),
        "overall": st.floats(1, 5),
        "unixReviewTime": st.integers(0, 2**40),
    }
)
any_line = st.one_of(
    st.builds(json.dumps, reviews), st.builds(json.dumps, good), st.text(max_size=20).filter(lambda text: "\n" not in text)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.builds(json.dumps, good), any_line), min_size=1, max_size=4))
def test_the_fast_reading_agrees_with_the_careful_one(texts: list[str]) -> None:
    piece = "\n".join(texts).encode()
    fast = amazon_reviews._parse_at_once(piece)
    if fast is None:
        return
    slow = list(amazon_reviews._parse_line_by_line(piece, Path("file"), 1))
    assert fast.to_pylist() == slow


@settings(max_examples=100, deadline=None)
@given(st.lists(good, min_size=1, max_size=5))
def test_good_reviews_take_the_fast_way(rows: list[dict[str, Any]]) -> None:
    fast = amazon_reviews._parse_at_once(lines(*rows).encode())
    assert fast is not None
    assert fast.to_pylist() == [{name: row[name] for name in fast.column_names} for row in rows]
