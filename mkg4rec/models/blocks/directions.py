"""A few directions that stand for all the columns which a block leaves out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mkg4rec.models.blocks.equations import Equations
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

    equations: Equations
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, equations: Equations, columns: NDArray[np.intp]) -> "Correlations":
        """Of the (U,) columns that are used."""
        diagonal = equations.diagonal
        scale = np.zeros(len(diagonal))
        scale[columns] = 1 / np.sqrt(diagonal[columns])
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
        coordinates: (D, at most COORDINATES) rows of R U, near each other for columns that are alike.
        target_coordinates: (items, likewise) rows of Cᵀ S U, for items whose columns of C are alike.
    """

    vectors: NDArray[np.float64]
    gram: NDArray[np.float64]
    among: NDArray[np.float64]
    target: NDArray[np.float64]
    coordinates: NDArray[np.float64]
    target_coordinates: NDArray[np.float64]


def leading_directions(correlations: Correlations, rank: int) -> Directions:
    """V = S U with the leading eigenvectors U of R; of no more than `rank`, or as many as there are columns.

    Randomised subspace iteration, as in Halko, Martinsson and Tropp (SIAM Review 2011, https://arxiv.org/abs/0909.4061), section 4.5."""
    equations, scale = correlations.equations, correlations.scale[:, None]
    size = min(max(rank, COORDINATES), int((correlations.scale > 0).sum()))
    vectors = torch.randn(len(scale), size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).numpy()
    for _ in progress(range(ROUNDS), "leading directions", ROUNDS, "round"):
        vectors = np.linalg.qr(correlations.times(vectors)).Q
    vectors *= scale
    gram = equations.gram_times(vectors)
    rotation = np.linalg.eigh(vectors.T @ gram).eigenvectors[:, ::-1]
    gram, target = gram @ rotation, equations.target_times(vectors) @ rotation
    own, others = scale * gram[:, :COORDINATES], target[:, :COORDINATES]
    vectors, gram, target = (vectors @ rotation)[:, :rank], gram[:, :rank], target[:, :rank]
    return Directions(vectors, gram, vectors.T @ gram, target, own, others)
