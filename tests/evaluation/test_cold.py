"""Warm and cold items against plain loops."""

import numpy as np
import pytest
import torch

from mkg4rec.evaluation.cold import evaluate_cold
from tests.evaluation.synthetic import Matrix, interactions, literal_accuracy, literal_list, split

GENERATOR = np.random.default_rng(0)
USERS, ITEMS = 25, 80


def test_equals_a_loop_over_users() -> None:
    train, valid, test = split(GENERATOR, USERS, ITEMS)
    is_cold = np.arange(ITEMS) % 5 == 0
    seen, warm, cold = (train | valid) & ~is_cold, test & ~is_cold, (train | valid | test) & is_cold
    scores = GENERATOR.normal(size=(USERS, ITEMS)).astype(np.float32)

    found = evaluate_cold(Matrix(torch.from_numpy(scores)), interactions(seen), interactions(warm), interactions(cold), block_size=7)

    expected: dict[str, list[float]] = {"warm": [], "cold": [], "among_cold": []}
    for user in range(USERS):
        among = np.where(is_cold, scores[user], -np.inf).astype(np.float32)
        for part, values, relevant in (("warm", scores[user], warm), ("cold", scores[user], cold), ("among_cold", among, cold)):
            if relevant[user].any():
                items = literal_list(values, seen[user], 50)
                expected[part].append(literal_accuracy(items, set(relevant[user].nonzero()[0]), 20)[2])
    for part, values in expected.items():
        assert found.averages[f"{part}_ndcg@20"] == pytest.approx(np.mean(values))
    alone = found.warm_alone()
    assert set(alone.averages) == {name for name in found.averages if name.startswith("warm_")}
    assert alone.per_user.keys() == found.per_user.keys()
