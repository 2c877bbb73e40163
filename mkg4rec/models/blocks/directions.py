"""A few directions that stand for all the columns of Z which a block leaves out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mkg4rec.models.blocks.equations import NormalEquations
from mkg4rec.progress import progress

ROUNDS = 4
"""Of subspace iteration. The directions need not be exact, since the best weights in what they span are found for every block."""

COORDINATES = 32
"""Leading directions in which columns that are alike are near each other."""


@dataclass(frozen=True)
class Correlations:
    """R = S A S with S = diag(A)^−½, and 0 for columns that are not used.

    Attributes:
        scale: (D,) the diagonal of S.
    """

    equations: NormalEquations
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, equations: NormalEquations, columns: NDArray[np.intp]) -> "Correlations":
        """Of the (U,) columns that are used."""
        scale = np.zeros(equations.num_columns)
        scale[columns] = 1 / np.sqrt(equations.diagonal[columns])
        return cls(equations, scale)

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """R V, (D, k), for a (D, k) V."""
        return self.scale[:, None] * self.equations.gram_times(self.scale[:, None] * dense)

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """R_ij of (M,) i with (N,) j: (M, N)."""
        return self.scale[rows, None] * self.equations.gram(rows, columns) * self.scale[columns]


@dataclass(frozen=True)
class Directions:
    """Vectors V (D, r), and what of the normal equations concerns them.

    Attributes:
        vectors: V.
        gram: A V, (D, r).
        among: Vᵀ A V, (r, r).
        target: Cᵀ V, (items, r).
    """

    vectors: NDArray[np.float64]
    gram: NDArray[np.float64]
    among: NDArray[np.float64]
    target: NDArray[np.float64]


def leading_directions(correlations: Correlations, rank: int) -> tuple[Directions, NDArray[np.float64]]:
    """V = S U with the leading eigenvectors U of R; of no more than `rank`, or as many as there are columns.

    Randomised subspace iteration, as in Halko, Martinsson and Tropp (SIAM Review 2011, https://arxiv.org/abs/0909.4061), section 4.5.

    Returns:
        the directions, and (D, at most COORDINATES) rows of R U.
    """
    equations, scale = correlations.equations, correlations.scale[:, None]
    size = min(max(rank, COORDINATES), int((correlations.scale > 0).sum()))
    vectors = torch.randn(len(scale), size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).numpy()
    for _ in progress(range(ROUNDS), "leading directions", ROUNDS, "round"):
        vectors = np.linalg.qr(correlations.times(vectors)).Q
    vectors *= scale
    gram = equations.gram_times(vectors)
    rotation = np.linalg.eigh(vectors.T @ gram).eigenvectors[:, ::-1]
    coordinates = scale * (gram @ rotation[:, :COORDINATES])
    rotation = rotation[:, :rank]
    vectors, gram = vectors @ rotation, gram @ rotation
    return Directions(vectors, gram, vectors.T @ gram, equations.target_times(vectors)), coordinates
