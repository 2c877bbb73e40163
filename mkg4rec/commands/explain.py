"""`mkg4rec explain`: why a graph model gives an item to a user, and whether such explanations are true."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.explanation.ablation import Ablation
from mkg4rec.explanation.explanation import explain
from mkg4rec.explanation.faithfulness import measure, recommended_pairs
from mkg4rec.files import replacing
from mkg4rec.models import registry
from mkg4rec.models.blend import Blend, BlendedScores, BlendHyperparameters, Member
from mkg4rec.models.data import TrainingData
from mkg4rec.models.message_passing import Explainable, Messages
from mkg4rec.params import Params
from mkg4rec.report.explanation import (
    Document,
    MemberShare,
    Names,
    as_text,
    describe,
    describe_faithfulness,
    faithfulness_as_text,
    of_blend,
)
from mkg4rec.report.explanation_figure import draw_explanation
from mkg4rec.tables import CATALOGUE, ENTITIES, RELATIONS, untitled
from stages.inputs import training_data
from stages.layout import Layout


@dataclass(frozen=True)
class Subject:
    """A trained model with what explains it.

    Attributes:
        ablation: of the model; of a blend, that of its member `explained`.
        scorer: what recommends.
        explained: None where the model is no blend.
    """

    layout: Layout
    data: TrainingData
    ablation: Ablation
    scorer: Scorer
    explained: str | None = None


def explain_pair(dataset: str, model: str, user: str, item: str, num_paths: int, considered: int, folder: Path | None) -> None:
    """Print the explanation; write it as JSON and as a figure into `folder`, that of the pair by default.

    Raises:
        PipelineError: there is no such data set, model, user or item, or the model is not trained or has no graph.
    """
    subject = _trained(dataset, model)
    layout, data, ablation = subject.layout, subject.data, subject.ablation
    user_index = _index(user, data.user_ids, dataset, "user")
    item_index = _index(item, data.item_ids, dataset, "item")
    explanation = explain(ablation, user_index, item_index, num_paths, considered)
    document = describe(explanation, _names(layout, data, ablation.messages), ablation.messages.graph.num_entities, dataset, model)
    if isinstance(subject.scorer, BlendedScores):
        document = of_blend(document, _shares(subject.scorer, user_index, item_index), str(subject.explained))
    folder = folder or layout.explanation(model, user, item)
    print(as_text(document))
    _write(document, folder / "explanation.json")
    with replacing(folder / "explanation.png") as path:
        draw_explanation(document, path)
    print(f"\n{folder}: explanation.json, explanation.png")


def measure_faithfulness(dataset: str, model: str, num_paths: int, num_pairs: int, seed: int, folder: Path | None) -> None:
    """Print by how much scores fall without what is explained, and without as much drawn at random; write it as JSON.

    Of a blend the pairs are what it recommends, and the scores those of its member that is explained.

    Raises:
        PipelineError: there is no such data set or model, or the model is not trained or has no graph.
    """
    subject = _trained(dataset, model)
    pairs = recommended_pairs(subject.scorer, subject.data, num_pairs, seed)
    document = describe_faithfulness(measure(subject.ablation, pairs, num_paths, seed), dataset, model, num_paths, seed)
    if isinstance(subject.scorer, BlendedScores):
        document["explained_member"] = subject.explained
    path = (folder or subject.layout.explanations(model)) / "faithfulness.json"
    print(faithfulness_as_text(document))
    _write(document, path)
    print(path)


def _trained(dataset: str, name: str) -> Subject:
    settings = params.load()
    settings.dataset(dataset)
    layout, base, values = Layout(dataset), settings.base_model(name), settings.hyperparameters(dataset, name)
    members = _explainable_members(base, values)
    if not members and not _explainable(base):
        others = ", ".join(other for other in settings.models if _can_be_explained(settings, dataset, other))
        raise PipelineError(f"{name} does not score by messages over a graph, so no paths explain it; those that do are {others}.")
    if not layout.model(name).exists():
        raise PipelineError(f"{layout.model(name)}: {name} is not trained on {dataset}; run `dvc repro train@{dataset}-{name}`.")
    data = training_data(layout, choose_device(settings.evaluate.device))
    if members:
        blend = registry.load(base, values, layout.model(name), data)
        assert isinstance(blend, BlendedScores)
        explained = max(members, key=lambda member: blend.weights_by_name[member])
        of = members[explained]
        return Subject(layout, data, _ablation(of.model, of.hyperparameters, layout.model(name) / explained, data), blend, explained)
    ablation = _ablation(base, values, layout.model(name), data)
    return Subject(layout, data, ablation, ablation.model.scorer())


def _ablation(model: str, values: dict[str, Any], folder: Path, data: TrainingData) -> Ablation:
    restored = registry.restore(model, values, folder, data)
    assert isinstance(restored, Explainable)
    return Ablation(restored)


def _explainable(model: str) -> bool:
    return issubclass(registry.model_class(model), Explainable)


def _explainable_members(model: str, values: dict[str, Any]) -> dict[str, Member]:
    """Of a blend the members that can be explained, by name; of another model none."""
    if registry.model_class(model) is not Blend:
        return {}
    members = BlendHyperparameters.model_validate(values).members
    return {name: member for name, member in members.items() if _explainable(member.model)}


def _can_be_explained(settings: Params, dataset: str, name: str) -> bool:
    base = settings.base_model(name)
    return _explainable(base) or bool(_explainable_members(base, settings.hyperparameters(dataset, name)))


def _shares(blend: BlendedScores, user: int, item: int) -> list[MemberShare]:
    standard = blend.standard_scores(torch.tensor([user], device=blend.weights.device))[:, 0, item].tolist()
    return [MemberShare(name, weight, score) for (name, weight), score in zip(blend.weights_by_name.items(), standard, strict=True)]


def _index(identifier: str, known: pa.Array, dataset: str, kind: str) -> int:
    index = next((number for number, value in enumerate(known.to_pylist()) if str(value) == identifier), None)
    if index is None:
        raise PipelineError(f"{dataset} has no {kind} {identifier!r}; one that it has is {known[0].as_py()!r}.")
    return index


def _names(layout: Layout, data: TrainingData, messages: Messages) -> Names:
    entities, relations, items = ENTITIES.read(layout.entities), messages.relation_names, data.item_ids.to_pylist()
    published = zip(items, CATALOGUE.read(layout.catalogue)["title"].to_pylist(), strict=True)
    titles = [None if title == untitled(item) else title for item, title in published]
    names = entities["name"].to_pylist()
    return Names(
        data.user_ids.to_pylist(),
        items,
        entities["entity"].to_pylist(),
        # An item is called what its source calls it; the graph may know it by another name, or none.
        [title or name for title, name in zip(titles, names, strict=False)] + names[len(items) :],
        RELATIONS.read(layout.relations)["relation"].to_pylist() if relations is None else relations,
    )


def _write(document: Document, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
