"""The blocks of the bipartite graph's matrices against the matrices themselves."""

import torch
from torch import Tensor

from mkg4rec.graph.bipartite import identity_plus_laplacian, symmetric_normalised
from mkg4rec.interactions import Interactions
from tests.worlds import dense_interactions


def _interactions() -> tuple[Interactions, Tensor]:
    """Four users and five items, the last item taken by nobody; and the adjacency matrix of all nine."""
    taken = torch.tensor([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 0, 1, 0]])
    adjacency = torch.zeros(9, 9)
    adjacency[:4, 4:] = taken
    adjacency[4:, :4] = taken.T
    return dense_interactions(taken.bool()), adjacency


def test_symmetric_normalised() -> None:
    train, adjacency = _interactions()
    product = symmetric_normalised(train)
    scale = adjacency.sum(1).clamp(min=1).rsqrt()
    expected = scale.unsqueeze(1) * adjacency * scale
    torch.testing.assert_close(product(torch.eye(5)), expected[:4, 4:])
    torch.testing.assert_close(product.T(torch.eye(4)), expected[4:, :4])


def test_identity_plus_laplacian() -> None:
    train, adjacency = _interactions()
    laplacian = torch.eye(9) - adjacency / adjacency.sum(1, keepdim=True).clamp(min=1)
    product = identity_plus_laplacian(train)
    torch.testing.assert_close(product(torch.eye(9)), torch.eye(9) + laplacian)
    torch.testing.assert_close(product.T(torch.eye(9)), (torch.eye(9) + laplacian).T)
