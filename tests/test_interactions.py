"""The interaction matrix against a dense one."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.interactions import Interactions, WeightedInteractions

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), max_size=60)


def _dense(pairs: list[tuple[int, int]]) -> torch.Tensor:
    dense = torch.zeros(7, 9, dtype=torch.bool)
    for user, item in pairs:
        dense[user, item] = True
    return dense


def _from(pairs: list[tuple[int, int]]) -> Interactions:
    users, items = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
    return Interactions.from_pairs(users, items, 7, 9)


@given(PAIRS)
def test_is_the_dense_matrix(pairs: list[tuple[int, int]]) -> None:
    dense, interactions = _dense(pairs), _from(pairs)
    users, items = torch.meshgrid(torch.arange(7), torch.arange(9), indexing="ij")
    assert torch.equal(interactions.contains(users, items), dense)
    assert torch.equal(interactions.counts, dense.sum(1))
    assert torch.equal(interactions.item_counts, dense.sum(0))
    assert torch.equal(torch.stack([interactions.users, interactions.items]), dense.nonzero().T)


@given(PAIRS)
def test_transposed_is_the_dense_matrix_transposed(pairs: list[tuple[int, int]]) -> None:
    transposed = _from(pairs).transposed
    assert (transposed.num_users, transposed.num_items) == (9, 7)
    assert torch.equal(torch.stack([transposed.users, transposed.items]), _dense(pairs).T.nonzero().T)


@given(PAIRS, st.lists(st.integers(0, 6), max_size=9))
def test_rows_are_those_of_the_users_asked_for(pairs: list[tuple[int, int]], users: list[int]) -> None:
    row, items = _from(pairs).rows(torch.tensor(users, dtype=torch.long))
    expected = _dense(pairs)[torch.tensor(users, dtype=torch.long)].nonzero()
    assert torch.equal(torch.stack([row, items]).T, expected)


@given(PAIRS, PAIRS)
def test_union_has_the_entries_of_both(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    together = _from(some).union(_from(others))
    assert torch.equal(torch.stack([together.users, together.items]).T, _dense(some + others).nonzero())


def _weighted(pairs: list[tuple[int, int]]) -> tuple[WeightedInteractions, torch.Tensor]:
    entries = _from(pairs)
    weights = torch.arange(1.0, len(entries) + 1)
    dense = torch.zeros(7, 9)
    dense[entries.users, entries.items] = weights
    return WeightedInteractions(entries, weights), dense


@given(PAIRS, PAIRS)
def test_weights_stay_with_their_entries(pairs: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    (one, dense), (other, beside) = _weighted(pairs), _weighted(others)
    users = torch.tensor([3, 0, 6])
    assert torch.equal(one.dense_rows(users), dense[users])
    assert torch.equal(one.transposed.dense_rows(users), dense.T[users])
    assert torch.equal(one.beside(other).dense_rows(users), torch.cat([dense, beside], dim=1)[users])
    assert torch.equal(WeightedInteractions.binary(one.entries).dense_rows(users), (dense[users] > 0).float())
