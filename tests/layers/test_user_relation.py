"""Attention over relations, and the aggregators, against their equations."""

import pytest
import torch
from torch import nn

from mkg4rec.layers.user_relation import Aggregation, Aggregator, user_relation_attention


def test_attention_is_a_softmax_over_the_edges_of_an_entity() -> None:
    torch.manual_seed(0)
    scores, relations = torch.randn(2, 5), torch.randint(5, (2, 3, 4))
    attention = user_relation_attention(scores, relations)
    for user in range(2):
        for entity in range(3):
            weights = torch.stack([scores[user, relation].exp() for relation in relations[user, entity]])
            torch.testing.assert_close(attention[user, entity], weights / weights.sum())


def test_attention_stands_scores_of_any_size() -> None:
    attention = user_relation_attention(torch.tensor([[1000.0, -1000.0, 0.0]]), torch.tensor([[[0, 1], [1, 1], [2, 1]]]))
    torch.testing.assert_close(attention, torch.tensor([[[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]]]))


@torch.no_grad()
@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_the_parts_of_vectors_add_up_to_what_they_aggregate_to(aggregation: Aggregation) -> None:
    torch.manual_seed(0)
    layer = Aggregator(4, aggregation, nn.Tanh())
    nn.init.normal_(layer.bias)
    own, neighbours, weights = torch.randn(6, 4), torch.randn(3, 4), torch.tensor([0.2, 0.5, 0.3])
    given_to_itself, _ = layer.parts(own)
    _, given_around = layer.parts(neighbours)
    torch.testing.assert_close(torch.tanh(given_to_itself + weights @ given_around), layer(own, (weights @ neighbours).expand(6, -1)))
