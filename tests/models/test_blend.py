"""A blend against its formula; its members and weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.blend import Blend, BlendedScores, chosen_weights
from mkg4rec.models.data import TrainingData
from mkg4rec.training.checkpoints import Checkpoint, Progress
from mkg4rec.training.train import train
from tests.conftest import ROOT
from tests.worlds import checkerboard


class Given:
    """Scores that are given."""

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def score(self, users: Tensor) -> Tensor:
        return self.scores[users]


def test_members_are_held_against_what_they_give_to_the_items_not_taken() -> None:
    data, _ = checkerboard()
    generator = torch.Generator().manual_seed(0)
    members = [torch.randn(data.num_users, data.num_items, generator=generator) * scale + scale for scale in (1.0, 50.0, 3.0)]
    weights = torch.tensor([1.0, 0.3, 0.0])
    users = torch.tensor([5, 2])
    blended = BlendedScores({str(number): Given(scores) for number, scores in enumerate(members)}, weights, data.train)
    found = blended.score(users)
    torch.testing.assert_close(torch.einsum("m,mui->ui", weights, blended.standard_scores(users)), found)
    assert list(blended.weights_by_name) == ["0", "1", "2"]
    for row, user in enumerate((5, 2)):
        others = [item for item in range(data.num_items) if not data.train.contains(torch.tensor(user), torch.tensor(item))]
        expected = torch.zeros(data.num_items)
        for weight, scores in zip(weights, members, strict=True):
            kept = scores[user, others]
            expected += weight * (scores[user] - kept.mean()) / kept.std(correction=0)
        torch.testing.assert_close(found[row], expected, atol=1e-4, rtol=1e-4)


def test_scores_that_do_not_differ_count_nothing() -> None:
    data, _ = checkerboard()
    alone = torch.randn(data.num_users, data.num_items)
    same = torch.full_like(alone, 7.0)
    blended = BlendedScores({"one": Given(alone), "other": Given(same)}, torch.ones(2), data.train).score(torch.arange(5))
    torch.testing.assert_close(blended, BlendedScores({"one": Given(alone)}, torch.ones(1), data.train).score(torch.arange(5)))


def _half_right(data: TrainingData, right: Tensor, users: Tensor, generator: torch.Generator) -> Given:
    """What is right, for some users; noise for the others."""
    scores = torch.randn(data.num_users, data.num_items, generator=generator)
    scores[users] = 10 * right[users].float() + scores[users]
    return Given(scores)


def test_weights_favour_members_that_know_what_the_others_do_not() -> None:
    data, right = checkerboard()
    generator = torch.Generator().manual_seed(0)
    every = torch.arange(data.num_users)
    one, other = (_half_right(data, right, users, generator) for users in (every[:25], every[25:]))
    noise = Given(torch.randn(data.num_users, data.num_items, generator=generator))
    weights, value = chosen_weights([noise, one, other], data)
    alone = [chosen_weights([member, noise], data)[1] for member in (one, other)]
    assert weights[1] == 1
    assert weights[2] > 0
    assert value > max(alone)


def test_members_take_what_params_yaml_has_for_them(tmp_path: Path) -> None:
    settings = params.load(ROOT / "params.yaml")
    values: dict[str, Any] = settings.hyperparameters("ml-1m", "blend")
    assert list(values["members"]) == settings.models["blend"]["members"]
    member = values["members"]["kernel_ease_with_dislikes"]
    assert member["model"] == "kernel_ease"
    assert member["hyperparameters"] == settings.hyperparameters("ml-1m", "kernel_ease_with_dislikes")
    model = registry.create("blend", values, checkerboard()[0])
    assert isinstance(model, Blend)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ("[ease, no_such_model]", "'no_such_model' is no model that can be a member"),
        ("[ease, blend]", "'blend' is no model that can be a member"),
        ("[ease, ease]", "each once"),
        ("ease", "a list of models is expected"),
        ("[ease]", "at least 2 items"),
    ],
)
def test_impossible_members_are_named_with_their_line(
    tmp_path: Path, members: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("    members:"))
    (tmp_path / "params.yaml").write_text(text.replace(line, f"    members: {members}"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=complaint) as caught:
        registry.check(params.load())
    assert f"params.yaml:{text[: text.index(line)].count(chr(10)) + 1}: models.blend.members" in str(caught.value)


def test_a_cut_training_of_a_member_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = checkerboard()
    settings = params.load(ROOT / "params.yaml")
    neural = {"model": "bpr_mf", "hyperparameters": settings.models["bpr_mf"] | {"batch_size": 64, "max_epochs": 4}}
    values = {"members": {"ease": {"model": "ease", "hyperparameters": settings.models["ease"]}, "bpr_mf": neural}}
    users = torch.arange(data.num_users)

    def blended(name: str) -> Tensor:
        model, _ = train("blend", values, data, settings.train, tmp_path / name / "checkpoint.safetensors")
        return model.scorer().score(users)

    whole = blended("whole")
    save, epochs = Checkpoint.save, []

    def save_and_die(self: Checkpoint, model: Any, optimizers: Any, best: Any, progress: Progress) -> None:
        save(self, model, optimizers, best, progress)
        epochs.append(progress.epoch)
        if progress.epoch == 2 and len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        blended("cut")
    assert torch.equal(blended("cut"), whole)
    assert epochs == [1, 2, 3, 4]
