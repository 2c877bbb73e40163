"""Cholesky factors, on which what has a closed form rests."""

import torch
from torch import Tensor

from mkg4rec.errors import PipelineError


def cholesky(matrix: Tensor) -> Tensor:
    """The lower triangular L of a positive definite A = L Lᵀ.

    Raises:
        PipelineError: A is not positive definite in its arithmetic, as where the penalty is too small to be seen beside its entries.
    """
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed:
        raise PipelineError(
            f"fit: its {len(matrix):,} equations cannot be solved, since they say too nearly the same; raise the model's regularization "
            "in params.yaml."
        )
    return factor
