"""iALS against solving for one user and one item after the other."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mkg4rec.errors import PipelineError
from mkg4rec.interactions import Interactions
from mkg4rec.models import ials, registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.ials import Ials
from tests.worlds import checkerboard, random_interactions

Matrix = NDArray[np.float64]

VALUES: dict[str, Any] = {
    "dimension": 5,
    "num_iterations": 3,
    "unobserved_weight": 0.3,
    "regularization": 0.05,
    "frequency_exponent": 1.0,
}


def _train() -> Interactions:
    """Users and items of very different activity, the last item without any."""
    generator = torch.Generator().manual_seed(0)
    some = random_interactions(14, 9, 0.2, generator)
    users = torch.cat([some.users, torch.zeros(9, dtype=torch.long), torch.arange(14)])
    items = torch.cat([some.items, torch.arange(9), torch.zeros(14, dtype=torch.long)])
    return Interactions.from_pairs(users, items, 14, 10)


def _fitted(train: Interactions, **changes: Any) -> tuple[Ials, float]:
    torch.manual_seed(0)
    model = registry.create("ials", VALUES | changes, replace(checkerboard()[0], train=train))
    assert isinstance(model, Ials)
    return model, model.fit()


def _dense(train: Interactions) -> Matrix:
    dense = np.zeros((train.num_users, train.num_items))
    dense[train.users.numpy(), train.items.numpy()] = 1
    return dense


def _regularization(taken: Matrix, values: dict[str, Any]) -> float:
    frequency = taken.sum() + values["unobserved_weight"] * len(taken)
    return float(values["regularization"] * frequency ** values["frequency_exponent"])


def _literal_half(dense: Matrix, fixed: Matrix, values: dict[str, Any]) -> Matrix:
    """The best vector of each row for fixed ones of the columns."""
    solved = []
    for taken in dense:
        system = _regularization(taken, values) * np.eye(fixed.shape[1])
        right = np.zeros(fixed.shape[1])
        for column, vector in enumerate(fixed):
            system += values["unobserved_weight"] * np.outer(vector, vector)
            if taken[column]:
                system += np.outer(vector, vector)
                right += vector
        solved.append(np.linalg.solve(system, right))
    return np.array(solved)


def _literal_loss(dense: Matrix, users: Matrix, items: Matrix, values: dict[str, Any]) -> float:
    loss = 0.0
    for user, taken in enumerate(dense):
        for item in range(len(items)):
            score = users[user] @ items[item]
            loss += values["unobserved_weight"] * score**2 + (score - 1) ** 2 * taken[item]
        loss += _regularization(taken, values) * users[user] @ users[user]
    for item, takers in enumerate(dense.T):
        loss += _regularization(takers, values) * items[item] @ items[item]
    return loss / dense.size


@pytest.mark.parametrize("block_numbers", [40, 200, 10_000])
@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_alternates_between_the_exact_solutions(exponent: float, block_numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ials, "BLOCK_NUMBERS", block_numbers)
    values = VALUES | {"frequency_exponent": exponent}
    train = _train()
    model, loss = _fitted(train, **values)

    dense = _dense(train)
    torch.manual_seed(0)
    items = (0.1 / np.sqrt(5) * torch.randn(10, 5)).numpy().astype(np.float64)
    for _ in range(3):
        users = _literal_half(dense, items, values)
        items = _literal_half(dense.T, users, values)
    torch.testing.assert_close(model.users.double(), torch.from_numpy(users), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model.items.double(), torch.from_numpy(items), atol=1e-4, rtol=1e-4)
    assert loss == pytest.approx(_literal_loss(dense, users, items, values), rel=1e-5)


def test_every_iteration_lowers_the_loss() -> None:
    losses = [_fitted(_train(), num_iterations=number)[1] for number in range(1, 8)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_what_nobody_took_scores_nothing() -> None:
    model, _ = _fitted(_train())
    assert not model.scorer().score(torch.arange(14))[:, 9].any()


def test_another_seed_is_another_solution() -> None:
    model, _ = _fitted(_train())
    again, _ = _fitted(_train())
    assert torch.equal(again.users, model.users)
    again.fit()
    assert not torch.equal(again.users, model.users)


def test_every_row_stands_in_one_block() -> None:
    train = random_interactions(200, 50, 0.1, torch.Generator().manual_seed(0))
    blocks = ials.padded_blocks(train, 1000)
    assert len(blocks) > 1
    assert torch.equal(torch.cat([block.rows for block in blocks]).sort().values, torch.arange(200))
    assert sum(int(block.present.sum()) for block in blocks) == len(train)


def test_refuses_vectors_of_other_items(tmp_path: Path) -> None:
    data, _ = checkerboard(num_items=24)
    model = registry.create("ials", VALUES, data)
    assert isinstance(model, ClosedForm)
    model.fit()
    model.save(tmp_path, data)
    with pytest.raises(PipelineError, match="item_id column is not that of the data"):
        registry.load("ials", VALUES, tmp_path, checkerboard(num_items=20)[0])
