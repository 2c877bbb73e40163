"""`mkg4rec explain`: why a graph model gives an item to a user, and whether such explanations are true."""

import json
from pathlib import Path

import pyarrow as pa

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.errors import PipelineError
from mkg4rec.explanation.ablation import Ablation
from mkg4rec.explanation.explanation import explain
from mkg4rec.explanation.faithfulness import measure, recommended_pairs
from mkg4rec.files import replacing
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.message_passing import Explainable, Messages
from mkg4rec.report.explanation import Document, Names, as_text, describe, describe_faithfulness, faithfulness_as_text
from mkg4rec.report.explanation_figure import draw_explanation
from mkg4rec.tables import ENTITIES, RELATIONS
from stages.inputs import training_data
from stages.layout import Layout


def explain_pair(dataset: str, model: str, user: str, item: str, num_paths: int, considered: int, folder: Path | None) -> None:
    """Print the explanation; write it as JSON and as a figure into `folder`, that of the pair by default.

    Raises:
        PipelineError: there is no such data set, model, user or item, or the model is not trained or has no graph.
    """
    layout, data, ablation = _trained(dataset, model)
    user_index = _index(user, data.user_ids, dataset, "user")
    item_index = _index(item, data.item_ids, dataset, "item")
    explanation = explain(ablation, user_index, item_index, num_paths, considered)
    document = describe(explanation, _names(layout, data, ablation.messages), ablation.messages.graph.num_entities, dataset, model)
    folder = folder or layout.explanation(model, user, item)
    print(as_text(document))
    _write(document, folder / "explanation.json")
    with replacing(folder / "explanation.png") as path:
        draw_explanation(document, path)
    print(f"\n{folder}: explanation.json, explanation.png")


def measure_faithfulness(dataset: str, model: str, num_paths: int, num_pairs: int, seed: int, folder: Path | None) -> None:
    """Print by how much scores fall without what is explained, and without as much drawn at random; write it as JSON.

    Raises:
        PipelineError: there is no such data set or model, or the model is not trained or has no graph.
    """
    layout, data, ablation = _trained(dataset, model)
    pairs = recommended_pairs(ablation.model.scorer(), data, num_pairs, seed)
    document = describe_faithfulness(measure(ablation, pairs, num_paths, seed), dataset, model, num_paths, seed)
    path = (folder or layout.explanations(model)) / "faithfulness.json"
    print(faithfulness_as_text(document))
    _write(document, path)
    print(path)


def _trained(dataset: str, name: str) -> tuple[Layout, TrainingData, Ablation]:
    settings = params.load()
    settings.dataset(dataset)
    layout, base = Layout(dataset), settings.base_model(name)
    if not _explainable(base):
        others = ", ".join(other for other in settings.models if _explainable(settings.base_model(other)))
        raise PipelineError(f"{name} does not score by messages over a graph alone, so no paths explain it; those that do are {others}.")
    if not layout.model(name).exists():
        raise PipelineError(f"{layout.model(name)}: {name} is not trained on {dataset}; run `dvc repro train@{dataset}-{name}`.")
    data = training_data(layout, choose_device(settings.evaluate.device))
    model = registry.restore(base, settings.hyperparameters(dataset, name), layout.model(name), data)
    assert isinstance(model, Explainable)
    return layout, data, Ablation(model)


def _explainable(model: str) -> bool:
    return issubclass(registry.model_class(model), Explainable)


def _index(identifier: str, known: pa.Array, dataset: str, kind: str) -> int:
    index = next((number for number, value in enumerate(known.to_pylist()) if str(value) == identifier), None)
    if index is None:
        raise PipelineError(f"{dataset} has no {kind} {identifier!r}; one that it has is {known[0].as_py()!r}.")
    return index


def _names(layout: Layout, data: TrainingData, messages: Messages) -> Names:
    entities, relations = ENTITIES.read(layout.entities), messages.relation_names
    return Names(
        data.user_ids.to_pylist(),
        data.item_ids.to_pylist(),
        entities["entity"].to_pylist(),
        entities["name"].to_pylist(),
        RELATIONS.read(layout.relations)["relation"].to_pylist() if relations is None else relations,
    )


def _write(document: Document, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
