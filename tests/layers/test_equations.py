"""Every layer against a literal version of its equations, entry by entry."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mkg4rec.graph.sparse import Pattern
from mkg4rec.layers.attention import knowledge_attention
from mkg4rec.layers.bi_interaction import BiInteraction
from mkg4rec.layers.cross_modal import CrossModalBlock, Fusion, ModalLinear, attention_mask, reads
from mkg4rec.layers.modality import ModalFeatures
from mkg4rec.layers.transr import TransR
from tests.worlds import random_graph


def test_transr_distance_and_loss() -> None:
    torch.manual_seed(0)
    transr = TransR(4, 5)
    heads, tails, corrupted = torch.randn(3, 9, 5)
    relations = torch.tensor([3, 0, 1, 1, 0, 3, 3, 1, 0])
    expected = []
    for head, relation, tail, wrong in zip(heads, relations, tails, corrupted, strict=True):
        projection, translation = transr.projections[relation], transr.translations[relation]
        true = (projection @ head + translation - projection @ tail).norm() ** 2
        false = (projection @ head + translation - projection @ wrong).norm() ** 2
        expected.append(-torch.log(torch.sigmoid(false - true)))
        torch.testing.assert_close(transr.distance(head[None], relation[None], tail[None])[0], true)
    torch.testing.assert_close(transr.loss(heads, relations, tails, corrupted), torch.stack(expected).mean())


def test_knowledge_attention_is_a_softmax_over_each_neighbourhood() -> None:
    torch.manual_seed(1)
    graph = random_graph()
    transr = TransR(graph.num_relations, 4)
    embeddings = torch.randn(graph.num_nodes, 4)
    attention = knowledge_attention(graph, embeddings, transr)
    for node in range(graph.num_nodes):
        edges = (graph.heads == node).nonzero().squeeze(1).tolist()
        logits = []
        for edge in edges:
            projection, translation = transr.projections[graph.relations[edge]], transr.translations[graph.relations[edge]]
            logits.append((projection @ embeddings[graph.tails[edge]]) @ torch.tanh(projection @ embeddings[node] + translation))
        if edges:
            torch.testing.assert_close(attention[edges], torch.stack(logits).softmax(0))


def test_bi_interaction_over_the_weighted_neighbourhood() -> None:
    torch.manual_seed(2)
    graph = random_graph(seed=3)
    weights = torch.rand(len(graph.heads))
    layer = BiInteraction(2, 4, 3, 0.2)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    nodes = torch.randn(2, graph.num_nodes, 4)
    product = Pattern.build(graph.heads, graph.tails, (graph.num_nodes, graph.num_nodes)).weighted(weights)
    actual = layer(nodes, torch.stack([product(side) for side in nodes]))
    for side in range(2):
        for node in range(graph.num_nodes):
            around = torch.zeros(4)
            for edge in (graph.heads == node).nonzero().squeeze(1).tolist():
                around += weights[edge] * nodes[side, graph.tails[edge]]
            own = nodes[side, node]
            added = (own + around) @ layer.sum_weight[side] + layer.sum_bias[side, 0]
            multiplied = (own * around) @ layer.product_weight[side] + layer.product_bias[side, 0]
            torch.testing.assert_close(actual[side, node], F.leaky_relu(added, 0.2) + F.leaky_relu(multiplied, 0.2))


def test_modal_features_project_contents_and_learn_the_missing() -> None:
    torch.manual_seed(3)
    vectors, present = torch.randn(5, 7), torch.tensor([True, False, True, True, False])
    features = ModalFeatures(vectors, present, 4, 0.2)
    actual = features()
    for entity in range(5):
        expected = F.leaky_relu(features.projection(vectors[entity]), 0.2) if present[entity] else features.missing[0]
        torch.testing.assert_close(actual[entity], expected)
    actual.sum().backward()
    assert features.missing.grad is not None
    torch.testing.assert_close(features.missing.grad, torch.full((1, 4), 2.0))


def _linear(layer: ModalLinear, side: int, token: Tensor) -> Tensor:
    return token @ layer.weight[side] + layer.bias[side, 0]


def _literal_block(block: CrossModalBlock, tokens: Tensor, present: Tensor, allowed: Tensor) -> Tensor:
    """Tokens (M, n, d) of one item, side by side, head by head, position by position."""
    sides, length, dimension = tokens.shape
    width = dimension // block.num_heads
    output = torch.empty_like(tokens)
    for side in range(sides):
        for position in range(length):
            query = _linear(block.query, side, tokens[side, position])
            heads = []
            for head in range(block.num_heads):
                part = slice(head * width, (head + 1) * width)
                keys, values = [], []
                for other in range(sides):
                    for place in range(length):
                        if allowed[side, other] and present[place]:
                            keys.append(_linear(block.key, other, tokens[other, place])[part])
                            values.append(_linear(block.value, other, tokens[other, place])[part])
                weights = (torch.stack(keys) @ query[part] / math.sqrt(width)).softmax(0)
                heads.append(weights @ torch.stack(values))
            token = tokens[side, position] + _linear(block.output, side, torch.cat(heads))
            token = F.layer_norm(token, (dimension,)) * block.attention_norm.scale[side, 0, 0] + block.attention_norm.shift[side, 0, 0]
            token = token + _linear(block.contract, side, F.relu(_linear(block.expand, side, token)))
            output[side, position] = (
                F.layer_norm(token, (dimension,)) * block.feedforward_norm.scale[side, 0, 0] + block.feedforward_norm.shift[side, 0, 0]
            )
    return output


@pytest.mark.parametrize(
    ("fusion", "modalities"),
    [
        (Fusion.BOTH, ["visual"]),
        (Fusion.BOTH, ["text", "web", "visual"]),
        *((fusion, ["visual", "text"]) for fusion in (Fusion.BOTH, Fusion.TEXT_TO_IMAGE, Fusion.IMAGE_TO_TEXT)),
        (Fusion.TEXT_TO_IMAGE, ["text", "web", "visual"]),
    ],
)
def test_cross_modal_block(fusion: Fusion, modalities: list[str]) -> None:
    torch.manual_seed(4)
    sides, items, length, dimension = len(modalities), 3, 4, 8
    block = CrossModalBlock(sides, dimension, 2, 6)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    tokens = torch.randn(sides, items, length, dimension)
    present = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])
    allowed = reads(modalities, fusion)
    mask = attention_mask(allowed, present)
    actual = block(tokens, mask, length)
    for item in range(items):
        expected = _literal_block(block, tokens[:, item], present[item], allowed)
        torch.testing.assert_close(actual[:, item][:, present[item]], expected[:, present[item]], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(block(tokens, mask, 1)[:, :, 0], actual[:, :, 0])
    torch.testing.assert_close(block.attention(tokens, mask).sum(-1), torch.ones(items, 2, sides * length))


def test_fusion_says_who_reads_whom() -> None:
    pair = ["visual", "text"]
    assert reads(pair, Fusion.BOTH).tolist() == [[True, True], [True, True]]
    assert reads(["visual", "text", "web"], Fusion.BOTH).all()
    assert reads(pair, Fusion.TEXT_TO_IMAGE).tolist() == [[True, True], [False, True]]
    assert reads(pair, Fusion.IMAGE_TO_TEXT).tolist() == [[True, False], [True, True]]
