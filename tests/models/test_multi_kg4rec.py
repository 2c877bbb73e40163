"""Multi-KG4Rec as a whole: how its parts are put together, against a literal version."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.layers.attention import knowledge_attention
from mkg4rec.layers.bi_interaction import BiInteraction
from mkg4rec.models import registry
from mkg4rec.models.multi_kg4rec import MultiKG4Rec
from tests.conftest import ROOT
from tests.worlds import checkerboard, dense_interactions


def _model(**changes: Any) -> MultiKG4Rec:
    torch.manual_seed(0)
    values = params.load(ROOT / "params.yaml").models["multi_kg4rec"] | changes
    model = registry.create("multi_kg4rec", values, checkerboard()[0])
    assert isinstance(model, MultiKG4Rec)
    # Large weights, so that a wrong term shows.
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.refresh()
    return model.eval()


@torch.no_grad()
def test_tokens_add_features_and_users_have_the_mean_of_their_items() -> None:
    model = _model()
    data, _ = checkerboard()
    tokens = model.tokens()
    for side, features in enumerate(model.features):
        of_entities = features()
        torch.testing.assert_close(tokens[side, : model.graph.num_entities], model.embeddings[: model.graph.num_entities] + of_entities)
        for user in range(data.num_users):
            _, items = data.train.rows(torch.tensor([user]))
            node = model.graph.num_entities + user
            torch.testing.assert_close(tokens[side, node], model.embeddings[node] + of_entities[items].mean(0))


@torch.no_grad()
def test_identity_dropout_takes_items_from_training_and_unseen_ones_for_good() -> None:
    torch.manual_seed(0)
    unseen = torch.arange(200) < 20
    taken = (torch.rand(6, 200) < 0.3) & ~unseen
    data = replace(checkerboard(num_users=6, num_items=200)[0], train=dense_interactions(taken))
    values = params.load(ROOT / "params.yaml").models["multi_kg4rec"] | {"identity_dropout": 0.3}
    model = registry.create("multi_kg4rec", values, data.without(unseen))
    assert isinstance(model, MultiKG4Rec)
    model.eval()
    at_rest = model.identities()
    assert torch.equal(at_rest[20:], model.embeddings[20:])
    assert not at_rest[:20].any()
    model.train()
    with_them = model.identities()[:200].any(dim=1)
    assert not with_them[:20].any()
    assert 0.6 < with_them[20:].float().mean() < 0.8
    assert torch.equal(model.identities()[200:], model.embeddings[200:])
    assert not torch.equal(model.identities()[:200].any(dim=1), with_them)


def test_only_items_are_fused() -> None:
    model = _model()
    tokens = model.tokens()
    fused = model.fuse(tokens)
    items = model.graph.num_items
    assert torch.equal(fused[:, items:], tokens[:, items:])
    assert not torch.isclose(fused[:, :items], tokens[:, :items]).all(-1).any()


@torch.no_grad()
def test_without_fusion_items_keep_their_tokens() -> None:
    model = _model(fusion="none")
    tokens = model.tokens()
    assert torch.equal(model.fuse(tokens), tokens)
    assert not model.blocks


@torch.no_grad()
@pytest.mark.parametrize("num_layers", [1, 3])
def test_propagates_unnormalised_values_and_concatenates_normalised_ones(num_layers: int) -> None:
    model = _model(num_layers=num_layers)
    nodes = model.fuse(model.tokens())
    attention = knowledge_attention(model.graph, model.embeddings, model.transr)
    expected = []
    for side in range(2):
        value, outputs = nodes[side], [nodes[side]]
        for layer in model.layers:
            assert isinstance(layer, BiInteraction)
            around = torch.zeros_like(value).index_add_(0, model.graph.heads, attention.unsqueeze(1) * value[model.graph.tails])
            value = F.leaky_relu((value + around) @ layer.sum_weight[side] + layer.sum_bias[side], 0.2) + F.leaky_relu(
                (value * around) @ layer.product_weight[side] + layer.product_bias[side], 0.2
            )
            outputs.append(value / value.norm(dim=1, keepdim=True))
        expected.append(torch.cat(outputs, dim=1))
    users, items = model.final_vectors()
    final = torch.cat(expected, dim=1)
    assert final.shape[1] == 2 * (64 + sum([64, 32, 16][:num_layers]))
    torch.testing.assert_close(users, final[model.graph.num_entities :], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(items, final[: model.graph.num_items], atol=1e-4, rtol=1e-4)


def test_all_parameters_learn() -> None:
    model = _model().train()
    interactions, edges = (next(objective.batches()) for objective in model.objectives())
    (model.recommendation_loss(interactions) + model.kg_loss(edges)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_modality_attention_is_a_share_of_what_is_read() -> None:
    users, items = torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5])
    shares = _model().modality_attention(users, items)
    torch.testing.assert_close(shares.sum(1), torch.ones(3))
    # Text reads itself alone and the visual side reads both: text has more than its own side's part.
    one_way = _model(fusion="text_to_image").modality_attention(users, items)
    apart = _model(fusion="none").modality_attention(users, items)
    assert (one_way[:, 1] > 0).all()
    assert not torch.allclose(one_way, apart)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_heads": 7}, "not a multiple of num_heads"),
        ({"num_layers": 4}, "layer_dimensions has 3 widths"),
        ({"modalities": ["text", "text"]}, "stands twice"),
        ({"modalities": ["text"], "fusion": "image_to_text"}, "needs the modalities visual and text"),
        ({"fusion": "sideways"}, "models.multi_kg4rec.fusion"),
        ({"message_dropout": 1.0}, "less than 1"),
    ],
)
def test_refuses_what_does_not_fit_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _model(**changes)
