"""Regressions between items with as many weights as there are items, times a constant, and memory to match.

After Steck, "Markov Random Fields for Collaborative Filtering" (NeurIPS 2019, https://arxiv.org/abs/1910.09645): items are worked off
in blocks that share their neighbours, and their weights are those of a dense problem among these. Ours: what lies outside of the
neighbours is not left out, but stands in each problem as a few directions that are the same for all, so that far fewer neighbours do.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mkg4rec.kernels import Kernel
from mkg4rec.models.blocks.directions import Correlations, Directions, leading_directions
from mkg4rec.models.blocks.equations import NormalEquations
from mkg4rec.models.blocks.matrix import Block, BlockMatrix, LowRankAndBlocks
from mkg4rec.models.blocks.neighbourhoods import clusters, neighbourhoods
from mkg4rec.models.item_weights import zero_diagonal_solution
from mkg4rec.params import Count, Group
from mkg4rec.progress import progress

RIDGE = 1e-5
"""On a direction, whose own length is 1 or more: where a block's columns nearly span it, it must not make the problem singular."""


class BlockSizes(Group):
    """Attributes:
    items: whose weights are computed together, at most.
    neighbours: further columns of Z that these are rebuilt from.
    rank: directions that stand for all other columns; 0 leaves those out.
    """

    items: Count
    neighbours: Count
    rank: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Solution:
    """Attributes:
    weights: B, (D, items), zero for items that were not solved for.
    minima: (items,) of each item's problem, likewise.
    coordinates: (D, C) near each other for columns that are alike.
    """

    weights: LowRankAndBlocks
    minima: NDArray[np.float64]
    coordinates: NDArray[np.float64]


def block_solution(
    equations: NormalEquations, items: NDArray[np.intp], columns: NDArray[np.intp], sizes: BlockSizes, device: torch.device
) -> Solution:
    """What about minimises tr(BᵀAB − 2 CᵀB) with B_jj = 0.

    A block of items has the columns S, its own and its neighbours, and R = V without the rows of S, for directions V. Each of its
    columns of B is the minimum among all E_S g + R h: that of the whole problem where S is all there is.

    Args:
        items: (W,) to solve for.
        columns: (U,) of Z that may be used, `items` among them.
        device: where the dense problems are solved.
    """
    correlations = Correlations.of(equations, columns)
    directions, coordinates = leading_directions(correlations, sizes.rank)
    groups = [items[group] for group in clusters(coordinates[items], sizes.items)]
    found = neighbourhoods(correlations, groups, correlations.scale > 0, sizes.neighbours)
    coefficients = torch.zeros(directions.vectors.shape[1], equations.num_items, device=device)
    minima = np.zeros(equations.num_items)
    blocks = []
    for group, neighbours in progress(zip(groups, found, strict=True), "blocks of items", len(groups), "block"):
        chosen = np.concatenate([group, neighbours])
        gram, target = equations.gram(chosen, chosen), equations.target(chosen, group)
        # Where nothing is left out, there is nothing that directions could stand for.
        inside = directions.vectors[chosen] if len(chosen) < len(columns) else directions.vectors[chosen, :0]
        gram, target = _beside_directions(gram, target, directions, chosen, group, inside)
        weights = zero_diagonal_solution(torch.from_numpy(gram).to(device), torch.from_numpy(target).to(device))
        minima[group] = equations.totals[group] - (target * weights.cpu().numpy()).sum(0)
        own, shared = weights.split([len(chosen), inside.shape[1]])
        coefficients[: len(shared), torch.from_numpy(group).to(device)] = shared.float()
        blocks.append(_block(chosen, group, own - torch.from_numpy(inside).to(device) @ shared))
    basis = torch.from_numpy(directions.vectors).float().to(device)
    return Solution(LowRankAndBlocks(basis, coefficients, BlockMatrix(blocks)), minima, coordinates)


def _beside_directions(
    gram: NDArray[np.float64],
    target: NDArray[np.float64],
    directions: Directions,
    chosen: NDArray[np.intp],
    items: NDArray[np.intp],
    inside: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A and C of [E_S, R], from those of E_S: with V_S = `inside` (M, r), R = V − E_S V_S.

    E_SᵀAR = (AV)_S − A_SS V_S,  RᵀAR = VᵀAV − V_Sᵀ(AV)_S − (E_SᵀAR)ᵀV_S,  RᵀC = VᵀC − V_SᵀC_S.
    """
    rank = inside.shape[1]
    products = directions.gram[chosen, :rank]
    across = products - gram @ inside
    among = directions.among[:rank, :rank] - inside.T @ products - across.T @ inside
    among = (among + among.T) / 2 + RIDGE * np.eye(rank)
    remaining = directions.target[items, :rank].T - inside.T @ target
    return np.block([[gram, across], [across.T, among]]), np.concatenate([target, remaining])


def block_ridge(
    kernel: Kernel,
    known: NDArray[np.intp],
    unknown: NDArray[np.intp],
    coordinates: NDArray[np.float64],
    regularization: float,
    sizes: BlockSizes,
    device: torch.device,
) -> BlockMatrix:
    """(K_NN + μ I)⁻¹ K_NT, from the `known` items N that are nearest to a block T of `unknown` ones: (items, items).

    That is kernel ridge regression on all known items where N is all of them.

    Args:
        known: (W,) items.
        unknown: (C,) items.
        coordinates: (items, c) by which known items were grouped; unknown ones are where those are that they are like.
        regularization: μ.
    """
    eligible = np.zeros(len(coordinates), dtype=np.bool_)
    eligible[known] = True
    places = kernel.times(np.where(eligible[:, None], coordinates, 0))[unknown]
    groups = [unknown[group] for group in clusters(places, sizes.items)]
    blocks = []
    found = neighbourhoods(kernel, groups, eligible, sizes.items + sizes.neighbours)
    for group, neighbours in progress(zip(groups, found, strict=True), "blocks of cold items", len(groups), "block"):
        among, towards = (torch.from_numpy(kernel.between(neighbours, others)).to(device) for others in (neighbours, group))
        among.diagonal().add_(regularization)
        blocks.append(_block(neighbours, group, torch.cholesky_solve(towards, torch.linalg.cholesky(among))))
    return BlockMatrix(blocks)


def _block(rows: NDArray[np.intp], columns: NDArray[np.intp], values: Tensor) -> Block:
    return Block(torch.from_numpy(rows).to(values.device), torch.from_numpy(columns).to(values.device), values.float())
