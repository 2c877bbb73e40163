import itertools
from collections.abc import Callable

import numpy as np
import pytest
import pytrec_eval
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.metrics import (
    CUTOFFS,
    accuracy,
    averages,
    beyond_accuracy,
    diversity,
    evaluate,
    only_items,
    validation_metrics,
)
from mkg4rec.evaluation.ranking import NO_ITEM, TopLists, rank
from mkg4rec.interactions import Interactions
from tests.evaluation.synthetic import Matrix, interactions, literal_accuracy, literal_list, split


def random_scores(generator: np.random.Generator, num_users: int, num_items: int) -> NDArray[np.float32]:
    return generator.normal(size=(num_users, num_items)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), num_items=st.integers(1, 70), k=st.sampled_from([1, 5, 20]))
def test_accuracy_is_that_of_trec_eval(seed: int, num_items: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    train, _, test = split(generator, 12, num_items, density=0.5)
    users = torch.from_numpy(np.flatnonzero(test.any(axis=1)))
    lists = rank(Matrix(torch.from_numpy(random_scores(generator, 12, num_items))), users, interactions(train), k)

    relevant = {str(user): {str(item): 1 for item in np.flatnonzero(test[user])} for user in users.tolist()}
    # trec_eval orders a run by score; the run is cut at k so that its reciprocal rank is, too.
    run = {
        str(user): {str(item): float(k - place) for place, item in enumerate(items) if item != NO_ITEM}
        for user, items in zip(users.tolist(), lists.items.tolist(), strict=True)
    }
    judged = pytrec_eval.RelevanceEvaluator(relevant, {f"recall_{k}", f"ndcg_cut_{k}", "recip_rank"}).evaluate(run)

    values = accuracy(lists, interactions(test), (k,))
    for row, user in enumerate(users.tolist()):
        expected = judged.get(str(user), {})
        for name, trec in ((f"recall@{k}", f"recall_{k}"), (f"mrr@{k}", "recip_rank"), (f"ndcg@{k}", f"ndcg_cut_{k}")):
            assert values[name][row].item() == pytest.approx(expected.get(trec, 0.0), abs=1e-9), (name, user)


def test_accuracy_is_that_of_a_loop_over_users() -> None:
    generator = np.random.default_rng(3)
    train, valid, test = split(generator, 40, 90)
    test[5] = False
    scores = random_scores(generator, 40, 90)
    lists = rank(Matrix(torch.from_numpy(scores)), torch.arange(40), interactions(train | valid), max(CUTOFFS))

    values = accuracy(lists, interactions(test))

    for user, k in itertools.product(range(40), CUTOFFS):
        actual = [values[f"{name}@{k}"][user].item() for name in ("recall", "mrr", "ndcg")]
        relevant = set(np.flatnonzero(test[user]).tolist())
        if relevant:
            items = literal_list(scores[user], train[user] | valid[user], max(CUTOFFS))
            assert actual == pytest.approx(literal_accuracy(items, relevant, k), abs=1e-12)
        else:
            assert np.isnan(actual).all()


def test_an_empty_place_is_never_a_hit() -> None:
    # The key of (user 1, item −1) is that of user 0's last item.
    relevant = interactions(np.array([[0, 0, 1], [1, 0, 0]], dtype=bool))
    lists = TopLists(torch.tensor([1]), torch.tensor([[1, NO_ITEM, NO_ITEM]]), torch.tensor([[1.0, -torch.inf, -torch.inf]]))

    assert averages(accuracy(lists, relevant, (3,))) == {"recall@3": 0.0, "mrr@3": 0.0, "ndcg@3": 0.0}


def test_known_values() -> None:
    lists = TopLists(torch.tensor([0]), torch.tensor([[4, 0, 3, 1]]), torch.zeros(1, 4))
    relevant = interactions(np.array([[1, 1, 1, 0, 0, 0]], dtype=bool))

    assert averages(accuracy(lists, relevant, (1, 4))) == pytest.approx(
        {
            "recall@1": 0.0,
            "mrr@1": 0.0,
            "ndcg@1": 0.0,
            "recall@4": 2 / 3,
            "mrr@4": 1 / 2,
            "ndcg@4": (1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3) + 1 / 2),
        }
    )


def checkerboard(num_users: int, num_items: int) -> NDArray[np.bool_]:
    """Even users take even items, odd users odd ones."""
    even: NDArray[np.bool_] = (np.arange(num_users)[:, None] + np.arange(num_items)) % 2 == 0
    return even


def test_a_scorer_that_knows_the_answer_is_perfect() -> None:
    board = checkerboard(20, 40)
    part = np.arange(40) // 2 % 10
    train, valid, test = board & (part < 8), board & (part == 8), board & (part == 9)
    scorer = Matrix(torch.from_numpy(board).float())

    evaluation = evaluate(scorer, interactions(train), interactions(valid), interactions(test), rare_interactions=0, block_size=7)

    for k in CUTOFFS:
        assert [evaluation.averages[f"{name}@{k}"] for name in ("recall", "mrr", "ndcg")] == [1.0, 1.0, 1.0]
    # On validation the test items are not hidden: each user finds 16, 18, 36, 38 (or 17, …), of which the first and third are right.
    ndcg = (1 + 1 / 2) / (1 + 1 / np.log2(3))
    assert validation_metrics(scorer, interactions(train), interactions(valid)) == pytest.approx(
        {"recall@20": 1.0, "mrr@20": 1.0, "ndcg@20": ndcg}
    )


def test_rare_items_are_judged_in_the_same_lists_and_among_themselves() -> None:
    generator = np.random.default_rng(9)
    train, valid, test = split(generator, 30, 60, density=0.2)
    scores = random_scores(generator, 30, 60)
    limit = int(np.median(train.sum(axis=0)))
    rare = train.sum(axis=0) <= limit

    evaluation = evaluate(Matrix(torch.from_numpy(scores)), interactions(train), interactions(valid), interactions(test), limit)

    users = evaluation.lists.users.tolist()
    assert users == np.flatnonzero(test.any(axis=1)).tolist()
    assert evaluation.num_relevant.tolist() == test.sum(axis=1)[users].tolist()
    for row, user in enumerate(users):
        relevant = set(np.flatnonzero(test[user] & rare).tolist())
        seen = train[user] | valid[user]
        for prefix, hidden in (("rare_", seen), ("among_rare_", seen | ~rare)):
            actual = [evaluation.per_user[f"{prefix}{name}@10"][row].item() for name in ("recall", "mrr", "ndcg")]
            if relevant:
                assert actual == pytest.approx(literal_accuracy(literal_list(scores[user], hidden, 50), relevant, 10), abs=1e-12)
            else:
                assert np.isnan(actual).all()
    assert evaluation.averages["rare_ndcg@10"] == pytest.approx(np.nanmean(evaluation.per_user["rare_ndcg@10"].numpy()))


def test_without_rare_items_their_averages_are_left_out() -> None:
    train, valid, test = split(np.random.default_rng(0), 30, 60)

    evaluation = evaluate(Matrix(torch.zeros(30, 60)), interactions(train), interactions(valid), interactions(test), rare_interactions=0)

    assert not [name for name in evaluation.averages if "rare" in name]
    assert evaluation.per_user["rare_ndcg@20"].isnan().all()


def test_beyond_accuracy_is_that_of_a_loop_over_lists() -> None:
    generator = np.random.default_rng(4)
    train, valid, _ = split(generator, 25, 40)
    train[:, 7] = False
    scores = random_scores(generator, 25, 40)
    scores[:, 7] += 2
    scores[3, 1:] = -np.inf
    scores[4] = -np.inf
    lists = rank(Matrix(torch.from_numpy(scores)), torch.arange(25), interactions(train | valid), max(CUTOFFS))

    values = beyond_accuracy(lists, interactions(train), (10, 50))

    taken_by = train.sum(axis=0)
    for k in (10, 50):
        cut = [literal_list(scores[user], train[user] | valid[user], k) for user in range(25)]
        flat = [item for items in cut for item in items]
        pairs = [[1 - cosine(train[:, i], train[:, j]) for i, j in itertools.combinations(items, 2)] for items in cut]
        assert values[f"coverage@{k}"] == pytest.approx(len(set(flat)) / 40)
        assert values[f"novelty@{k}"] == pytest.approx(np.mean([-np.log2(max(taken_by[item], 1) / 25) for item in flat]))
        assert values[f"popularity@{k}"] == pytest.approx(np.mean([taken_by[item] for item in flat]))
        assert values[f"diversity@{k}"] == pytest.approx(np.mean([np.mean(each) for each in pairs if each]), rel=1e-6)


def cosine(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    norms = np.sqrt(float(first.sum()) * float(second.sum()))
    return float((first & second).sum() / norms) if norms else 0.0


def test_diversity_is_zero_for_twins_and_one_for_strangers() -> None:
    train = interactions(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]], dtype=bool))
    items = torch.tensor([[0, 1], [0, 2], [2, 3], [0, NO_ITEM], [NO_ITEM, NO_ITEM]])

    values = diversity(items, train)

    assert values[:3].tolist() == pytest.approx([0, 1, 1], abs=1e-6)
    assert values[3:].isnan().all()


def test_diversity_does_not_depend_on_the_blocks() -> None:
    generator = np.random.default_rng(5)
    train = interactions(split(generator, 60, 30)[0])
    items = torch.from_numpy(np.stack([generator.permutation(30)[:8] for _ in range(20)]))

    whole = diversity(items, train, block_size=60)

    for block_size in (1, 13, 500):
        assert torch.allclose(diversity(items, train, block_size), whole, atol=1e-6)


def test_only_items_keeps_the_shape() -> None:
    dense = split(np.random.default_rng(6), 10, 12)[0]
    kept = np.arange(12) % 3 == 0

    restricted = only_items(interactions(dense), torch.from_numpy(kept))

    assert (restricted.num_users, restricted.num_items) == dense.shape
    assert torch.equal(restricted.keys, interactions(dense & kept).keys)


@pytest.mark.parametrize(
    ("judge", "advice"),
    [
        (lambda scorer, some, none: validation_metrics(scorer, some, none), r"split\.valid"),
        (lambda scorer, some, none: evaluate(scorer, some, none, none, 0), r"split\.test"),
    ],
)
def test_nobody_to_judge_is_an_error_that_says_what_to_change(
    judge: Callable[[Matrix, Interactions, Interactions], object], advice: str
) -> None:
    some, none = np.ones((3, 4), bool), np.zeros((3, 4), bool)

    with pytest.raises(PipelineError, match=advice):
        judge(Matrix(torch.zeros(3, 4)), interactions(some), interactions(none))
