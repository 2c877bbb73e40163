"""A text in parts that an encoder reads whole, and the vector of the text from those of its parts.

CLIP's text tower reads some 70 tokens and cuts off what follows. A longer text is divided: sentence after sentence goes into a chunk
while there is room for it. A sentence that is too long by itself is divided between words, and a word that is too long anywhere.
So every token of the text is in exactly one chunk. The vector of the text is

    v = Σ_c n_c v_c / ‖Σ_c n_c v_c‖,

with v_c the unit vector of chunk c and n_c its number of tokens: each token counts alike, wherever the text was cut, and a last chunk
of three words not as much as a full one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POOLING = {"version": 1, "chunks": "whole sentences up to the context", "pooling": "mean by tokens, unit length"}
"""How a text of several chunks gets its vector, for the provenance."""

_SENTENCE = re.compile(r"(?<!\b[A-Z])[.!?…]+[\"')\]”’»]*\s+(?=[^\sa-z])|[。！？]+\s*")
"""The end of a sentence with the blanks after it; not an initial, nor before a small letter."""

_WORD = re.compile(r"\s*\S+\s*")
_LONGEST_WORD = 100
"""Characters of a word that are given to the tokenizer at once: its time grows with the square of them."""


@dataclass(frozen=True)
class Chunk:
    """A part of a text.

    Attributes:
        tokens: how many it has.
    """

    text: str
    tokens: int


def chunks(text: str, count_tokens: Callable[[str], int], most: int) -> list[Chunk]:
    """`text` in parts of at most `most` tokens, in order; between two of them, nothing but blanks is left out."""
    found: list[Chunk] = []
    waiting: list[Chunk] = []
    for piece in _pieces(text, count_tokens, most):
        if waiting and sum(part.tokens for part in waiting) + piece.tokens > most:
            found += _joined(waiting, count_tokens, most)
            waiting = []
        waiting.append(piece)
    return found + _joined(waiting, count_tokens, most)


def pooled(vectors: NDArray[np.float32], tokens: Sequence[int]) -> NDArray[np.float32]:
    """v (D,) of the (chunks, D) unit vectors of a text's chunks and their numbers of tokens."""
    total = np.asarray(tokens, np.float64) @ vectors.astype(np.float64)
    pooled: NDArray[np.float32] = (total / np.linalg.norm(total)).astype(np.float32)
    return pooled


def _pieces(text: str, count_tokens: Callable[[str], int], most: int) -> Iterator[Chunk]:
    """What is not divided further: sentences, of long ones the words, of long ones the parts; together all of `text`."""
    begin = 0
    for end in [*(match.end() for match in _SENTENCE.finditer(text)), len(text)]:
        if begin < end:
            yield from _sentence(text[begin:end], count_tokens, most)
        begin = end


def _sentence(text: str, count_tokens: Callable[[str], int], most: int) -> Iterator[Chunk]:
    words = _WORD.findall(text)
    if all(len(word) <= _LONGEST_WORD for word in words) and (tokens := count_tokens(text)) <= most:
        yield Chunk(text, tokens)
        return
    for word in words:
        for begin in range(0, len(word), _LONGEST_WORD):
            yield from _part_of_word(word[begin : begin + _LONGEST_WORD], count_tokens, most)


def _part_of_word(text: str, count_tokens: Callable[[str], int], most: int) -> Iterator[Chunk]:
    tokens = count_tokens(text)
    if tokens <= most or len(text) == 1:
        yield Chunk(text, tokens)
        return
    middle = len(text) // 2
    yield from _part_of_word(text[:middle], count_tokens, most)
    yield from _part_of_word(text[middle:], count_tokens, most)


def _joined(pieces: Sequence[Chunk], count_tokens: Callable[[str], int], most: int) -> list[Chunk]:
    """One chunk of `pieces`, or more, where together they have more tokens than by themselves."""
    text = "".join(piece.text for piece in pieces).strip()
    if not text:
        return []
    tokens = count_tokens(text)
    if tokens <= most or len(pieces) == 1:
        return [Chunk(text, tokens)]
    middle = len(pieces) // 2
    return _joined(pieces[:middle], count_tokens, most) + _joined(pieces[middle:], count_tokens, most)
