"""An item that joins later is scored as if it had been in the catalogue without anyone to take it."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.interactions import Interactions
from mkg4rec.models import registry
from mkg4rec.models.blocks.solution import BlockSizes
from mkg4rec.models.data import ItemContents, Ratings, TrainingData
from mkg4rec.models.kernel_ease import KernelEase
from mkg4rec.newcomers import Newcomer, NewcomerScores, joined, places
from tests.worlds import checkerboard, dense_interactions

ITEMS = 24

VALUES: dict[str, Any] = {
    "regularization": 3.0,
    "dropout": 0.25,
    "activity_exponent": 0.4,
    "rating_slope": 0.0,
    "dislikes": True,
    "dislike_regularization": 5.0,
    "kernels": {
        "people": {"source": "attributes", "relations": ["directed_by"]},
        "words": {"source": "words"},
        "page": {"source": "words", "of": ["page"]},
        "visual": {"source": "vectors", "modality": "visual"},
        "year": {"source": "years", "width": 4},
        "seniority": {"source": "seniority", "width": 0.3},
    },
    "warm_weights": {"people": 1.0},
    "cold_weights": {"people": 1.0, "words": 0.5, "page": 0.5, "visual": 0.5, "year": 0.3, "seniority": 0.4},
    "cold_regularization": 0.4,
    "cold_weight": 1.3,
    "blocks": None,
}


def _worlds() -> tuple[TrainingData, TrainingData, Newcomer]:
    """A catalogue, the same with one more item at its end, and that item."""
    generator = torch.Generator().manual_seed(0)
    board, _ = checkerboard(num_items=ITEMS)
    taken = torch.rand(40, ITEMS + 1, generator=generator) < 0.3
    taken[:, ITEMS] = False
    disliked = (torch.rand(40, ITEMS + 1, generator=generator) < 0.1) & ~taken
    disliked[:, ITEMS] = False
    vectors = torch.randn(ITEMS + 1 + 3, 4, generator=generator)
    present = torch.ones(len(vectors), dtype=torch.bool)
    texts = [f"{['red', 'blue', 'dark'][item % 3]} {['sea', 'wood'][item % 2]}" for item in range(ITEMS + 1)]
    pages = [f"a film of {['love', 'war', 'hope', 'loss'][item % 4]}" if item % 5 else "" for item in range(ITEMS + 1)]
    years = 1980.0 + torch.arange(ITEMS + 1).double()
    entities = [f"m.0{'bdfghj'[item % 6]}{item % 7}" if item % 4 else "" for item in range(ITEMS)] + ["m.0d0"]
    directors = torch.arange(ITEMS + 1) % 3

    def world(size: int) -> TrainingData:
        heads = torch.arange(size)
        facts = Triplets(heads, torch.zeros_like(heads), size + directors[:size], size + 3, 1, ("directed_by",))
        rows = torch.cat([torch.arange(size), torch.arange(ITEMS + 1, ITEMS + 4)])
        train = dense_interactions(taken[:, :size])
        ratings = Ratings(torch.full((len(train),), 4.0), dense_interactions(disliked[:, :size]))
        return replace(
            board,
            train=train,
            valid=Interactions(board.valid.offsets, board.valid.items, size),
            read_triplets=lambda: facts,
            read_features=lambda modality: FeatureMatrix(vectors[rows], present[rows]),
            read_contents=lambda: ItemContents(texts[:size], years[:size], pages[:size], entities[:size]),
            read_ratings=lambda: ratings,
        )

    director = int(directors[ITEMS])
    facts = [(0, ITEMS + director)]
    newcomer = Newcomer(texts[ITEMS], float(years[ITEMS]), {"visual": vectors[ITEMS]}, facts, pages[ITEMS], entities[ITEMS])
    return world(ITEMS), world(ITEMS + 1), newcomer


def _kernel_ease(data: TrainingData) -> KernelEase:
    model = registry.create("kernel_ease", VALUES, data)
    assert isinstance(model, KernelEase)
    model.fit()
    return model


def test_it_joins_as_the_last_item() -> None:
    before, after, newcomer = _worlds()
    found = joined(before, newcomer)
    assert found.num_items == len(found.item_ids) == ITEMS + 1
    triplets, expected = found.read_triplets(), after.read_triplets()
    assert triplets.num_entities == expected.num_entities
    facts = [set(zip(t.heads.tolist(), t.relations.tolist(), t.tails.tolist(), strict=True)) for t in (triplets, expected)]
    assert facts[0] == facts[1]
    assert torch.equal(found.read_features("visual").vectors, after.read_features("visual").vectors)
    assert not found.read_features("text").present[ITEMS]
    assert found.read_contents().texts == after.read_contents().texts
    assert found.read_contents().pages == after.read_contents().pages
    assert found.read_contents().entities == after.read_contents().entities
    assert torch.equal(found.read_ratings().dislikes.keys, after.read_ratings().dislikes.keys)
    assert torch.equal(found.train.keys, after.train.keys)


def test_it_is_scored_as_a_cold_item_of_a_training_that_knew_of_it() -> None:
    before, after, newcomer = _worlds()
    users = torch.arange(before.num_users)
    expected = _kernel_ease(after).scorer().score(users)
    model = _kernel_ease(before)
    found = NewcomerScores(model.scorer(), model.hyperparameters, before, newcomer).score(users)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert found[:, ITEMS].std() > 0


def test_where_the_kernel_model_has_blocks_it_is_scored_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    before, _, newcomer = _worlds()
    exact = _kernel_ease(before)
    # Neighbours for everything: no approximation is left.
    sizes = BlockSizes(items=3, neighbours=2 * ITEMS, rank=4)
    expected = NewcomerScores(exact.scorer(), exact.hyperparameters, before, newcomer).column
    monkeypatch.setattr(KernelEase, "cold_map", lambda *arguments: pytest.fail("what is dense over the catalogue was asked for"))
    found = NewcomerScores(exact.scorer(), exact.hyperparameters.model_copy(update={"blocks": sizes}), before, newcomer).column
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_any_model_s_scores_carry_over() -> None:
    before, _, newcomer = _worlds()
    ease = registry.create("ease", {"regularization": 2.0}, before)
    assert not isinstance(ease, torch.nn.Module)
    ease.fit()
    hyperparameters = _kernel_ease(before).hyperparameters
    scorer = NewcomerScores(ease.scorer(), hyperparameters, before, newcomer)
    users = torch.arange(before.num_users)
    expected = ease.scorer().score(users) @ scorer.column
    torch.testing.assert_close(scorer.score(users)[:, ITEMS], expected)


def test_its_place_is_among_what_a_user_has_not_taken() -> None:
    before, _, newcomer = _worlds()
    model = _kernel_ease(before)
    scorer = NewcomerScores(model.scorer(), model.hyperparameters, before, newcomer)
    scores, ranks = places(scorer, before, block_size=7)
    every = scorer.score(torch.arange(before.num_users))
    seen = before.train.union(before.valid)
    for user in range(before.num_users):
        taken = set(seen.rows(torch.tensor([user]))[1].tolist())
        better = sum(float(every[user, item]) > float(every[user, ITEMS]) for item in range(ITEMS) if item not in taken)
        assert int(ranks[user]) == better + 1
        # Both are sums in single precision, in an order that depends on the processor.
        assert float(scores[user]) == pytest.approx(float(every[user, ITEMS]), abs=1e-7)


def test_an_item_of_which_nothing_is_known_scores_nothing() -> None:
    before, _, _ = _worlds()
    model = _kernel_ease(before)
    scorer = NewcomerScores(model.scorer(), model.hyperparameters, before, Newcomer("", float("nan"), {}, []))
    assert not scorer.score(torch.arange(before.num_users))[:, ITEMS].any()
