"""Features of edges against a walk over every neighbour, and against graphs that are worked out by hand."""

from itertools import product
from math import log, log1p

import pytest
import torch
from torch import Tensor

from mkg4rec.graph import structure
from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.graph.structure import EDGE_FEATURES, common_neighbours, edge_features
from mkg4rec.interactions import Interactions
from tests.worlds import random_graph


def _neighbours(graph: CollaborativeGraph) -> list[set[int]]:
    around: list[set[int]] = [set() for _ in range(graph.num_nodes)]
    for head, tail in zip(graph.heads.tolist(), graph.tails.tolist(), strict=True):
        around[head] |= {tail} - {head}
    return around


def _literal_common(graph: CollaborativeGraph) -> tuple[list[float], list[float]]:
    around = _neighbours(graph)
    ends = list(zip(graph.heads.tolist(), graph.tails.tolist(), strict=True))
    shared = [float(len(around[head] & around[tail])) for head, tail in ends]
    pairs = [[(x, y) for x, y in product(around[head] - {tail}, around[tail] - {head}) if y in around[x]] for head, tail in ends]
    return shared, [float(len(found)) for found in pairs]


def _literal_features(graph: CollaborativeGraph) -> list[list[float]]:
    """Before the columns are standardised, but for the degrees in their product."""
    degree = torch.bincount(graph.heads, minlength=graph.num_nodes).tolist()
    frequency = torch.bincount(graph.relations, minlength=graph.num_relations).tolist()
    rows = list(zip(graph.heads.tolist(), graph.relations.tolist(), graph.tails.tolist(), *_literal_common(graph), strict=True))
    of_head = torch.tensor([log(degree[head]) for head, *_ in rows])
    of_tail = torch.tensor([log(degree[tail]) for _, _, tail, *_ in rows])
    together = ((of_head - of_head.mean()) * (of_tail - of_tail.mean())).tolist()
    return [
        [log(degree[tail]), both, log(frequency[relation]), log1p(shared), log1p(joined)]
        for (_, relation, tail, shared, joined), both in zip(rows, together, strict=True)
    ]


def _with_triangles(seed: int) -> CollaborativeGraph:
    """Facts between items too, and one from an item to itself, so that there are common neighbours, and nodes joined by two relations."""
    generator = torch.Generator().manual_seed(seed)
    heads, tails = torch.randint(6, (14,), generator=generator), torch.randint(9, (14,), generator=generator)
    heads[0] = tails[0] = 2
    relations = torch.randint(2, (14,), generator=generator)
    train = Interactions.from_pairs(torch.tensor([0, 0, 1, 1, 2, 3]), torch.tensor([0, 1, 1, 2, 3, 5]), 4, 6)
    return CollaborativeGraph.build(train, Triplets(heads, relations, tails, 9, 2))


@pytest.mark.parametrize("graph", [random_graph(seed) for seed in range(3)] + [_with_triangles(seed) for seed in range(3)])
@pytest.mark.parametrize("held", [1, 40, 1 << 23])
def test_counts_what_lies_between_the_ends_whatever_the_size_of_a_block(
    graph: CollaborativeGraph, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure, "HELD", held)
    proper = graph.heads != graph.tails
    for found, expected in zip(common_neighbours(graph), _literal_common(graph), strict=True):
        assert torch.equal(found[proper], torch.tensor(expected)[proper])
        assert found.isfinite().all()


def test_there_are_common_neighbours_to_count() -> None:
    shared, joined = common_neighbours(_with_triangles(0))
    assert shared.max() > 1
    assert joined.max() > 2


@pytest.mark.parametrize("graph", [random_graph(0), _with_triangles(1)])
def test_features_are_those_of_the_definition(graph: CollaborativeGraph) -> None:
    proper = graph.heads != graph.tails
    expected = torch.tensor(_literal_features(graph))
    found = edge_features(graph)
    assert found.shape == (len(graph.heads), len(EDGE_FEATURES))
    for column in range(len(EDGE_FEATURES)):
        # Up to mean and scale, which are those of all edges.
        left, right = found[proper, column], expected[proper, column]
        left, right = left - left.mean(), right - right.mean()
        torch.testing.assert_close(left * right.norm(), right * left.norm(), atol=1e-4, rtol=1e-4)
        assert left @ right > 0 or not right.any()


def test_every_column_has_mean_0_and_deviation_1_or_is_0() -> None:
    graph = random_graph(0)
    for column in edge_features(graph).T:
        assert column.mean().abs() < 1e-5
        assert not column.any() or column.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    # One interaction alone: nothing varies.
    none = torch.empty(0, dtype=torch.long)
    alone = CollaborativeGraph.build(Interactions.from_pairs(torch.tensor([0]), torch.tensor([0]), 1, 1), Triplets(none, none, none, 1, 0))
    assert torch.equal(edge_features(alone), torch.zeros(2, len(EDGE_FEATURES)))


def _renumbered(graph: CollaborativeGraph, order: Tensor) -> CollaborativeGraph:
    keys = torch.stack([order[graph.heads], graph.relations, order[graph.tails]])
    heads, relations, tails = torch.unique(keys, dim=1)
    sizes = graph.num_entities, graph.num_users, graph.num_items, graph.num_relations
    return CollaborativeGraph(heads, relations, tails, *sizes)


def test_does_not_depend_on_how_nodes_are_numbered() -> None:
    graph = _with_triangles(2)
    order = torch.randperm(graph.num_nodes, generator=torch.Generator().manual_seed(0))
    other = _renumbered(graph, order)
    edges = zip(other.heads.tolist(), other.relations.tolist(), other.tails.tolist(), strict=True)
    features = dict(zip(edges, edge_features(other), strict=True))
    for head, relation, tail, row in zip(graph.heads, graph.relations, graph.tails, edge_features(graph), strict=True):
        torch.testing.assert_close(features[int(order[head]), int(relation), int(order[tail])], row, atol=1e-5, rtol=1e-5)
