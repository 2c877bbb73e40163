"""CKE: all terms of its objective, and the vectors that recommend, item by item."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.cke import Cke, JointBatch
from tests.conftest import ROOT
from tests.worlds import checkerboard


def _model(**changes: Any) -> Cke:
    values = params.load(ROOT / "params.yaml").models["cke"] | {"dimension": 6, "hidden_dimensions": [7]} | changes
    model = registry.create("cke", values, checkerboard()[0])
    assert isinstance(model, Cke)
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@torch.no_grad()
@pytest.mark.parametrize("modalities", [["visual", "text"], ["text"], []])
def test_an_item_is_its_offset_its_structure_and_the_codes_of_its_contents(modalities: list[str]) -> None:
    data, _ = checkerboard()
    model = _model(modalities=modalities)
    users, items = model.final_vectors()
    assert torch.equal(users, model.users)
    without_content = 0
    for item in range(data.num_items):
        expected = model.offsets[item] + model.entities[item]
        for modality, part in zip(modalities, model.contents, strict=True):
            features = data.read_features(modality)
            if features.present[item]:
                expected = expected + part.autoencoder.encode(features.vectors[item][None])[0]
            else:
                without_content += 1
        torch.testing.assert_close(items[item], expected)
    assert (without_content > 0) == (len(modalities) > 0)


@torch.no_grad()
def test_codes_do_not_drown_the_vectors_beside_them_at_first() -> None:
    values = params.load(ROOT / "params.yaml").models["cke"]
    torch.manual_seed(0)
    model = registry.create("cke", values, checkerboard()[0])
    assert isinstance(model, Cke)
    beside = (model.offsets + model.entities[: len(model.offsets)]).norm(dim=1).mean()
    for part in model.contents:
        assert 0 < part().norm(dim=1).mean() < 0.5 * beside


@torch.no_grad()
def test_the_joint_loss_is_the_sum_of_all_terms() -> None:
    data, _ = checkerboard()
    model = _model(regularization=0.1, kg_weight=0.3, reconstruction_weight=0.5, noise=0.0)
    batch = JointBatch(torch.tensor([0, 9, 50, 51]), torch.tensor([3, 0, 11]), [torch.tensor([1, 4]), torch.tensor([0, 2, 3])])
    torch.manual_seed(3)
    found = model.joint_loss(batch)

    torch.manual_seed(3)
    users, items = data.train.users[batch.interactions], data.train.items[batch.interactions]
    negatives = model.draw_negatives(users)[:, 0]
    corrupted = model.negative_tails.draw(batch.facts)
    user_vectors, item_vectors = model.final_vectors()
    total = torch.zeros(())
    for user, item, negative in zip(users, items, negatives, strict=True):
        better = user_vectors[user] @ (item_vectors[item] - item_vectors[negative])
        total -= torch.log(torch.sigmoid(better)) / 4
        of_items = [parameter[chosen] for parameter in (model.offsets, model.entities) for chosen in (item, negative)]
        involved = torch.stack([model.users[user], *of_items])
        total += 0.1 * involved.square().sum() / 2 / 4
    triplets = data.read_triplets()
    for fact, wrong in zip(batch.facts, corrupted, strict=True):
        projection, translation = model.transr.projections[triplets.relations[fact]], model.transr.translations[triplets.relations[fact]]
        head = projection @ model.entities[triplets.heads[fact]] + translation
        true = (head - projection @ model.entities[triplets.tails[fact]]).norm() ** 2
        false = (head - projection @ model.entities[wrong]).norm() ** 2
        total -= 0.3 * F.logsigmoid(false - true) / 3
    for part, chosen in zip(model.contents, batch.contents, strict=True):
        for vector in part.vectors[chosen]:
            reconstructed = part.autoencoder.decode(part.autoencoder.encode(vector[None]))[0]
            total += 0.5 * (reconstructed - vector).norm() ** 2 / 2 / len(chosen)
    torch.testing.assert_close(found, total)


def test_an_epoch_takes_every_interaction_once_and_facts_and_contents_beside_them() -> None:
    data, _ = checkerboard()
    model = _model(batch_size=30, kg_batch_size=10, content_batch_size=7)
    (objective,) = model.objectives()
    batches = list(objective.batches())
    assert len(batches) == objective.num_batches
    interactions = torch.cat([batch.interactions for batch in batches])
    assert sorted(interactions.tolist()) == list(range(len(data.train)))
    # 24 facts in batches of 10, 10 and 4, then from the beginning.
    assert [len(batch.facts) for batch in batches[:6]] == [10, 10, 4] * 2
    for first in (0, 3):
        assert sorted(torch.cat([batch.facts for batch in batches[first : first + 3]]).tolist()) == list(range(24))
    assert [len(batch.contents[1]) for batch in batches[:3]] == [7, 7, 5]


def test_corrupted_tails_are_entities() -> None:
    data, _ = checkerboard()
    model = _model()
    drawn = model.negative_tails.draw(torch.arange(24).repeat(50))
    assert drawn.max() == data.read_triplets().num_entities - 1


def test_all_parameters_learn() -> None:
    model = _model()
    (objective,) = model.objectives()
    objective.loss(next(objective.batches())).backward()
    assert {name.split(".autoencoder.")[0] for name in dict(model.named_parameters()) if "autoencoder" in name} == {
        "contents.0",
        "contents.1",
    }
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modalities": ["text", "text"]}, "stands twice"),
        ({"noise": 1.0}, "less than 1"),
        ({"hidden_dimensions": [0]}, "hidden_dimensions"),
    ],
)
def test_refuses_what_does_not_fit_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _model(**changes)
