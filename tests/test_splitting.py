"""The split: whole, disjoint, of the right shares, random, and independent of everything but seed and ids."""

import math
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.splitting import Parts, mix, random_keys, split, split_cold, thinned
from mkg4rec.tables import INTERACTIONS

Pair = tuple[int | str, int | str]

numbers = st.lists(st.tuples(st.integers(0, 5) | st.integers(-(2**63), 2**63 - 1), st.integers(0, 30)), min_size=1, unique=True)
texts = st.lists(st.tuples(st.sampled_from(["A1", "A2", "Ä"]), st.text(max_size=3)), min_size=1, unique=True)
percentages = st.integers(0, 99).map(lambda percent: percent / 100)
seeds = st.integers(0, 2**31 - 1)


def interactions_of(pairs: list[Pair]) -> pa.Table:
    identifier = pa.string() if isinstance(pairs[0][0], str) else pa.int64()
    return pa.table(
        {
            "user_id": pa.array([user for user, _ in pairs], identifier),
            "item_id": pa.array([item for _, item in pairs], identifier),
            "rating": pa.array([float(number % 5 + 1) for number in range(len(pairs))], pa.float32()),
            "timestamp": pa.array(range(len(pairs)), pa.int64()),
        }
    )


def grid(users: int, items: int) -> pa.Table:
    return interactions_of([(user, item) for user in range(users) for item in range(items)])


def pairs_of(table: pa.Table) -> list[Pair]:
    return list(zip(table["user_id"].to_pylist(), table["item_id"].to_pylist(), strict=True))


def parts_of(parts: Parts) -> tuple[pa.Table, pa.Table, pa.Table]:
    return parts.train, parts.valid, parts.test


@given(numbers | texts, seeds, percentages, percentages)
def test_the_parts_are_disjoint_and_together_the_whole(pairs: list[Pair], seed: int, valid: float, test: float) -> None:
    interactions = interactions_of(pairs)
    parts = parts_of(split(interactions, seed, valid, test))
    for part in parts:
        INTERACTIONS.check(part, Path("part"))
        assert pairs_of(part) == sorted(pairs_of(part))
    order = [("user_id", "ascending"), ("item_id", "ascending")]
    assert pa.concat_tables(parts).sort_by(order).to_pylist() == interactions.sort_by(order).to_pylist()


@given(numbers | texts, seeds, percentages, percentages)
def test_every_user_has_the_documented_number_in_each_part(pairs: list[Pair], seed: int, valid: float, test: float) -> None:
    train, validation, held_out = (pairs_of(part) for part in parts_of(split(interactions_of(pairs), seed, valid, test)))
    for user in {user for user, _ in pairs}:
        count = sum(pair[0] == user for pair in pairs)
        in_test = min(math.floor(count * Fraction(str(test)) + Fraction(1, 2)), count - 1)
        in_valid = min(math.floor(count * Fraction(str(valid)) + Fraction(1, 2)), count - 1 - in_test)
        assert [sum(pair[0] == user for pair in part) for part in (train, validation, held_out)] == [
            count - in_valid - in_test,
            in_valid,
            in_test,
        ]


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, (1, 0, 0)), (4, (4, 0, 0)), (5, (3, 1, 1)), (14, (12, 1, 1)), (15, (11, 2, 2)), (20, (16, 2, 2))]
)
def test_a_tenth_is_rounded_halves_upward(count: int, sizes: tuple[int, int, int]) -> None:
    assert tuple(part.num_rows for part in parts_of(split(grid(1, count), 0, 0.1, 0.1))) == sizes


@given(numbers | texts, seeds, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(pairs: list[Pair], seed: int, random: Random) -> None:
    interactions = interactions_of(pairs)
    shuffled = list(range(len(pairs)))
    random.shuffle(shuffled)
    assert split(interactions.take(pa.array(shuffled)), seed, 0.2, 0.2) == split(interactions, seed, 0.2, 0.2)


@given(numbers | texts, seeds)
def test_a_user_keeps_his_split_when_the_others_go(pairs: list[Pair], seed: int) -> None:
    together = parts_of(split(interactions_of(pairs), seed, 0.2, 0.2))
    user = pairs[0][0]
    alone = parts_of(split(interactions_of([pair for pair in pairs if pair[0] == user]), seed, 0.2, 0.2))
    for part, part_alone in zip(together, alone, strict=True):
        assert [pair for pair in pairs_of(part) if pair[0] == user] == pairs_of(part_alone)


def test_the_test_part_does_not_depend_on_the_validation_share() -> None:
    assert split(grid(20, 30), 0, 0.1, 0.1).test == split(grid(20, 30), 0, 0.3, 0.1).test


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    interactions = grid(30, 20)
    assert split(interactions, 1, 0.1, 0.1) == split(interactions, 1, 0.1, 0.1)
    # Two independent splits have about a tenth of their test interactions in common.
    first, second = set(pairs_of(split(interactions, 1, 0.1, 0.1).test)), set(pairs_of(split(interactions, 2, 0.1, 0.1).test))
    assert len(first & second) < 20 < len(first)


def test_every_item_is_equally_likely_to_be_held_out() -> None:
    users, items = 4000, 50
    held_out = split(grid(users, items), 0, 0.1, 0.1).test
    counts = np.bincount(held_out["item_id"].to_numpy(), minlength=items)
    expected = users / 10
    # Five of each user's items are drawn without replacement: the variance of a count is 4000 · 0.1 · 0.9,
    # and the statistic is that of chi-square with 49 degrees of freedom, whose 0.9999 quantile is 93.
    statistic = np.sum((counts - expected) ** 2) / (expected * 0.9) * (items - 1) / items
    assert 15 < statistic < 93


def test_users_are_drawn_independently_of_each_other() -> None:
    users, items = 3000, 10
    held_out = split(grid(users, items), 0, 0.1, 0.1).test["item_id"].to_numpy()
    same_as_the_next_user = np.mean(held_out[:-1] == held_out[1:])
    assert abs(same_as_the_next_user - 1 / items) < 5 * math.sqrt(0.1 * 0.9 / users)


def test_mix_is_splitmix64() -> None:
    # The first outputs of https://prng.di.unimi.it/splitmix64.c from the state 1234567.
    gamma = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + step * gamma) % 2**64 for step in range(3)], dtype=np.uint64)
    assert mix(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(seeds, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_a_key_is_the_documented_formula(seed: int, user: int, item: int) -> None:
    def literal_mix(state: int) -> int:
        z = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    keys = random_keys(seed, pa.chunked_array([[user]], pa.int64()), pa.chunked_array([[item]], pa.int64()))
    assert keys.tolist() == [literal_mix((literal_mix((literal_mix(seed) + user) % 2**64) + item) % 2**64)]


def test_the_split_of_known_data_never_changes() -> None:
    assert pairs_of(split(grid(2, 10), 0, 0.1, 0.1).test) == [(0, 4), (1, 9)]
    assert pairs_of(split(interactions_of([("A1", f"000{item}X") for item in range(10)]), 0, 0.1, 0.1).test) == [("A1", "0008X")]


@given(numbers | texts, seeds, percentages)
def test_cold_items_are_nowhere_in_training(pairs: list[Pair], seed: int, share: float) -> None:
    interactions = interactions_of(pairs)
    parts = split_cold(interactions, seed, share, 0.1, 0.2)
    warm = [pair for part in parts_of(parts.warm) for pair in pairs_of(part)]
    cold = pairs_of(parts.cold)
    warm_items, cold_items, users = {item for _, item in warm}, {item for _, item in cold}, {user for user, _ in warm}
    assert not warm_items & cold_items
    # What is missing is of users whom the training would not know.
    assert {pair for pair in pairs if pair not in warm} - set(cold) == {(u, i) for u, i in pairs if i not in warm_items and u not in users}
    assert cold == sorted(cold)
    items = {item for _, item in pairs}
    assert len(items - warm_items) == math.floor(len(items) * Fraction(share).limit_denominator(1000) + Fraction(1, 2))


@given(numbers | texts, seeds, st.integers(1, 100), st.integers(1, 100))
def test_a_share_of_every_user_is_kept_and_a_smaller_one_is_a_part_of_it(pairs: list[Pair], seed: int, one: int, other: int) -> None:
    interactions = interactions_of(pairs)
    small, large = (pairs_of(thinned(interactions, seed, percent / 100)) for percent in sorted((one, other)))
    assert set(small) <= set(large) <= set(pairs)
    assert large == sorted(large)
    for user in {user for user, _ in pairs}:
        count = sum(owner == user for owner, _ in pairs)
        expected = max(1, math.floor(count * Fraction(max(one, other), 100) + Fraction(1, 2)))
        assert sum(owner == user for owner, _ in large) == expected


def test_other_seeds_keep_out_other_items() -> None:
    interactions = grid(20, 50)
    kept_out = [{item for _, item in pairs_of(split_cold(interactions, seed, 0.1, 0.1, 0.1).cold)} for seed in range(20)]
    assert all(len(items) == 5 for items in kept_out)
    assert len(set().union(*kept_out)) > 40
