"""Write down for each model all that it is trained on beside the interactions, so that `train` follows these inputs and no others.

The stages of one matrix have the same dependencies, but a model of interactions alone needs no training when the graph
has changed, nor one model when the code of another has. Here each model gets a small file with its hyper-parameters, the
settings of training that concern it, and the digests of its code and of the graph, features and texts that it reads;
`train` depends on its own model's file.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mkg4rec import params
from mkg4rec.files import replacing, sha256_of
from mkg4rec.group import MEMBERS
from mkg4rec.imports import ROOT, imported_files
from mkg4rec.models import registry
from mkg4rec.models.base import Input, Model, Neural
from mkg4rec.params import Train
from mkg4rec.tables import Modality
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    training = settings.train.model_dump(mode="json")
    with replacing(layout.data / "gathered") as folder:
        folder.mkdir()
        for name in settings.run.models:
            base, values = settings.base_model(name), settings.hyperparameters(dataset, name)
            model = registry.model_class(base)
            models = {base, *(member["model"] for member in values.get(MEMBERS, {}).values())}
            inputs = _inputs(layout, named_modalities(values))
            files = [path for kind in sorted(model.reads) for path in inputs[kind]]
            gathered = {
                "hyperparameters": values,
                "train": {key: value for key, value in training.items() if key in concerning(model)},
                "inputs": {path.as_posix(): sha256_of(path) for path in files},
                "code": {path.as_posix(): sha256_of(ROOT / path) for path in sorted(imported_files(map(registry.file, models)))},
            }
            (folder / layout.gathered(name).name).write_text(json.dumps(gathered, indent=2) + "\n", encoding="utf-8")
    print(f"{dataset}: inputs of {', '.join(settings.run.models)}")


def _inputs(layout: Layout, modalities: Sequence[Modality]) -> dict[Input, list[Path]]:
    return {
        Input.GRAPH: [layout.entities, layout.relations, layout.triplets],
        Input.FEATURES: [layout.features(modality) for modality in modalities],
        Input.CONTENTS: [layout.catalogue, layout.descriptions, layout.pages],
        Input.ITEM_GRAPHS: [layout.item_graph(modality) for modality in modalities],
    }


def named_modalities(values: object) -> list[Modality]:
    """The modalities that hyper-parameters name, wherever they do: a model reads no other."""
    if isinstance(values, Mapping):
        parts = [named_modalities(part) for pair in values.items() for part in pair]
    elif isinstance(values, list):
        parts = [named_modalities(part) for part in values]
    else:
        return [modality for modality in Modality if modality == values]
    found = {modality for part in parts for modality in part}
    return [modality for modality in Modality if modality in found]


def concerning(model: type[Model]) -> set[str]:
    """The settings under `train:` that make a difference to the model."""
    if issubclass(model, Neural):
        return set(Train.model_fields)
    return {"device", "seed"} if model.draws else {"device"}


if __name__ == "__main__":
    run(main)
