"""Scores without an edge are those of a model that never had it."""

import pytest
import torch

from mkg4rec.explanation.ablation import Ablation
from mkg4rec.models import registry
from mkg4rec.models.item_graphs import OverItemGraphs
from mkg4rec.models.knowledge_graph import KnowledgeAttentionModel
from mkg4rec.models.message_passing import Explainable, MessagePassing
from tests.explanation.worlds import EVERY, MODELS, base_model, message_passing_on, model_on, small_data, without_interaction


def _link(ablation: Ablation, user: int, item: int) -> torch.Tensor:
    graph = ablation.messages.graph
    return ((graph.heads == graph.num_entities + user) & (graph.tails == item)).nonzero().squeeze(1)


def _scores_from(model: MessagePassing, initial: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        users, items = model.comparable(*model.vectors_from(initial))
    return users @ items.T


def _take_structure(smaller: MessagePassing, whole: Explainable) -> None:
    """What is made of interactions before there are messages stays what it was: the structure around an edge, and item graphs."""
    if isinstance(smaller, OverItemGraphs):
        assert isinstance(whole, OverItemGraphs)
        smaller.join(whole.relations, whole.mixtures)
    if not isinstance(smaller, KnowledgeAttentionModel) or smaller.structure is None:
        return
    assert isinstance(whole, KnowledgeAttentionModel)
    assert whole.structure is not None
    edges = list(zip(whole.graph.heads.tolist(), whole.graph.relations.tolist(), whole.graph.tails.tolist(), strict=True))
    numbers = {edge: number for number, edge in enumerate(edges)}
    left = zip(smaller.graph.heads.tolist(), smaller.graph.relations.tolist(), smaller.graph.tails.tolist(), strict=True)
    smaller.structure.features = whole.structure.features[[numbers[edge] for edge in left]]


@pytest.mark.parametrize("name", MODELS)
def test_without_an_interaction_scores_are_those_of_a_model_that_was_built_without_it(name: str) -> None:
    data = small_data()
    user, item = int(data.train.users[7]), int(data.train.items[7])
    ablation = Ablation(model_on(name, data))
    smaller = message_passing_on(name, without_interaction(data, user, item))
    _take_structure(smaller, ablation.model)
    # The initial vectors stay: a user's mean over the contents of its items is no message.
    expected = _scores_from(smaller, ablation.initial)
    for other in (item, (item + 1) % data.num_items):
        drop = ablation.drop(user, other, _link(ablation, user, item))
        assert ablation.score(user, other) - drop == pytest.approx(float(expected[user, other]), abs=1e-5)
        assert abs(drop) > 1e-4


@pytest.mark.parametrize("name", EVERY)
def test_afterwards_the_model_is_as_before(name: str) -> None:
    data = small_data(name)
    model = model_on(name, data)
    ablation = Ablation(model)
    before = model.scorer().score(torch.arange(data.num_users))
    ablation.drop(0, 0, torch.arange(5))
    ablation.influences(0, 0)
    torch.testing.assert_close(model.scorer().score(torch.arange(data.num_users)), before)
    assert ablation.drop(0, 0, torch.empty(0, dtype=torch.long)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_a_user_without_any_edge_left_receives_nothing(name: str) -> None:
    data = small_data(name)
    ablation = Ablation(model_on(name, data))
    graph = ablation.messages.graph
    edges = (graph.heads == graph.num_entities).nonzero().squeeze(1)
    assert len(edges) > 1
    assert torch.isfinite(torch.tensor(ablation.drop(0, 3, edges)))


@pytest.mark.parametrize("name", EVERY)
def test_an_influence_is_the_slope_of_the_score(name: str) -> None:
    data = small_data(name)
    ablation = Ablation(model_on(name, data))
    influences, graph, step = ablation.influences(1, 4), ablation.messages.graph, 0.02
    for edge in (0, 11, len(graph.heads) - 1):
        both = [edge, int(graph.inverses[edge])]
        scores = []
        for kept in (1 + step, 1 - step):
            mask = torch.ones_like(ablation.messages.weights)
            mask[both] = kept
            with torch.no_grad(), ablation.model.keeping(mask):
                scores.append(float(ablation.model.pair_score(ablation.initial)(1, 4)))
        assert float(influences[edge]) == pytest.approx((scores[0] - scores[1]) / (2 * step), rel=0.02, abs=1e-4)


def test_models_of_messages_alone_are_explained() -> None:
    names = [*EVERY, "ease", "bpr_mf", "cke", "convncf"]
    assert [name for name in names if issubclass(registry.model_class(base_model(name)), Explainable)] == EVERY


@pytest.mark.parametrize("name", ["freedom", "siger", "igdmrec", "egra"])
def test_an_edge_between_items_counts_for_the_one_that_hears(name: str) -> None:
    data = small_data()
    ablation = Ablation(model_on(name, data))
    graph, weights = ablation.messages.graph, ablation.messages.weights
    edges = graph.edges_by_relation[1]
    heard = edges[weights[edges] > 0]
    assert len(heard) > 0
    assert not weights[graph.inverses[heard]].any()
    assert ablation.messages.relation_names is not None
    assert graph.num_relations == 2 * (1 + len(ablation.messages.relation_names))
    drops = torch.tensor([[abs(ablation.drop(0, item, edge.unsqueeze(0))) for item in range(data.num_items)] for edge in heard[:5]])
    assert (drops[torch.arange(5), graph.heads[heard[:5]]] > 1e-5).all()


def test_messages_between_items_are_those_of_the_layer() -> None:
    model = model_on("siger", small_data())
    assert isinstance(model, OverItemGraphs)
    messages = model.messages()
    summed = torch.zeros(model.graph.num_items, model.graph.num_items)
    between = (messages.graph.heads < model.graph.num_items) & (messages.graph.tails < model.graph.num_items)
    summed.index_put_((messages.graph.heads[between], messages.graph.tails[between]), messages.weights[between], accumulate=True)
    every = torch.arange(model.graph.num_items)
    expected = sum(mixture.weight * graph.dense_rows(every) for mixture, graph in zip(model.mixtures, model.mixed(), strict=True))
    torch.testing.assert_close(summed, expected)
