"""InfoNCE, pair by pair."""

import math

import pytest
import torch

from mkg4rec.training.alignment import info_nce


def test_info_nce() -> None:
    torch.manual_seed(0)
    anchors, others, weights = torch.randn(5, 3), torch.randn(5, 3), torch.rand(5)
    terms = []
    for row in range(5):
        likeness = [float(anchors[row] @ other / anchors[row].norm() / other.norm()) for other in others]
        terms.append(-math.log(math.exp(likeness[row] / 0.2) / sum(math.exp(value / 0.2) for value in likeness)))
    assert info_nce(anchors, others, 0.2).item() == pytest.approx(sum(terms) / 5, rel=1e-5)
    weighted = sum(weight * term for weight, term in zip(weights.tolist(), terms, strict=True)) / 5
    assert info_nce(anchors, others, 0.2, weights).item() == pytest.approx(weighted, rel=1e-5)


def test_nothing_to_align_costs_nothing() -> None:
    nothing = torch.zeros(0, 3, requires_grad=True)
    info_nce(nothing, nothing, 0.2).backward()
    assert info_nce(nothing, nothing, 0.2).item() == 0
