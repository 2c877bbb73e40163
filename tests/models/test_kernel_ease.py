"""Kernel EASE against a least-squares problem for each item, and a ridge regression for the cold ones."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.interactions import Interactions
from mkg4rec.models import registry
from mkg4rec.models.content_kernels import ContentKernels
from mkg4rec.models.data import ItemContents, Ratings, TrainingData
from mkg4rec.models.ease import Ease
from mkg4rec.models.kernel_ease import KernelEase, KernelEaseHyperparameters
from tests.worlds import checkerboard, dense_interactions, random_interactions, random_triplets

USERS, ITEMS = 25, 10
COLD = [2, 7]

YEAR = {"source": "years", "width": 4}
PEOPLE = {"source": "attributes", "relations": ["r0", "r2"]}
KERNELS: dict[str, Any] = {
    "people": PEOPLE,
    "words": {"source": "words"},
    "visual": {"source": "vectors", "modality": "visual"},
    "year": YEAR,
}
VALUES: dict[str, Any] = {
    "regularization": 3.0,
    "dropout": 0.25,
    "activity_exponent": 0.4,
    "rating_slope": 0.3,
    "dislikes": True,
    "dislike_regularization": 5.0,
    "kernels": KERNELS,
    "warm_weights": {"people": 2.0, "words": 1.5, "year": 3.0},
    "cold_weights": {"people": 0.5, "words": 1.0, "visual": 0.7, "year": 0.3},
    "cold_regularization": 0.4,
    "cold_weight": 1.7,
    "blocks": None,
}


def ratings_world() -> TrainingData:
    """Two items that nobody took, with ratings, dislikes, texts, years and a modality that some items miss."""
    generator = torch.Generator().manual_seed(0)
    taken = torch.rand(USERS, ITEMS, generator=generator) < 0.4
    taken[:, COLD] = False
    taken[:, 0] = True
    train = dense_interactions(taken)
    disliked = dense_interactions((torch.rand(USERS, ITEMS, generator=generator) < 0.2) & ~taken)
    facts = replace(random_triplets(ITEMS, 6, 3, 40, generator), relation_names=("r0", "r1", "r2"))
    visual = FeatureMatrix(
        torch.randn(facts.num_entities, 4, generator=generator), torch.rand(facts.num_entities, generator=generator) < 0.7
    )
    words = ["red", "green", "blue", "dark", "light"]
    texts = [f"{words[item % 5]} {words[(item // 2) % 5]} thing" for item in range(ITEMS)]
    years = torch.linspace(1980, 1999, ITEMS).double()
    years[4] = torch.nan
    return replace(
        checkerboard()[0],
        train=train,
        read_triplets=lambda: facts,
        read_features=lambda modality: visual,
        read_contents=lambda: ItemContents(texts, years),
        read_ratings=lambda: Ratings(torch.randint(3, 6, (len(train),), generator=torch.Generator().manual_seed(1)).float(), disliked),
    )


def _fitted(data: TrainingData, **changes: Any) -> tuple[KernelEase, float]:
    model = registry.create("kernel_ease", VALUES | changes, data)
    assert isinstance(model, KernelEase)
    return model, model.fit()


def _dense(interactions: Interactions, values: Tensor | None = None) -> Tensor:
    dense = torch.zeros(interactions.num_users, interactions.num_items, dtype=torch.float64)
    dense[interactions.users, interactions.items] = 1.0 if values is None else values.double()
    return dense


def _kernel(model: KernelEase, view: str) -> Tensor:
    every = np.arange(ITEMS)
    return sum(
        (weight * torch.from_numpy(model.kernels.kernel(name).between(every, every)) for name, weight in VALUES[view].items()),
        torch.zeros(ITEMS, ITEMS, dtype=torch.float64),
    )


@pytest.mark.parametrize("dislikes", [False, True])
def test_warm_columns_solve_their_least_squares_problems(dislikes: bool) -> None:
    data = ratings_world()
    model, loss = _fitted(data, dislikes=dislikes)
    ratings = data.read_ratings()
    binary, taken = _dense(data.train), _dense(data.train, 1 + 0.3 * (ratings.taken - ratings.taken.mean()))
    Z = torch.cat([taken, _dense(ratings.dislikes)], dim=1) if dislikes else taken
    counts = data.train.counts.double()
    root = ((counts / counts.mean()) ** -0.4).sqrt().unsqueeze(1)
    penalty = torch.full((Z.shape[1],), 3.0, dtype=torch.float64)
    penalty[ITEMS:] = 5.0
    penalty += 0.25 / 0.75 * (root * Z).square().sum(0)
    warm = [item for item in range(ITEMS) if item not in COLD]
    used = [*warm, *(ITEMS + item for item in ratings.dislikes.items.unique().tolist() if dislikes)]
    eigenvalues, eigenvectors = torch.linalg.eigh(_kernel(model, "warm_weights")[warm][:, warm])
    features = torch.zeros(ITEMS, len(warm), dtype=torch.float64)
    features[warm] = eigenvectors * eigenvalues.clamp(min=0).sqrt()  # rows f_i with K = f fᵀ

    minima = []
    for item in warm:
        others = [column for column in used if column != item]
        known = torch.zeros(len(warm), len(others), dtype=torch.float64)
        for place, column in enumerate(others):
            if column < ITEMS:
                known[:, place] = features[column]
        system = torch.cat([root * Z[:, others], known, penalty[others].sqrt().diag()])
        wanted = torch.cat([root.squeeze(1) * binary[:, item], features[item], torch.zeros(len(others), dtype=torch.float64)])
        solution = torch.linalg.lstsq(system, wanted.unsqueeze(1), driver="gelsd").solution.squeeze(1)
        torch.testing.assert_close(model.weights[others, item].double(), solution, atol=1e-4, rtol=1e-4)
        minima.append((wanted - system @ solution).square().sum())
    assert not model.weights.diagonal()[warm].any()
    assert loss == pytest.approx(float(torch.stack(minima).mean()) / USERS, rel=1e-5)


def test_cold_columns_are_a_ridge_regression_of_the_warm_scores() -> None:
    data = ratings_world()
    model, _ = _fitted(data)
    scores = model.scorer().score(torch.arange(USERS)).double()
    warm = [item for item in range(ITEMS) if item not in COLD]
    likeness = _kernel(model, "cold_weights")
    for user in range(USERS):
        coefficients = torch.linalg.solve(likeness[warm][:, warm] + 0.4 * torch.eye(len(warm)), scores[user, warm])
        for item in COLD:
            torch.testing.assert_close(scores[user, item], 1.7 * likeness[item, warm] @ coefficients, atol=1e-5, rtol=1e-4)
    assert scores[:, COLD].std() > 0


def test_without_kernels_and_ratings_it_is_ease() -> None:
    data = replace(checkerboard()[0], train=random_interactions(USERS, ITEMS, 0.5, torch.Generator().manual_seed(0)))
    plain = {"warm_weights": {}, "cold_weights": {}, "dropout": 0.0, "activity_exponent": 0.0, "rating_slope": 0.0, "dislikes": False}
    model, loss = _fitted(replace(data, read_ratings=lambda: Ratings(torch.ones(len(data.train)), data.train)), **plain)
    ease = registry.create("ease", {"regularization": 3.0}, data)
    assert isinstance(ease, Ease)
    assert loss == pytest.approx(ease.fit(), rel=1e-6)
    torch.testing.assert_close(model.weights, ease.weights, atol=1e-5, rtol=1e-4)


def test_dislikes_are_read_only_where_the_parameter_says_so() -> None:
    data = ratings_world()
    none = dense_interactions(torch.zeros(USERS, ITEMS, dtype=torch.bool))
    forgetful = replace(data, read_ratings=lambda: replace(data.read_ratings(), dislikes=none))
    with_them, without = _fitted(data)[0].weights, _fitted(data, dislikes=False)[0].weights
    assert torch.equal(_fitted(forgetful, dislikes=False)[0].weights, without)
    assert with_them.shape == (2 * ITEMS, ITEMS)
    assert without.shape == (ITEMS, ITEMS)
    torch.testing.assert_close(_fitted(forgetful)[0].weights[:ITEMS], without)


def test_what_a_data_set_has_not_is_as_if_it_were_not_asked_for() -> None:
    data = ratings_world()
    missing = FeatureMatrix(torch.zeros(ITEMS + 6, 4), torch.zeros(ITEMS + 6, dtype=torch.bool))
    nothing = replace(
        data,
        read_features=lambda modality: missing,
        read_contents=lambda: ItemContents([""] * ITEMS, torch.full((ITEMS,), torch.nan).double()),
    )
    people, year = ({"warm_weights": {name: 2.0}, "cold_weights": {name: 0.5}} for name in ("people", "year"))
    weights = {"warm_weights": VALUES["warm_weights"] | {"visual": 1.0}}
    torch.testing.assert_close(_fitted(nothing, **weights)[0].weights, _fitted(data, **people)[0].weights)
    both = {"warm_weights": {"people": 2.0, "year": 2.0}, "cold_weights": {"people": 0.5, "year": 0.5}}
    unknown = KERNELS | {"people": PEOPLE | {"relations": ["no such relation"]}}
    torch.testing.assert_close(_fitted(data, kernels=unknown, **both)[0].weights, _fitted(data, **year)[0].weights)


@pytest.mark.parametrize(
    ("kernel", "complaint"),
    [
        ({"source": "smell"}, "smell"),
        (YEAR | {"width": 0}, "width"),
        (PEOPLE | {"relations": []}, "relations"),
        (PEOPLE | {"relations": [""]}, "relations"),
        (PEOPLE | {"relations": ["directed_by", "directed_by"]}, "relations: a name stands twice"),
        ({"source": "words", "of": ["page", "page"]}, "of: a name stands twice"),
        (YEAR | {"modality": "text"}, "unknown key"),
        ({"source": "seniority"}, "width"),
        ({"source": "seniority", "width": 0.0}, "width"),
        ({"source": "polynomial", "of": {"smell": 1.0}, "degree": 2}, "bad is of smell; it can be of nothing here"),
        ({"source": "polynomial", "of": {"bad": 1.0}, "degree": 2}, "bad is of bad"),
        ({"source": "polynomial", "of": {}, "degree": 2}, "of"),
        ({"source": "polynomial", "of": {"year": 1.0}, "degree": 1}, "degree"),
    ],
)
def test_refuses_impossible_kernels(kernel: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PipelineError, match=rf"models\.kernel_ease\.kernels.*{complaint}"):
        registry.create("kernel_ease", VALUES | {"kernels": {"bad": kernel}}, ratings_world())


def test_a_polynomial_kernel_is_of_other_kernels_by_their_weights() -> None:
    both = {"source": "polynomial", "of": {"people": 0.5, "year": 2.0}, "degree": 2}
    kernels = ContentKernels(KernelEaseHyperparameters(**VALUES | {"kernels": KERNELS | {"both": both}}).kernels, ratings_world())
    every = np.arange(ITEMS)
    people, year, found = (kernels.kernel(name).between(every, every) for name in ("people", "year", "both"))
    for a in every:
        for b in every:
            pair, one, other = (0.5 * people[x, y] + 2 * year[x, y] for x, y in ((a, b), (a, a), (b, b)))
            assert found[a, b] == pytest.approx(pair**2 / (one * other) if one * other else 0)


def test_items_that_the_knowledge_base_knew_as_early_are_alike() -> None:
    entities = ["m.01", "m.0_", "", "m.0z", "g.11", "own:7", "m.01", "m.010", "m.0b", "m.05"]
    # The share of the eight known ones that are older.
    ranks = [0, 5 / 8, None, 4 / 8, 7 / 8, None, 0, 6 / 8, 3 / 8, 2 / 8]
    data = ratings_world()
    contents = replace(data.read_contents(), entities=entities)
    settings = KernelEaseHyperparameters(**VALUES | {"kernels": KERNELS | {"seniority": {"source": "seniority", "width": 0.3}}}).kernels
    every = np.arange(ITEMS)
    found = ContentKernels(settings, replace(data, read_contents=lambda: contents)).kernel("seniority").between(every, every)
    for a, one in enumerate(ranks):
        for b, other in enumerate(ranks):
            expected = 0.0 if one is None or other is None else math.exp(-((one - other) ** 2) / (2 * 0.3**2))
            assert found[a, b] == pytest.approx(expected)
    assert not ContentKernels(settings, data).kernel("seniority").between(every, every).any()


@pytest.mark.parametrize("weights", [{"warm_weights": {"smell": 1.0}}, {"cold_weights": {"smell": 1.0}}])
def test_refuses_a_weight_of_no_kernel(weights: dict[str, Any]) -> None:
    with pytest.raises(PipelineError, match=r"kernel_ease\.\w+_weights: a weight of smell, which is not among kernels"):
        registry.create("kernel_ease", VALUES | weights, ratings_world())
    with pytest.raises(PipelineError, match=r"models\.kernel_ease\.warm_weights\.year"):
        registry.create("kernel_ease", VALUES | {"warm_weights": {"year": -1.0}}, ratings_world())
