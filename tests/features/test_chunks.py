"""Texts in parts, counted by words and by the encoder's own tokenizer."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.features.chunks import chunks, pooled
from mkg4rec.features.encoder import Encoder, create


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return create("catalogue-clip")


def words(text: str) -> int:
    return len(text.split())


def divided(text: str, most: int) -> list[str]:
    return [chunk.text for chunk in chunks(text, words, most)]


def test_sentences_stay_whole_while_there_is_room() -> None:
    assert divided("One two. Three four five. Six! Seven?", 5) == ["One two. Three four five.", "Six! Seven?"]
    assert divided("It was made by J. K. Smith in 1990. It ran.", 10) == ["It was made by J. K. Smith in 1990.", "It ran."]
    assert divided("He said “No.” Then he left.", 3) == ["He said “No.”", "Then he left."]
    assert divided("a b c d e. Last.", 3) == ["a b c", "d e. Last."]
    assert divided("short", 3) == ["short"]
    assert divided("", 3) == []


def test_a_word_that_is_too_long_is_divided() -> None:
    parts = chunks("七人の侍。映画である。" * 4, len, 7)
    assert "".join(part.text for part in parts) == "七人の侍。映画である。" * 4
    assert max(part.tokens for part in parts) <= 7


@given(st.text(st.sampled_from("ab.!?。 \n”A1é"), max_size=80), st.integers(1, 9))
def test_nothing_is_lost_repeated_or_too_long(text: str, most: int) -> None:
    parts = chunks(text, lambda part: len(part.replace(" ", "")), most)
    assert [re.sub(r"\s", "", part.text) for part in parts if not part.text.strip()] == []
    assert re.sub(r"\s", "", "".join(part.text for part in parts)) == re.sub(r"\s", "", text)
    assert all(part.tokens <= most or len(part.text.split()) == 1 for part in parts)


def test_every_token_of_the_page_is_in_exactly_one_chunk(encoder: Encoder) -> None:
    page = (
        "Stealing Beauty (French: Beauté volée) is a 1996 drama film. " * 5 + "Directed by B. Bertolucci, " + "and so on " * 60 + "x" * 700
    )
    parts = chunks(page, encoder.count_tokens, encoder.most_tokens)
    assert len(parts) > 4
    assert all(part.tokens == encoder.count_tokens(part.text) <= encoder.most_tokens for part in parts)
    before_the_endless_word = page.rpartition(" ")[0]
    tokens = [token for part in parts for token in encoder._tokenize.encode(part.text)]
    expected = encoder._tokenize.encode(before_the_endless_word)
    assert tokens[: len(expected)] == expected


@given(st.text(max_size=300))
def test_no_chunk_is_more_than_the_encoder_reads(encoder: Encoder, text: str) -> None:
    parts = chunks(text, encoder.count_tokens, encoder.most_tokens)
    assert all(encoder.count_tokens(part.text) <= encoder.most_tokens for part in parts)
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())


def test_pooling_counts_tokens() -> None:
    vectors = np.array([[1, 0], [0, 1]], np.float32)
    np.testing.assert_allclose(pooled(vectors, [4, 3]), [0.8, 0.6])
    np.testing.assert_array_equal(pooled(vectors[:1], [9]), [1, 0])
    assert pooled(vectors, [1, 1]).dtype == np.float32
