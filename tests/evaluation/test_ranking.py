import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import NO_ITEM, rank, top_items
from tests.evaluation.synthetic import Matrix, interactions, literal_list, split


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    num_users=st.integers(1, 9),
    num_items=st.integers(1, 40),
    k=st.integers(1, 50),
    levels=st.sampled_from([1, 2, 4, 1000]),
    block_size=st.integers(1, 10),
)
def test_lists_are_those_of_a_loop_over_users(seed: int, num_users: int, num_items: int, k: int, levels: int, block_size: int) -> None:
    generator = np.random.default_rng(seed)
    # Few levels make ties, −∞ among them, and with k near the number of items lists run out.
    scores = generator.integers(0, levels, size=(num_users, num_items)).astype(np.float32)
    scores[generator.random(scores.shape) < 0.1] = -np.inf
    seen = split(generator, num_users, num_items)[0]
    users = generator.permutation(num_users)

    lists = rank(Matrix(torch.from_numpy(scores)), torch.from_numpy(users), interactions(seen), k, block_size)

    assert lists.items.shape == lists.scores.shape == (num_users, k)
    for user, items, best in zip(users, lists.items.tolist(), lists.scores.tolist(), strict=True):
        expected = literal_list(scores[user], seen[user], k)
        padding = k - len(expected)
        assert items == expected + [NO_ITEM] * padding
        assert best == [scores[user, item] for item in expected] + [-np.inf] * padding


def test_equal_scores_come_in_the_order_of_their_indices() -> None:
    scores = torch.tensor(
        [[1.0, 3.0, 2.0, 2.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0, 5.0, 5.0], [torch.inf, 0.0, torch.inf, torch.inf, 1.0, 0.0]]
    )

    best, items = top_items(scores, 3)

    assert items.tolist() == [[1, 4, 2], [0, 1, 2], [0, 2, 3]]
    assert best.tolist() == [[3.0, 3.0, 2.0], [5.0, 5.0, 5.0], [torch.inf] * 3]


def test_blocks_give_the_lists_of_the_whole() -> None:
    generator = np.random.default_rng(1)
    scorer = Matrix(torch.from_numpy(generator.normal(size=(50, 80)).astype(np.float32)))
    seen = interactions(split(generator, 50, 80)[0])
    whole = rank(scorer, torch.arange(50), seen, 20, block_size=50)

    for block_size in (1, 7, 49, 1000):
        blocks = rank(scorer, torch.arange(50), seen, 20, block_size)
        assert torch.equal(blocks.items, whole.items)
        assert torch.equal(blocks.scores, whole.scores)


def test_only_candidates_are_ranked() -> None:
    scorer = Matrix(torch.arange(8.0).expand(2, 8))
    seen = interactions(np.array([[0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]], dtype=bool))
    candidates = torch.tensor([True, True, False, True, False, False, False, False])

    lists = rank(scorer, torch.arange(2), seen, 3, candidates=candidates)

    assert lists.items.tolist() == [[1, 0, NO_ITEM], [3, 1, 0]]


class SameForAll:
    """A scorer that hands out its own memory, once for every user."""

    def __init__(self) -> None:
        self.popularity = torch.arange(6.0)

    def score(self, users: Tensor) -> Tensor:
        return self.popularity.expand(len(users), 6)


@pytest.mark.parametrize("block_size", [1, 3])
def test_what_the_model_hands_out_stays_as_it_is(block_size: int) -> None:
    scorer = SameForAll()
    seen = interactions(np.eye(3, 6, k=3, dtype=bool))

    lists = rank(scorer, torch.arange(3), seen, 2, block_size, candidates=torch.arange(6) > 1)

    assert lists.items.tolist() == [[5, 4], [5, 3], [4, 3]]
    assert torch.equal(scorer.popularity, torch.arange(6.0))


def test_low_precision_scores_are_ranked_too() -> None:
    lists = rank(Matrix(torch.tensor([[0.5, 1.5, 1.0]], dtype=torch.bfloat16)), torch.tensor([0]), interactions(np.zeros((1, 3), bool)), 2)

    assert lists.items.tolist() == [[1, 2]]
    assert lists.scores.dtype == torch.float32


def test_nobody_to_rank_gives_no_list() -> None:
    lists = rank(Matrix(torch.zeros(2, 3)), torch.zeros(0, dtype=torch.long), interactions(np.zeros((2, 3), bool)), 5)

    assert lists.items.shape == (0, 5)


@pytest.mark.parametrize("k", [1, 3, 4, 9])
def test_a_score_that_is_not_a_number_is_an_error(k: int) -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, torch.nan, torch.inf, 4.0]])

    with pytest.raises(PipelineError, match=r"not a number.*learning_rate"):
        top_items(scores, k)
