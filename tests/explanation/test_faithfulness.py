"""Explanations of models that were trained on a planted world, and what is measured of them."""

import pytest
import torch

from mkg4rec.explanation.ablation import Ablation
from mkg4rec.explanation.explanation import explain
from mkg4rec.explanation.faithfulness import measure, recommended_pairs
from mkg4rec.models.data import TrainingData
from mkg4rec.report.explanation import describe_faithfulness, faithfulness_as_text
from mkg4rec.training.samplers import shuffled_batches
from tests.explanation.worlds import EVERY, model_on, with_more_facts
from tests.worlds import checkerboard

EPOCHS = 15


def _trained(name: str) -> tuple[Ablation, TrainingData]:
    data, _ = checkerboard(24, 20)
    if name == "kgcn":
        data = with_more_facts(data)
    model = model_on(name, data).train()
    torch.manual_seed(1)
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    recommendation = model.objectives()[0]
    for _ in range(EPOCHS):
        for batch in shuffled_batches(len(data.train), 64, torch.device("cpu")):
            optimiser.zero_grad()
            recommendation.loss(batch).backward()
            optimiser.step()
        model.refresh()
    return Ablation(model), data


@pytest.mark.parametrize("name", EVERY)
def test_the_score_falls_more_without_what_is_explained_than_without_as_much_at_random(name: str) -> None:
    ablation, data = _trained(name)
    # What is right and not taken in train: the graph joins even users with even items alone, and odd with odd.
    pairs = torch.stack([data.valid.users, data.valid.items], dim=1)[:40]
    measured = measure(ablation, pairs, 3, seed=0)
    against_random, against_matched = measured.against_random(), measured.against_matched()
    assert against_random.low > 0
    assert against_random.p_value < 0.01
    assert against_matched.low > 0
    document = describe_faithfulness(measured, "world", name, 3, 0)
    assert document["pairs"] == 40
    assert f"{document['random']['difference']:.4f}" in faithfulness_as_text(document)


def test_pairs_are_of_users_with_what_they_have_not_taken_and_differ() -> None:
    data, _ = checkerboard(24, 20)
    scorer = model_on("lightgcn", data).scorer()
    pairs = recommended_pairs(scorer, data, 50, seed=3)
    assert len(pairs.unique(dim=0)) == 50
    assert not data.train.union(data.valid).contains(pairs[:, 0], pairs[:, 1]).any()
    assert torch.equal(pairs, recommended_pairs(scorer, data, 50, seed=3))


def test_the_history_tells_what_recomputation_gives_and_leaves_the_item_itself_out() -> None:
    ablation, data = _trained("kgat")
    user, item = int(data.train.users[0]), int(data.train.items[0])
    explanation = explain(ablation, user, item, num_paths=3, considered=100)
    graph = ablation.messages.graph
    assert explanation.in_train
    assert len(explanation.paths[0].steps) in (1, 2, 3)
    assert {taken.item for taken in explanation.history} == set(data.train.rows(torch.tensor([user]))[1].tolist()) - {item}
    drops = [taken.drop for taken in explanation.history]
    assert drops == sorted(drops, reverse=True)
    edge = ((graph.heads == graph.num_entities + user) & (graph.tails == explanation.history[0].item)).nonzero().squeeze(1)
    assert drops[0] == pytest.approx(ablation.drop(user, item, edge))


def test_modalities_share_one_whole() -> None:
    data, _ = checkerboard(24, 20)
    expected_modalities: dict[str, set[str]] = {
        "multi_kg4rec": {"visual", "text"},
        "multi_kg4rec_structure_aware": {"visual", "text"},
        "mkgat": {"visual", "text", "graph"},
        "kgat": set(),
        "freedom": {"visual", "text"},
        "siger": {"visual", "text"},
        "egra": {"visual", "text"},
        "igdmrec": {"visual", "text"},
    }
    for name, expected in expected_modalities.items():
        shares = explain(Ablation(model_on(name, data)), 0, 1, 1, 1).modalities
        assert set(shares) == expected
        assert sum(shares.values()) == pytest.approx(1.0 if shares else 0.0, abs=1e-5)
        assert all(0 <= share <= 1 for share in shares.values())
