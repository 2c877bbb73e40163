"""TransE, fact by fact."""

import torch

from mkg4rec.layers.transe import TransE


def test_distance_and_loss() -> None:
    torch.manual_seed(0)
    transe = TransE(3, 5)
    heads, tails, corrupted = torch.randn(3, 6, 5)
    relations = torch.tensor([2, 0, 1, 1, 0, 2])
    expected = []
    for head, relation, tail, wrong in zip(heads, relations, tails, corrupted, strict=True):
        true = (head + transe.translations[relation] - tail).norm() ** 2
        false = (head + transe.translations[relation] - wrong).norm() ** 2
        torch.testing.assert_close(transe.distance(head[None], relation[None], tail[None])[0], true)
        expected.append(-torch.log(torch.sigmoid(false - true)))
    torch.testing.assert_close(transe.loss(heads, relations, tails, corrupted), torch.stack(expected).mean())
