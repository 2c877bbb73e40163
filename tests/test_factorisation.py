"""Cholesky factors, and what is said where there is none."""

import pytest
import torch

from mkg4rec.errors import PipelineError
from mkg4rec.factorisation import cholesky
from mkg4rec.models import registry
from tests.worlds import checkerboard


def test_a_factor_makes_its_matrix() -> None:
    root = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = root @ root.T + torch.eye(5)
    factor = cholesky(matrix)
    torch.testing.assert_close(factor @ factor.T, matrix)
    assert not factor.triu(1).any()


def test_a_penalty_that_is_too_small_is_one_message() -> None:
    data, _ = checkerboard(num_users=4)
    ease = registry.create("ease", {"regularization": 1e-300}, data)
    assert not isinstance(ease, torch.nn.Module)
    with pytest.raises(PipelineError, match="raise the model's regularization"):
        ease.fit()
