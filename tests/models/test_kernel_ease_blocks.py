"""The approximate form of kernel EASE against the exact one, and against the normal equations of what each block may use."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mkg4rec import memory
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.data import Ratings, TrainingData
from mkg4rec.models.kernel_ease import KernelEase
from tests.models.test_kernel_ease import COLD, ITEMS, USERS, VALUES, ratings_world
from tests.worlds import checkerboard, random_interactions

WHOLE = {"items": 3, "neighbours": 100, "rank": 2}


def _fitted(data: TrainingData, **changes: Any) -> tuple[KernelEase, float]:
    model = registry.create("kernel_ease", VALUES | changes, data)
    assert isinstance(model, KernelEase)
    return model, model.fit()


def _scores(model: KernelEase, data: TrainingData) -> Tensor:
    return model.scorer().score(torch.arange(data.num_users))


@pytest.mark.parametrize("dislikes", [False, True])
@pytest.mark.parametrize("sizes", [WHOLE, WHOLE | {"items": 100}, WHOLE | {"rank": 0}], ids=str)
def test_with_all_columns_in_every_block_it_is_the_exact_form(dislikes: bool, sizes: dict[str, int]) -> None:
    data = ratings_world()
    exact, minimum = _fitted(data, dislikes=dislikes)
    blocks, same = _fitted(data, dislikes=dislikes, blocks=sizes)
    torch.testing.assert_close(_scores(blocks, data), _scores(exact, data), atol=1e-4, rtol=1e-4)
    assert same == pytest.approx(minimum, rel=1e-6)


def test_the_directions_of_all_columns_are_the_exact_form_as_well() -> None:
    data = ratings_world()
    exact, minimum = _fitted(data)
    blocks, same = _fitted(data, blocks={"items": 2, "neighbours": 1, "rank": 100})
    warm = [item for item in range(ITEMS) if item not in COLD]
    torch.testing.assert_close(_scores(blocks, data)[:, warm], _scores(exact, data)[:, warm], atol=1e-3, rtol=1e-3)
    assert same == pytest.approx(minimum, rel=1e-3)


@pytest.mark.parametrize("rank", [0, 3])
@pytest.mark.parametrize("dislikes", [False, True])
def test_every_column_solves_the_least_squares_problem_of_its_block(dislikes: bool, rank: int) -> None:
    """No change of what a block may use makes its quadratic problem better: its gradient is zero in all these directions."""
    data = ratings_world()
    model, minimum = _fitted(data, dislikes=dislikes, blocks={"items": 3, "neighbours": 3, "rank": rank})
    gram, target, totals = _dense_equations(data, model, dislikes)
    assert model.approximation
    warm = model.approximation.warm
    minima = []
    solved = []
    for block in warm.blocks.blocks:
        remaining = warm.basis.double().clone()
        remaining[block.rows] = 0
        for place, item in enumerate(block.columns.tolist()):
            weights = warm.basis.double() @ warm.coefficients[:, item].double()
            weights[block.rows] += block.values[:, place].double()
            assert abs(float(weights[item])) < 1e-6
            gradient = gram @ weights - target[:, item]
            free = [row for row in block.rows.tolist() if row != item]
            assert gradient[free].abs().max() < 1e-4
            assert not rank or (remaining.T @ gradient).abs().max() < 1e-4
            minima.append(totals[item] - 2 * target[:, item] @ weights + weights @ gram @ weights)
            solved.append(item)
    assert sorted(solved) == [item for item in range(ITEMS) if item not in COLD]
    assert max(len(block.rows) for block in warm.blocks.blocks) <= 6
    assert minimum == pytest.approx(float(torch.stack(minima).mean()) / USERS, rel=1e-4)


def test_cold_items_are_regressed_on_the_warm_ones_that_are_most_like_them() -> None:
    data = ratings_world()
    model, _ = _fitted(data, blocks={"items": 1, "neighbours": 3, "rank": 0})
    scores = _scores(model, data).double()
    likeness, warm = _likeness(model, "cold_weights"), torch.tensor([item for item in range(ITEMS) if item not in COLD])
    for item in COLD:
        nearest = warm[likeness[warm, item].abs().topk(4).indices]
        coefficients = torch.linalg.solve(likeness[nearest][:, nearest] + 0.4 * torch.eye(4), likeness[nearest, item])
        torch.testing.assert_close(scores[:, item], 1.7 * scores[:, nearest] @ coefficients, atol=1e-5, rtol=1e-4)


def test_the_regression_of_a_cold_item_is_the_best_of_its_neighbours_and_the_directions() -> None:
    data = ratings_world()
    model, _ = _fitted(data, blocks={"items": 1, "neighbours": 2, "rank": 3})
    assert model.approximation
    cold, likeness = model.approximation.cold, _likeness(model, "cold_weights")
    gram = likeness + 0.4 * torch.eye(ITEMS)
    assert sorted(int(block.columns) for block in cold.blocks.blocks) == COLD
    assert not cold.basis[COLD].any()
    for block in cold.blocks.blocks:
        assert len(block.rows) == 3
        assert not set(block.rows.tolist()) & set(COLD)
        weights = cold.basis.double() @ cold.coefficients[:, block.columns[0]].double()
        weights[block.rows] += block.values[:, 0].double()
        gradient = gram @ (weights / 1.7) - likeness[:, block.columns[0]]
        remaining = cold.basis.double().clone()
        remaining[block.rows] = 0
        assert gradient[block.rows].abs().max() < 1e-4
        assert (remaining.T @ gradient).abs().max() < 1e-4


@pytest.mark.parametrize("rank", [0, 2])
def test_saves_and_loads_to_identical_scores(rank: int, tmp_path: Path) -> None:
    data = ratings_world()
    values = VALUES | {"blocks": {"items": 3, "neighbours": 3, "rank": rank}}
    model, _ = _fitted(data, blocks=values["blocks"])
    model.save(tmp_path, data)
    loaded = registry.load("kernel_ease", values, tmp_path, data)
    assert torch.equal(loaded.score(torch.arange(USERS)), _scores(model, data))
    with pytest.raises(PipelineError, match="run `dvc repro`"):
        registry.load("kernel_ease", values | {"dislikes": False}, tmp_path, data)
    _fitted(data)[0].save(tmp_path, data)
    with pytest.raises(PipelineError, match="run `dvc repro`"):
        registry.load("kernel_ease", values, tmp_path, data)


def test_memory_does_not_grow_with_the_square_of_the_catalogue() -> None:
    def held_and_saved(items: int) -> tuple[int, int]:
        train = random_interactions(items // 2, items, 16 / items, torch.Generator().manual_seed(0))
        ratings = Ratings(torch.ones(len(train)), train)
        data = replace(checkerboard()[0], train=train, read_ratings=lambda: ratings)
        plain = {"warm_weights": {}, "cold_weights": {}, "kernels": {}, "dislikes": False}
        tracemalloc.start()
        model, _ = _fitted(data, **plain, blocks={"items": 3, "neighbours": 16, "rank": 4})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert model.approximation
        return peak, sum(tensor.numel() for tensor in model.approximation.tensors().values())

    small, large = held_and_saved(200), held_and_saved(800)
    assert large[0] < 6 * small[0]
    assert large[1] < 5 * small[1]
    assert large[0] < 8 * 800**2


def test_the_exact_form_says_what_to_set_where_memory_is_too_small_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ratings_world()
    monkeypatch.setattr(memory, "available_memory", lambda device: 10_000)
    with pytest.raises(PipelineError, match=r"exact form for 10 items \(20 columns.*needs about .* GB.* Set models\.kernel_ease\.blocks"):
        _fitted(data)
    _fitted(data, blocks=WHOLE)


def test_a_catalogue_that_no_machine_can_hold_is_refused_before_anything_is_computed() -> None:
    size = 3_000_000
    train = random_interactions(2, 10, 0.5, torch.Generator().manual_seed(0))
    wide = replace(train, num_items=size)
    data = replace(checkerboard()[0], train=wide, read_ratings=lambda: Ratings(torch.ones(len(wide)), wide))
    with pytest.raises(PipelineError, match=r"3,000,000 items .*blocks"):
        _fitted(data, kernels={}, warm_weights={}, cold_weights={}, dislikes=False)


@pytest.mark.parametrize(
    ("sizes", "complaint"), [({"items": 0}, r"blocks\.items"), ({"neighbours": 0}, r"blocks\.neighbours"), ({"rank": -1}, r"blocks\.rank")]
)
def test_refuses_impossible_sizes(sizes: dict[str, int], complaint: str) -> None:
    with pytest.raises(PipelineError, match=complaint):
        registry.create("kernel_ease", VALUES | {"blocks": WHOLE | sizes}, ratings_world())


def _likeness(model: KernelEase, view: str) -> Tensor:
    every = np.arange(ITEMS)
    return torch.from_numpy(model.kernels.weighted(VALUES[view]).between(every, every))


def _dense_equations(data: TrainingData, model: KernelEase, dislikes: bool) -> tuple[Tensor, Tensor, Tensor]:
    """A, C and the diagonal of XᵀDX + K, written down densely."""
    ratings = data.read_ratings()
    binary, taken, disliked = (torch.zeros(USERS, ITEMS, dtype=torch.float64) for _ in range(3))
    binary[data.train.users, data.train.items] = 1
    taken[data.train.users, data.train.items] = (1 + 0.3 * (ratings.taken - ratings.taken.mean())).double()
    disliked[ratings.dislikes.users, ratings.dislikes.items] = 1
    Z = torch.cat([taken, disliked], dim=1) if dislikes else taken
    counts = data.train.counts.double()
    activity = ((counts / counts.mean()) ** -0.4).unsqueeze(1)
    likeness = _likeness(model, "warm_weights")
    gram, target = Z.T @ (activity * Z), Z.T @ (activity * binary)
    penalty = torch.full((Z.shape[1],), 3.0, dtype=torch.float64)
    penalty[ITEMS:] = 5.0
    gram += (penalty + 0.25 / 0.75 * gram.diagonal()).diag()
    gram[:ITEMS, :ITEMS] += likeness
    target[:ITEMS] += likeness
    return gram, target, (activity * binary).sum(0) + likeness.diagonal()
