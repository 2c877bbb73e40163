"""A sieve for lines of N-Triples: what is a triple beyond doubt and says nothing that is asked for falls through.

Of the Freebase dump's three billion lines a few in a hundred are of use. The sieve finds the few bytes of a line that tell its
fields apart, many bytes at a time, and makes nothing of the rest; it is compiled by Numba. It judges nothing: what it does not
understand stays in it, for a reader that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

CHUNK = 1 << 14
"""Bytes whose marks are found at a time, so that they stay in the nearest cache."""
HASHED = 8
"""Bytes of an IRI before its last that are looked up: those in which MIDs differ."""
PLACES = 64
"""Places of the table for each IRI that is looked for, at least: so many lines stay by chance, one in these."""
MIN_BITS = 20

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_TAB, _NEWLINE, _RETURN, _QUOTE, _BACKSLASH = b'\t\n\r"\\'
_LESS, _GREATER, _DOT, _AT, _HAT, _HYPHEN = b"<>.@^-"


@dataclass(frozen=True)
class Kept:
    """What stays in the sieve.

    Attributes:
        text: the kept lines, as they are.
        positions: (kept lines,) of each among all lines, from 0.
        lines: how many there were.
        plain: whether all that are kept are triples beyond doubt.
    """

    text: bytes
    positions: NDArray[np.int32]
    lines: int
    plain: bool


class Sieve:
    """Keeps lines whose subject or object is one of `iris`, those whose predicate is `predicate`, and what is no plain triple.

    A few others stay as well, whose IRIs have the same end or the same hash.

    Args:
        iris: in angle brackets, each of more than `HASHED` bytes.
        predicate: likewise.
    """

    def __init__(self, iris: Sequence[bytes], predicate: bytes) -> None:
        bits = max(MIN_BITS, (PLACES * len(iris)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._touched = np.zeros(1 << (bits - 3), np.uint8)
        places = (np.array([_end_of(iri) for iri in iris], np.uint64) * _FACTOR) >> self._shift
        np.bitwise_or.at(self._touched, places >> 3, np.uint8(1) << (places & 7).astype(np.uint8))
        self._predicate_length, self._predicate_end = len(predicate), np.uint64(_end_of(predicate))

    def keep(self, lines: bytes) -> Kept:
        """Sift whole lines of UTF-8 (the last one may lack its end); the GIL is released meanwhile."""
        text = np.frombuffer(lines, np.uint8)
        # Memory that is not written to is not taken.
        kept, positions = np.empty(len(text), np.uint8), np.empty(len(text), np.int32)
        wanted = self._touched, self._shift, self._predicate_length, self._predicate_end
        size, number, count, doubtful = _sift(text, *wanted, kept, positions)
        return Kept(kept[:size].tobytes(), positions[:number].copy(), count, doubtful == 0)


def _end_of(iri: bytes) -> int:
    """The `HASHED` bytes before the last one, as a number."""
    return int.from_bytes(iri[-1 - HASHED : -1], "little")


@njit
def _word(text: Bytes, end: int) -> int:
    """`_end_of` text[:end]."""
    # Unsigned, as Numba asks of every other index whether it counts from the end.
    first, word = np.uint64(end - 1 - HASHED), np.uint64(0)
    for offset in range(HASHED):
        word |= np.uint64(text[first + np.uint64(offset)]) << np.uint64(8 * offset)
    return word  # type: ignore[return-value]


@njit
def _is_touched(text: Bytes, end: int, touched: Bytes, shift: int) -> bool:
    """Whether the bit of the IRI that ends there is set."""
    place = (_word(text, end) * _FACTOR) >> shift
    return bool((touched[place >> np.uint64(3)] >> np.uint8(place & np.uint64(7))) & 1)


@njit(cache=True, nogil=True)
def _sift(
    text: Bytes, touched: Bytes, shift: int, predicate_length: int, predicate_end: int, kept: Bytes, positions: NDArray[np.int32]
) -> tuple[int, int, int, int]:
    """Copy the kept lines to the beginning of `kept` and their positions to that of `positions`.

    Returns:
        How many bytes and lines are kept, how many lines there are, and how many are kept because they may be no triples.
    """
    flags, marks = np.zeros(CHUNK, np.uint8), np.empty(CHUNK + 1, np.int32)
    size = number = line = start = doubtful = 0
    while start < len(text):
        chunk, first = start, 0
        for last in range(_find_marks(text[start : start + CHUNK], start, flags, marks)):
            end = marks[last]
            if text[end] != _NEWLINE:
                continue
            plain = _is_triple(text, start, marks, first, last)
            if not plain or (
                _is_touched(text, marks[first], touched, shift)
                or (text[marks[first + 1] + 1] == _LESS and _is_touched(text, marks[last - 1], touched, shift))
                or (marks[first + 1] - marks[first] - 1 == predicate_length and _word(text, marks[first + 1]) == predicate_end)
            ):
                size = _copy(text, start, end + 1, kept, size)
                positions[number] = line
                number += 1
                doubtful += not plain
            line, start, first = line + 1, end + 1, last + 1
        if start == chunk:
            # A line longer than a chunk, or the last one without its end.
            while start < len(text) and text[start] != _NEWLINE:
                start += 1
            start = min(start + 1, len(text))
            size = _copy(text, chunk, start, kept, size)
            positions[number] = line
            line, number, doubtful = line + 1, number + 1, doubtful + 1
    return size, number, line, doubtful


@njit
def _copy(text: Bytes, start: int, end: int, kept: Bytes, size: int) -> int:
    """Append text[start:end] to the first `size` bytes of `kept`; how many there are then."""
    for offset in range(end - start):
        kept[size + offset] = text[start + offset]
    return size + end - start


@njit
def _find_marks(chunk: Bytes, start: int, flags: Bytes, marks: NDArray[np.int32]) -> int:
    """Write the positions, from `start` on, of tabs, ends of lines, quotation marks and backslashes to `marks`; how many there are."""
    for offset, byte in enumerate(chunk):
        flags[offset] = (byte == _TAB) | (byte == _NEWLINE) | (byte == _RETURN) | (byte == _QUOTE) | (byte == _BACKSLASH)
    for offset in range(len(chunk), len(flags)):
        flags[offset] = 0
    number = np.uint64(0)
    for place, eight in enumerate(flags.view(np.uint64)):
        if eight:
            for offset in range(8):
                marks[number] = start + 8 * place + offset
                number += (eight >> np.uint64(8 * offset)) & np.uint64(1)
    return int(number)


@njit
def _is_triple(text: Bytes, start: int, marks: NDArray[np.int32], first: int, last: int) -> bool:
    """Whether the line that ends at mark number `last`, number `first` being its first, is a triple; of what is doubtful, no."""
    if last < first + 3:
        return False
    # By number, as Numba counts who holds each slice.
    subject_end, predicate_end, object_end, end = marks[first], marks[first + 1], marks[last - 1], marks[last]
    if text[subject_end] != _TAB or text[predicate_end] != _TAB or text[object_end] != _TAB:
        return False
    if end != object_end + 2 or text[object_end + 1] != _DOT or subject_end <= HASHED:
        return False
    for number in range(first + 2, last - 1):
        if text[marks[number]] == _TAB or text[marks[number]] == _RETURN:
            return False
    if not _is_iri(text, start, subject_end) or not _is_iri(text, subject_end + 1, predicate_end):
        return False
    if text[predicate_end + 1] == _LESS:
        return bool(_is_iri(text, predicate_end + 1, object_end))
    if text[predicate_end + 1] != _QUOTE:
        return False
    # The first mark within the literal is the quotation mark that closes it, or a backslash.
    quote = _closing_quote(text, marks[first + 3], object_end)
    return quote < object_end and bool(_is_suffix(text, quote + 1, object_end))


@njit
def _is_iri(text: Bytes, start: int, end: int) -> bool:
    return bool(end - start >= 2 and text[start] == _LESS and text[end - 1] == _GREATER)


@njit
def _closing_quote(text: Bytes, start: int, end: int) -> int:
    """The first quotation mark of text[start:end] that no backslash stands before; `end` or more without one."""
    position = start
    while position < end and text[position] != _QUOTE:
        position += 2 if text[position] == _BACKSLASH else 1
    return position


@njit
def _is_suffix(text: Bytes, start: int, end: int) -> bool:
    """Whether nothing comes behind a literal, or a language (as `en`, `es-419`: digits only behind a hyphen), or a type."""
    if start == end:
        return True
    if text[start] == _HAT:
        return bool(end - start >= 4 and text[start + 1] == _HAT and text[start + 2] == _LESS and text[end - 1] == _GREATER)
    if text[start] != _AT:
        return False
    length, behind_hyphen = 0, False
    for position in range(start + 1, end):
        byte = text[position]
        if byte == _HYPHEN and length:
            length, behind_hyphen = 0, True
        elif 65 <= byte <= 90 or 97 <= byte <= 122 or (behind_hyphen and 48 <= byte <= 57):
            length += 1
        else:
            return False
    return length > 0
