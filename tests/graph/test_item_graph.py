"""Item graphs against dense matrices."""

import torch
from torch import Tensor

from mkg4rec.graph.item_graph import ItemGraph, blended

EDGES = (torch.tensor([2, 0, 0, 2]), torch.tensor([0, 3, 1, 0]), torch.tensor([1.0, 2.0, 0.5, 3.0]))


def _dense(graph: ItemGraph) -> Tensor:
    matrix = torch.zeros(graph.num_items, graph.num_items)
    matrix[graph.items, graph.neighbours] = graph.weights
    return matrix


def test_edges_are_sorted_and_those_that_stand_twice_are_added() -> None:
    graph = ItemGraph.from_edges(*EDGES, 4)
    assert list(zip(graph.items.tolist(), graph.neighbours.tolist(), graph.weights.tolist(), strict=True)) == [
        (0, 1, 0.5),
        (0, 3, 2.0),
        (2, 0, 4.0),
    ]
    assert graph.connected.tolist() == [True, False, True, False]
    assert graph.unweighted().weights.tolist() == [1, 1, 1]


def test_normalised_divides_by_the_roots_of_both_row_sums() -> None:
    torch.manual_seed(0)
    matrix = torch.rand(6, 6) * (torch.rand(6, 6) < 0.6)
    matrix[4] = matrix[:, 4] = 0
    rows, columns = matrix.nonzero(as_tuple=True)
    graph = ItemGraph.from_edges(rows, columns, matrix[rows, columns], 6)
    sums = matrix.sum(1)
    expected = torch.zeros(6, 6)
    for row, column in matrix.nonzero().tolist():
        expected[row, column] = matrix[row, column] / (sums[row].sqrt() * sums[column].sqrt())
    torch.testing.assert_close(_dense(graph.normalised()), expected)


def test_the_product_is_that_of_the_matrix_and_goes_back_through_its_transpose() -> None:
    torch.manual_seed(0)
    graph, vectors = ItemGraph.from_edges(*EDGES, 4), torch.randn(4, 3, requires_grad=True)
    product = graph.product()(vectors)
    torch.testing.assert_close(product, _dense(graph) @ vectors)
    given = torch.randn(4, 3)
    product.backward(given)
    torch.testing.assert_close(vectors.grad, _dense(graph).T @ given)


def test_blended_is_the_weighted_sum() -> None:
    first = ItemGraph.from_edges(*EDGES, 4)
    second = ItemGraph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 2]), torch.tensor([1.0, 1.0]), 4)
    torch.testing.assert_close(_dense(blended([(0.25, first), (0.75, second)])), 0.25 * _dense(first) + 0.75 * _dense(second))
    assert len(blended([(0.0, first), (1.0, second)])) == 2
    assert len(blended([(0.0, first)])) == 0
