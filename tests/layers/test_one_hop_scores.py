"""KGCN's compiled scores against a float64 reference that takes the equations as they stand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mkg4rec.layers.one_hop_scores import one_hop_scores


def _literal(parts: Tensor, relations: Tensor, relation_scores: Tensor, users: Tensor) -> Tensor:
    scores = torch.zeros(users.shape[1], len(relations), dtype=torch.float64)
    for user, vector in enumerate(users.T.double()):
        for item, around in enumerate(relations):
            attention = torch.softmax(relation_scores[around, user].double(), 0)
            scores[user, item] = vector @ torch.tanh(attention @ parts[item].double())
    return scores


@settings(max_examples=40, deadline=None)
@given(
    neighbours=st.integers(1, 9),
    dimension=st.integers(1, 20),
    users=st.integers(1, 12),
    spread=st.sampled_from([0.1, 1.0, 100.0]),
    seed=st.integers(0, 1000),
)
def test_is_what_the_equations_say(neighbours: int, dimension: int, users: int, spread: float, seed: int) -> None:
    torch.manual_seed(seed)
    parts, vectors = torch.randn(7, neighbours, dimension) * spread, torch.randn(dimension, users)
    relations, relation_scores = torch.randint(0, 5, (7, neighbours)), torch.randn(5, users) * spread
    found = one_hop_scores(parts, relations, relation_scores, vectors)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), _literal(parts, relations, relation_scores, vectors), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("users", [127, 128, 300])
def test_no_user_is_lost_at_the_ends_of_blocks(users: int) -> None:
    torch.manual_seed(1)
    parts, relations, relation_scores, vectors = (
        torch.randn(3, 2, 4),
        torch.randint(0, 5, (3, 2)),
        torch.randn(5, users),
        torch.randn(4, users),
    )
    found = one_hop_scores(parts, relations, relation_scores, vectors)
    torch.testing.assert_close(found.double(), _literal(parts, relations, relation_scores, vectors), atol=1e-5, rtol=1e-5)


def test_a_diverged_model_is_seen() -> None:
    found = one_hop_scores(torch.full((1, 4, 2), torch.nan), torch.zeros(1, 4, dtype=torch.long), torch.zeros(1, 1), torch.ones(2, 1))
    assert found.isnan().all()
