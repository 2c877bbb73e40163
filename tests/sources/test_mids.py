"""The order in which Freebase came to know of its topics."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.sources.mids import BASE_32, creation_ranks


def _mid(number: int, namespace: str = "m") -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = BASE_32[digit] + digits
    return f"{namespace}.0{digits}"


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_a_topic_is_the_younger_the_more_of_the_others_have_smaller_numbers(numbers: list[int]) -> None:
    expected = [sum(other < number for other in numbers) / len(numbers) for number in numbers]
    np.testing.assert_allclose(creation_ranks([_mid(number) for number in numbers]), expected)


def test_numbers_are_in_base_32_and_not_in_the_order_of_characters() -> None:
    # Toy Story, Heat and a topic of Freebase's last years; `_` is the last digit, although it is before `z` in ASCII.
    np.testing.assert_allclose(creation_ranks(["m.0dyb1", "m.01qz5", "g.11b7fv4k6q"]), [1 / 3, 0, 2 / 3])
    np.testing.assert_allclose(creation_ranks(["m.0_", "m.0z", "m.010"]), [1 / 3, 0, 2 / 3])


def test_what_is_no_mid_has_no_place_and_takes_none() -> None:
    found = creation_ranks(["", "m.02", "Q42", "m.01", "m.0a", "metadata.genre:Drama"])
    assert np.isnan(found[[0, 2, 4, 5]]).all()
    np.testing.assert_allclose(found[[1, 3]], [0.5, 0])
    assert np.isnan(creation_ranks(["", "x"])).all()
    assert len(creation_ranks([])) == 0
