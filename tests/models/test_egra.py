"""EGRA: the enriched graph, what it learns of a FREEDOM, and its alignment."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from mkg4rec import params
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.egra import Egra, ProjectedContents, enriched_graph
from tests.conftest import ROOT
from tests.worlds import checkerboard

NUM_USERS, NUM_ITEMS = 9, 12


def _model(**changes: Any) -> tuple[Egra, TrainingData]:
    torch.manual_seed(0)
    data, _ = checkerboard(NUM_USERS, NUM_ITEMS)
    values = params.load(ROOT / "params.yaml").models["egra"]
    values |= {"dimension": 4, "num_neighbours": 2, "modality_weights": {"visual": 0.3, "text": 0.7}} | changes
    values["pretraining"] = values["pretraining"] | {"epochs": 30, "learning_rate": 0.05}
    model = registry.create("egra", values, data)
    assert isinstance(model, Egra)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model, data


def test_the_enriched_graph_has_interactions_and_neighbours() -> None:
    data, _ = checkerboard(NUM_USERS, NUM_ITEMS)
    neighbours = torch.stack([(torch.arange(NUM_ITEMS) + 1) % NUM_ITEMS, (torch.arange(NUM_ITEMS) + 5) % NUM_ITEMS], dim=1)
    joined = torch.rand(NUM_ITEMS, 2, generator=torch.Generator().manual_seed(0)) < 0.6
    nodes = NUM_USERS + NUM_ITEMS
    plain = torch.zeros(nodes, nodes)
    for user, item in zip(data.train.users.tolist(), data.train.items.tolist(), strict=True):
        plain[user, NUM_USERS + item] = plain[NUM_USERS + item, user] = 1
    for item in range(NUM_ITEMS):
        for neighbour, there in zip(neighbours[item].tolist(), joined[item].tolist(), strict=True):
            plain[NUM_USERS + item, NUM_USERS + neighbour] = 0.5 * there
    sums = plain.sum(1)
    expected = plain / (sums.unsqueeze(1) * sums).sqrt()
    items, places = joined.nonzero(as_tuple=True)
    near = ItemGraph.from_edges(items, neighbours[items, places], torch.ones(len(items)), NUM_ITEMS)
    torch.testing.assert_close(enriched_graph(data.train, near, 0.5).dense_rows(torch.arange(nodes)), expected)


def test_neighbours_are_those_of_the_pretrained_model_and_are_kept_with_the_weights() -> None:
    model, data = _model()
    assert not model.joined.any()
    model.pretrain(data)
    pairs = model.neighbours[model.joined] % 2, model.joined.nonzero()[:, 0] % 2
    assert (pairs[0] == pairs[1]).float().mean() > 0.9  # even items are near even items, as everybody's taste and their features say
    assert model.joined.float().mean() > 0.9
    model.refresh()
    restored, _ = _model()
    restored.load_state_dict(model.state_dict())
    restored.refresh()
    torch.testing.assert_close(restored.final_vectors(), model.final_vectors())


@torch.no_grad()
def test_final_vectors_add_behaviour_and_content() -> None:
    model, data = _model()
    features = data.read_features("text")
    (_, of_users), (_, of_items) = model.represent(model.initial_nodes())
    for item in range(NUM_ITEMS):
        expected = torch.zeros(4)
        for weight, part in zip((0.3, 0.7), model.contents, strict=True):
            assert isinstance(part, ProjectedContents)
            expected += weight * part.projection(features.vectors[item]) * features.present[item]
        torch.testing.assert_close(of_items[item], expected)
    for user in range(NUM_USERS):
        torch.testing.assert_close(of_users[user], of_items[data.train.items[data.train.users == user]].mean(0))


@torch.no_grad()
def test_what_is_aligned_least_counts_most() -> None:
    model, _ = _model()
    torch.manual_seed(2)
    behaviour, content, chosen = torch.randn(6, 4), torch.randn(6, 4), torch.tensor([0, 2, 3, 5])
    cosines = [[float(torch.cosine_similarity(behaviour[one], content[other], dim=0)) for other in chosen] for one in chosen]
    distances = [1 - cosines[row][row] for row in range(4)]
    terms = [-math.log(math.exp(row[own] / 0.2) / sum(math.exp(value / 0.2) for value in row)) for own, row in enumerate(cosines)]
    expected = sum(4 * distance / sum(distances) * term for distance, term in zip(distances, terms, strict=True)) / 4
    assert float(model.alignment_loss(behaviour, content, chosen)) == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
def test_alignment_grows_with_the_epochs() -> None:
    model, data = _model(ramp_epochs=4, alignment_weight=1.0)
    objective, positives, losses = model.objectives()[0], torch.arange(len(data.train)), []
    for _ in range(6):
        torch.manual_seed(0)
        losses.append(float(model.recommendation_loss(positives)))
        next(iter(objective.batches()))
    steps = torch.tensor(losses).diff()
    assert torch.allclose(steps[:4], steps[0], rtol=1e-3)
    assert steps[0] > 0.01
    assert abs(float(steps[4])) < 1e-6


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_messages_are_the_entries_of_the_enriched_graph(weight: float) -> None:
    data, _ = checkerboard(12, 10)
    untaken = data.train.items != 4
    train = data.train.from_pairs(data.train.users[untaken], data.train.items[untaken], 12, 10)
    values = params.load(ROOT / "params.yaml").models["egra"] | {"item_edge_weight": weight, "num_neighbours": 1}
    model = registry.create("egra", values, replace(data, train=train))
    assert isinstance(model, Egra)
    # Item 4 is near item 5, which is near none, and item 3 near item 4.
    model.neighbours[[4, 3], 0] = torch.tensor([5, 4])
    model.joined[[4, 3], 0] = True
    model.refresh()
    messages = model.messages()
    heads, tails = (torch.where(ends < 10, ends + 12, ends - 10) for ends in (messages.graph.heads, messages.graph.tails))
    found = torch.zeros(22, 22).index_put((heads, tails), messages.weights, accumulate=True)
    near = model.near()
    torch.testing.assert_close(found, enriched_graph(train, near, weight).dense_rows(torch.arange(22)))
