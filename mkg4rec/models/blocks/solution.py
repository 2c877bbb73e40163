"""Regressions between items with as many weights as there are items, times a constant, and memory to match.

After Steck, "Markov Random Fields for Collaborative Filtering" (NeurIPS 2019, https://arxiv.org/abs/1910.09645): items are worked off
in blocks that share their neighbours, and their weights are those of a dense problem among these. Ours: what lies outside of the
neighbours is not left out, but stands in each problem as a few directions that are the same for all, so that far fewer neighbours do.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from mkg4rec.factorisation import cholesky
from mkg4rec.group import MOST, Count, Group
from mkg4rec.models.blocks.directions import Correlations, Directions, leading_directions
from mkg4rec.models.blocks.equations import Equations, RidgeEquations
from mkg4rec.models.blocks.matrix import Block, BlockMatrix, LowRankAndBlocks
from mkg4rec.models.blocks.neighbourhoods import clusters, neighbourhoods
from mkg4rec.models.item_weights import zero_diagonal_solution
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
    rank: Annotated[int, Field(ge=0, le=MOST)]


def zero_diagonal_blocks(
    equations: Equations, items: NDArray[np.intp], columns: NDArray[np.intp], sizes: BlockSizes, device: torch.device
) -> tuple[LowRankAndBlocks, NDArray[np.float64]]:
    """What about minimises tr(BᵀAB − 2 CᵀB) with B_jj = 0.

    A block of items has the columns S, its own and its neighbours, and R = V without the rows of S, for directions V. Each of its
    columns of B is the minimum among all E_S g + R h: that of the whole problem where S is all there is.

    Args:
        items: (W,) to solve for; no other column of B has an entry.
        columns: (U,) of A that may be used, `items` among them.
        device: where the dense problems are solved.

    Returns:
        B, and (items,) of the diagonal of CᵀB.
    """
    correlations = Correlations.of(equations, columns)
    directions = leading_directions(correlations, sizes.rank)
    groups = [items[group] for group in clusters(directions.coordinates[items], sizes.items)]
    found = neighbourhoods(correlations, groups, correlations.scale > 0, sizes.neighbours)
    chosen = (np.concatenate(both) for both in zip(groups, found, strict=True))
    return _solve(equations, directions, groups, chosen, len(columns), zero_diagonal_solution, device)


def ridge_blocks(
    equations: RidgeEquations, known: NDArray[np.intp], unknown: NDArray[np.intp], sizes: BlockSizes, device: torch.device
) -> LowRankAndBlocks:
    """About (K_WW + μ I)⁻¹ K_Wc of (W,) `known` and (C,) `unknown` items, as `zero_diagonal_blocks`: (items, items).

    The neighbours of a block are known items, as many as a block of these has columns.
    """
    correlations = Correlations.of(equations, known)
    directions = leading_directions(correlations, sizes.rank)
    groups = [unknown[group] for group in clusters(directions.target_coordinates[unknown], sizes.items)]
    found = neighbourhoods(equations.kernel, groups, correlations.scale > 0, sizes.items + sizes.neighbours)
    return _solve(equations, directions, groups, found, len(known), _solution, device)[0]


def _solution(gram: Tensor, target: Tensor) -> Tensor:
    return torch.cholesky_solve(target, cholesky(gram))


def _solve(
    equations: Equations,
    directions: Directions,
    groups: Sequence[NDArray[np.intp]],
    chosen_columns: Iterable[NDArray[np.intp]],
    num_columns: int,
    solution: Callable[[Tensor, Tensor], Tensor],
    device: torch.device,
) -> tuple[LowRankAndBlocks, NDArray[np.float64]]:
    """B of the items in `groups`, each group with its columns, and (items,) of the diagonal of CᵀB.

    Args:
        num_columns: how many a group could have.
        solution: B from a dense A and C.
    """
    coefficients = torch.zeros(directions.vectors.shape[1], equations.num_items, device=device)
    attained = np.zeros(equations.num_items)
    blocks = []
    for group, chosen in progress(zip(groups, chosen_columns, strict=True), "blocks of items", len(groups), "block"):
        # Where nothing is left out, there is nothing that directions could stand for.
        inside = directions.vectors[chosen] if len(chosen) < num_columns else directions.vectors[chosen, :0]
        gram, target = _beside_directions(
            equations.gram(chosen, chosen), equations.target(chosen, group), directions, chosen, group, inside
        )
        weights = solution(torch.from_numpy(gram).to(device), torch.from_numpy(target).to(device))
        attained[group] = (target * weights.cpu().numpy()).sum(0)
        own, shared = weights.split([len(chosen), inside.shape[1]])
        own = own - torch.from_numpy(inside).to(device) @ shared
        columns = torch.from_numpy(group).to(device)
        coefficients[: len(shared), columns] = shared.float()
        blocks.append(Block(torch.from_numpy(chosen).to(device), columns, own.float()))
    basis = torch.from_numpy(directions.vectors).float().to(device)
    return LowRankAndBlocks(basis, coefficients, BlockMatrix(blocks)), attained


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
