"""ISBN-10 check digits, with numbers from published books."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.sources.isbn import address_by_isbn, is_isbn_10


@pytest.mark.parametrize("isbn", ["0306406152", "080442957X", "0001055178", "000215949X"])
def test_printed_books_have_one(isbn: str) -> None:
    assert is_isbn_10(isbn)
    assert address_by_isbn("https://host/{isbn}.jpg?a=b", isbn) == f"https://host/{isbn}.jpg?a=b"


@pytest.mark.parametrize(
    "other", ["0306406153", "B00X", "B003P2VJWI", "080442957x", "030640615", "03064061522", "X306406152", "٠٣٠٦٤٠٦١٥٢", "", 306406152]
)
def test_what_is_none(other: str | int) -> None:
    assert not is_isbn_10(other)
    assert address_by_isbn("https://host/{isbn}.jpg", other) is None


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(0, 8), st.integers(1, 9))
def test_one_of_eleven_last_digits_is_right_and_a_mistyped_digit_is_found(first: str, place: int, by: int) -> None:
    (isbn,) = [first + last for last in "0123456789X" if is_isbn_10(first + last)]
    mistyped = isbn[:place] + str((int(isbn[place]) + by) % 10) + isbn[place + 1 :]
    assert not is_isbn_10(mistyped)
