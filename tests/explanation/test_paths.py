"""Paths on graphs that are small enough to walk by hand."""

from itertools import pairwise, product

import pytest
import torch

from mkg4rec.explanation.paths import NO_EDGE, Paths, strongest_paths
from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.interactions import Interactions
from mkg4rec.models.message_passing import Messages
from tests.worlds import random_graph


def _walk(messages: Messages, edges: list[int]) -> tuple[int, ...]:
    graph = messages.graph
    present = [edge for edge in edges if edge != NO_EDGE]
    return (int(graph.heads[present[0]]), *(int(graph.tails[edge]) for edge in present))


def _literal(graph: CollaborativeGraph, start: int, end: int) -> set[tuple[int, ...]]:
    """All paths as tuples of edges, one after the other."""
    edges = list(zip(range(len(graph.heads)), graph.heads.tolist(), graph.tails.tolist(), strict=True))
    found = set()
    for length in (1, 2, 3):
        for walk in product(edges, repeat=length):
            nodes = [walk[0][1], *(tail for _, _, tail in walk)]
            joined = all(left[2] == right[1] for left, right in pairwise(walk))
            if joined and nodes[0] == start and nodes[-1] == end and len(set(nodes)) == len(nodes):
                found.add(tuple(edge for edge, _, _ in walk))
    return found


def _all(paths: Paths) -> list[tuple[int, ...]]:
    return [tuple(edge for edge in row if edge != NO_EDGE) for row in paths.edges.tolist()]


@pytest.mark.parametrize("seed", range(3))
def test_finds_every_path_of_up_to_three_edges_once(seed: int) -> None:
    graph = random_graph(seed, num_users=3, num_items=4, num_attributes=3)
    messages = Messages(graph, torch.rand(len(graph.heads)), 3)
    for user, item in product(range(3), range(4)):
        found = _all(strongest_paths(messages, torch.rand(len(graph.heads)), user, item, 10_000))
        assert len(found) == len(set(found))
        assert set(found) == _literal(graph, graph.num_entities + user, item)


def test_the_strongest_path_and_its_attention_are_those_worked_out_by_hand() -> None:
    # Users 0 and 1, items 0, 1 and 2, an attribute 3. User 0 took item 0; user 1 took items 0 and 2; items 0 and 2 share the attribute.
    train = Interactions.from_pairs(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 2]), 2, 3)
    graph = CollaborativeGraph.build(train, Triplets(torch.tensor([0, 2]), torch.tensor([0, 0]), torch.tensor([3, 3]), 4, 1))
    weight = {
        (4, 0): 0.5,
        (0, 4): 0.1,
        (0, 5): 0.2,
        (5, 0): 0.3,
        (5, 2): 0.7,
        (2, 5): 0.6,
        (0, 3): 0.9,
        (3, 0): 0.4,
        (3, 2): 0.6,
        (2, 3): 0.4,
    }
    pairs = list(zip(graph.heads.tolist(), graph.tails.tolist(), strict=True))
    messages = Messages(graph, torch.tensor([weight[pair] for pair in pairs]), 3)
    # Of either link its influence: what ties item 2 to the attribute speaks for it, what ties it to user 1 against it.
    influence = {frozenset((4, 0)): 0.3, frozenset((0, 5)): 0.1, frozenset((5, 2)): -0.2, frozenset((0, 3)): 0.05, frozenset((3, 2)): 0.4}
    influences = torch.tensor([influence[frozenset(pair)] for pair in pairs])

    paths = strongest_paths(messages, influences, 0, 2, 10)

    assert [_walk(messages, row) for row in paths.edges.tolist()] == [(4, 0, 3, 2), (4, 0, 5, 2)]
    assert paths.strengths.tolist() == pytest.approx([0.75, 0.2])
    through_attribute = 0.5 * 0.9 * 0.6 + 0.5 * 0.9 * 0.4 + 0.5 * 0.4 * 0.4 + 0.1 * 0.4 * 0.4
    through_user = 0.5 * 0.2 * 0.7 + 0.5 * 0.2 * 0.6 + 0.5 * 0.3 * 0.6 + 0.1 * 0.3 * 0.6
    assert paths.attention.tolist() == pytest.approx([through_attribute, through_user])
    # With one layer a message goes over one edge: nothing meets on a path of three.
    shallow = strongest_paths(Messages(graph, messages.weights, 1), influences, 0, 2, 10)
    assert shallow.attention.tolist() == [0, 0]


def test_a_layer_that_reaches_over_several_edges_brings_a_message_in_every_way_that_there_is() -> None:
    graph, ones = random_graph(0), torch.ones(1)
    assert Messages(graph, ones, 3).carried(3) == [1, 1, 1, 1]
    assert Messages(graph, ones, 2).carried(3) == [1, 1, 1, 0]
    # Over two edges: one hop of two, or two of one. Over three with two layers: one and two, or two and one.
    assert Messages(graph, ones, 2, (0.7, 0.3)).carried(3) == pytest.approx([1, 0.7, 0.3 + 0.49, 2 * 0.21])
    assert Messages(graph, ones, 1, (0.5, 0.3, 0.2)).carried(3) == pytest.approx([1, 0.5, 0.3, 0.2])


def test_the_attention_of_a_path_counts_what_several_hops_bring() -> None:
    # User 0 took item 0, which has attribute 2, as item 1 has.
    train = Interactions.from_pairs(torch.tensor([0]), torch.tensor([0]), 1, 2)
    graph = CollaborativeGraph.build(train, Triplets(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([2, 2]), 3, 1))
    weight = {(3, 0): 1.0, (0, 3): 0.4, (0, 2): 0.6, (2, 0): 0.5, (2, 1): 0.5, (1, 2): 1.0}
    weights = torch.tensor([weight[pair] for pair in zip(graph.heads.tolist(), graph.tails.tolist(), strict=True)])
    # One layer of up to two edges: the sides meet in the item or in the attribute.
    (found,) = strongest_paths(Messages(graph, weights, 1, (0.7, 0.3)), torch.ones(6), 0, 1, 5).attention.tolist()
    to_user, to_item = [1.0, 1.0, 0.6, 0.6 * 0.5], [0.4 * 0.5 * 1.0, 0.5 * 1.0, 1.0, 1.0]
    carried = [1, 0.7, 0.3, 0]
    assert found == pytest.approx(sum(to_user[k] * carried[k] * to_item[k] * carried[3 - k] for k in range(4)))


def test_nothing_joins_a_user_to_an_item_that_stands_alone() -> None:
    train = Interactions.from_pairs(torch.tensor([0]), torch.tensor([0]), 1, 2)
    none = torch.empty(0, dtype=torch.long)
    graph = CollaborativeGraph.build(train, Triplets(none, none, none, 2, 0))
    assert not len(strongest_paths(Messages(graph, torch.ones(2), 2), torch.ones(2), 0, 1, 5).edges)
