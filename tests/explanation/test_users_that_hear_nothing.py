"""KGCN, whose users are no nodes that hear: what its scores owe to facts, and that its explanations say no more."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.explanation.ablation import Ablation
from mkg4rec.explanation.explanation import Explanation, explain
from mkg4rec.explanation.paths import brought_by_links
from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.layers.user_relation import Aggregation, Aggregator
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.kgcn import Kgcn
from mkg4rec.report.explanation import FREE_USERS, Document, Names, as_text, describe
from mkg4rec.report.explanation_figure import draw_explanation
from tests.conftest import ROOT
from tests.explanation.worlds import small_data
from tests.worlds import random_graph

USER, ITEM = 1, 4


def _model(data: TrainingData, seed: int = 0, **changes: Any) -> Kgcn:
    values = params.load(ROOT / "params.yaml").models["kgcn"] | {"dimension": 5, "num_neighbours": 3} | changes
    torch.manual_seed(seed)
    model = registry.create("kgcn", values, data)
    assert isinstance(model, Kgcn)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def _seen(model: Kgcn, field: list[list[tuple[int, int]]], user: Tensor, entity: int, hops: int) -> Tensor:
    """v^u[h] by equations 1 – 6, from lists of (relation, neighbour) around every entity."""
    if hops == 0:
        return model.entity_vectors[entity]
    own = _seen(model, field, user, entity, hops - 1)
    weights = [torch.exp(user @ model.relation_vectors[relation]) for relation, _ in field[entity]]
    around = torch.zeros_like(user) if weights else own
    for weight, (_, neighbour) in zip(weights, field[entity], strict=True):
        around = around + weight / torch.stack(weights).sum() * _seen(model, field, user, neighbour, hops - 1)
    layer = model.layers[hops - 1]
    assert isinstance(layer, Aggregator)
    read = {Aggregation.SUM: own + around, Aggregation.CONCAT: torch.cat([own, around]), Aggregation.NEIGHBOR: around}[layer.aggregation]
    seen: Tensor = layer.activation(layer.weight.T @ read + layer.bias)
    return seen


@torch.no_grad()
@pytest.mark.parametrize(("aggregation", "num_hops"), list(product(["sum", "concat", "neighbor"], [1, 2])))
def test_without_facts_scores_are_those_of_the_neighbours_that_are_left(aggregation: str, num_hops: int) -> None:
    model = _model(small_data("kgcn"), aggregation=aggregation, num_hops=num_hops)
    ablation, graph = Ablation(model), model.data.graph
    around = ((graph.heads == ITEM) & (graph.tails < graph.num_entities)).nonzero().squeeze(1)
    for removed in (around[:1], around[1:3], around, ((graph.heads == int(graph.tails[around[0]])).nonzero().squeeze(1))):
        gone = {(int(graph.heads[edge]), int(graph.relations[edge]), int(graph.tails[edge])) for edge in removed}
        gone |= {(tail, (relation + graph.num_relations // 2) % graph.num_relations, head) for head, relation, tail in gone}
        facts = graph.num_relations // 2 - 1
        field = [
            [
                (relation, neighbour)
                for relation, neighbour in zip(relations, neighbours, strict=True)
                if (entity, relation + (1 if relation < facts else 2), neighbour) not in gone
            ]
            for entity, (relations, neighbours) in enumerate(zip(model.relations.tolist(), model.neighbours.tolist(), strict=True))
        ]
        expected = model.user_vectors[USER] @ _seen(model, field, model.user_vectors[USER], ITEM, num_hops)
        assert ablation.score(USER, ITEM) - ablation.drop(USER, ITEM, removed) == pytest.approx(float(expected), abs=1e-5)
    assert abs(ablation.drop(USER, ITEM, around)) > 1e-3


def test_without_its_only_fact_an_item_scores_as_in_a_model_that_was_built_without_it() -> None:
    data = small_data()
    triplets = data.read_triplets()
    others = triplets.heads != ITEM
    fewer = replace(triplets, heads=triplets.heads[others], relations=triplets.relations[others], tails=triplets.tails[others])
    whole, smaller = _model(data), _model(replace(data, read_triplets=lambda: fewer))
    smaller.load_state_dict({**whole.state_dict(), "neighbours": smaller.neighbours, "relations": smaller.relations})
    ablation, graph = Ablation(whole), whole.data.graph
    fact = ((graph.heads == ITEM) & (graph.tails == int(triplets.tails[ITEM]))).nonzero().squeeze(1)
    expected = float(smaller.scorer().score(torch.tensor([USER]))[0, ITEM])
    drop = ablation.drop(USER, ITEM, fact)
    assert ablation.score(USER, ITEM) - drop == pytest.approx(expected, abs=1e-5)
    assert abs(drop) > 1e-3


@pytest.mark.parametrize("num_hops", [1, 2])
def test_what_the_user_took_has_no_part_in_the_score(num_hops: int) -> None:
    ablation = Ablation(_model(small_data("kgcn"), num_hops=num_hops))
    graph, messages = ablation.messages.graph, ablation.messages_for(USER)
    interactions = ((graph.heads >= graph.num_entities) | (graph.tails >= graph.num_entities)).nonzero().squeeze(1)
    assert ablation.drop(USER, ITEM, interactions) == pytest.approx(0, abs=1e-6)
    assert not ablation.influences(USER, ITEM)[interactions].any()
    assert ablation.influences(USER, ITEM).any()
    assert not messages.weights[interactions].any()


@torch.no_grad()
def test_attention_is_the_softmax_of_what_the_user_thinks_of_relations() -> None:
    model = _model(small_data("kgcn"))
    ablation = Ablation(model)
    graph, weights = model.data.graph, ablation.messages_for(USER).weights
    logits = [float(torch.exp(model.user_vectors[USER] @ model.relation_vectors[relation])) for relation in model.relations[ITEM].tolist()]
    expected: dict[tuple[int, int], float] = {}
    for logit, relation, neighbour in zip(logits, model.relations[ITEM].tolist(), model.neighbours[ITEM].tolist(), strict=True):
        expected[relation + 1, neighbour] = expected.get((relation + 1, neighbour), 0.0) + logit / sum(logits)
    edges = ((graph.heads == ITEM) & (weights > 0)).nonzero().squeeze(1).tolist()
    found = {(int(graph.relations[edge]), int(graph.tails[edge])): float(weights[edge]) for edge in edges}
    assert found == pytest.approx(expected, abs=1e-6)
    assert not torch.equal(weights, ablation.messages_for(USER + 1).weights)


@pytest.mark.parametrize("seed", range(3))
def test_links_bring_what_their_edges_bring_each_once(seed: int) -> None:
    graph = random_graph(seed, num_users=3, num_items=5, num_attributes=3)
    influences = torch.rand(len(graph.heads))
    influences = influences + influences[graph.inverses]
    for user, item in product(range(3), range(5)):
        found = brought_by_links(graph, influences, user, item)
        start = graph.num_entities + user
        for other in set(range(graph.num_entities)) - {item}:
            edges = set()
            ends = list(zip(graph.heads.tolist(), graph.tails.tolist(), strict=True))
            for edge, (head, tail) in enumerate(ends):
                if (head, tail) == (item, other):
                    edges.add(edge)
                for second, (middle, last) in enumerate(ends):
                    if head == other and tail == middle and last == item and middle not in (other, item, start):
                        edges |= {edge, int(graph.inverses[second])}
            assert float(found[other]) == pytest.approx(float(influences[sorted(edges)].sum()), abs=1e-5)


def _sequels(seed: int) -> tuple[Kgcn, Explanation, Document]:
    """User 0 took items 0 and 1; item 2 has the director of 0, the director and the actor of 1, and a writer of its own."""
    data = small_data()
    train = data.train.from_pairs(torch.tensor([0, 0]), torch.tensor([0, 1]), data.num_users, data.num_items)
    director, actor, writer = (data.num_items + number for number in range(3))
    heads, relations = torch.tensor([0, 1, 2, 1, 2, 2]), torch.tensor([0, 0, 0, 1, 1, 2])
    tails = torch.tensor([director, director, director, actor, actor, writer])
    triplets = Triplets(heads, relations, tails, data.num_items + 3, 3)
    model = _model(replace(data, train=train, read_triplets=lambda: triplets), seed=seed)
    explanation = explain(Ablation(model), 0, 2, num_paths=3, considered=10)
    entities = [str(number) for number in range(triplets.num_entities)]
    titles = [f"film {number}" for number in range(data.num_items)] + ["director", "actor", "writer"]
    names = Names(data.user_ids.to_pylist(), data.item_ids.to_pylist(), entities, titles, ["directed by", "with", "written by"])
    return model, explanation, describe(explanation, names, triplets.num_entities, "world", "kgcn")


@pytest.mark.parametrize(
    ("seed", "over", "names"),
    [
        # Director and actor speak for the item, the writer against it.
        (0, [("film 1", "actor"), ("film 1", "director")], []),
        # The actor speaks against it: film 0 has more in common with it than film 1 then, and the director is on a path over film 0.
        (8, [("film 0", "director")], ["writer"]),
    ],
)
def test_tells_by_what_the_item_is_linked_to_the_history(seed: int, over: list[tuple[str, str]], names: list[str]) -> None:
    model, explanation, document = _sequels(seed)
    influences, graph = Ablation(model).influences(0, 2), model.data.graph
    director, actor, writer = (influences[(graph.heads == 2) & (graph.tails == model.num_items + number)].item() for number in range(3))
    links = {item["name"]: item["strength_of_links"] for item in document["history"]}
    assert links == pytest.approx({"film 0": director, "film 1": director + actor}, abs=1e-6)
    assert list(links.values()) == sorted(links.values(), reverse=True)
    assert [item["score_drop"] for item in document["history"]] == [0, 0]
    assert document["remarks"] == [FREE_USERS]
    assert [(path["nodes"][1]["name"], path["nodes"][2]["name"]) for path in document["paths"]] == over
    for path in document["paths"]:
        # That with which the last of its nodes reaches the item.
        assert path["attention"] == pytest.approx(path["edges"][-1]["attention_to_item"])
        assert path["edges"][0]["attention_to_item"] == 0
        assert all(edge["attention_to_user"] == 0 for edge in path["edges"])
    assert [fact["node"]["name"] for fact in document["facts_apart"]] == names
    for fact in document["facts_apart"]:
        assert fact["strength"] == pytest.approx(writer)
        assert (fact["relation"], fact["inverse"]) == ("written by", True)
        assert fact["attention_to_item"] > 0
    named = {path["nodes"][2]["name"] for path in document["paths"]} | set(names)
    removed = [
        edge
        for edge in range(len(graph.heads))
        if int(graph.heads[edge]) == 2 and ["director", "actor", "writer"][int(graph.tails[edge]) - model.num_items] in named
    ]
    assert explanation.drop == pytest.approx(Ablation(model).drop(0, 2, torch.tensor(removed)), abs=1e-6)


def test_the_text_and_the_figure_say_it_in_words(tmp_path: Path) -> None:
    _, _, document = _sequels(8)
    told = as_text(document)
    assert FREE_USERS in told
    assert "history: the score falls by nothing without an item; what its links to film 2 bring (2 of 2)" in told
    assert "facts of the item that link it to nothing in the history" in told
    assert "writer ←written by" in told
    assert "without them and the facts below" in told
    draw_explanation(document, tmp_path / "explanation.png")
    assert (tmp_path / "explanation.png").stat().st_size > 10_000


def test_a_graph_without_facts_leaves_nothing_to_tell() -> None:
    data = small_data()
    none = torch.empty(0, dtype=torch.long)
    model = _model(replace(data, read_triplets=lambda: Triplets(none, none, none, data.num_items, 0)))
    assert isinstance(model.data.graph, CollaborativeGraph)
    user, item = int(data.valid.users[0]), int(data.valid.items[0])
    explanation = explain(Ablation(model), user, item, 5, 5)
    assert explanation.paths == []
    assert explanation.apart == []
    assert explanation.drop == pytest.approx(0, abs=1e-6)
    assert all(taken.linked == 0 for taken in explanation.history)
