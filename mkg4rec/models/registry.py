"""Models by name: the model `name` of params.yaml is the one subclass of Model in mkg4rec/models/<name>.py."""

import importlib
import inspect
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.group import PARAMS_FILE, Group
from mkg4rec.mistakes import explain
from mkg4rec.models.base import ClosedForm, Model, Neural
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Params

INFRASTRUCTURE = {
    "base",
    "content_kernels",
    "data",
    "dot_product",
    "item_graphs",
    "item_weights",
    "knowledge_graph",
    "message_passing",
    "over_interactions",
    "pairwise",
    "registry",
    "vectors",
}


def names() -> list[str]:
    """Every model that there is."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in files if path.stem not in INFRASTRUCTURE and not path.stem.startswith("_"))


def file(name: str) -> Path:
    """The model's file, from the root of the repository."""
    return Path("mkg4rec", "models", f"{name}.py")


def model_class(name: str) -> type[ClosedForm] | type[Neural]:
    """The class of the model `name`.

    Raises:
        PipelineError: there is no such model.
    """
    if name not in names():
        raise PipelineError(f"{PARAMS_FILE}: models.{name}: there is no mkg4rec/models/{name}.py; the models are {', '.join(names())}.")
    module = importlib.import_module(f"mkg4rec.models.{name}")
    classes: list[Any] = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Model) and value.__module__ == module.__name__ and not inspect.isabstract(value)
    ]
    if len(classes) != 1:
        raise PipelineError(f"mkg4rec/models/{name}.py: one subclass of Model is expected, found {len(classes)}.")
    chosen: type[ClosedForm] | type[Neural] = classes[0]
    return chosen


def hyperparameters(name: str, values: dict[str, Any], group: str = "") -> Group:
    """`values` checked by the model `name`.

    Args:
        group: where in params.yaml the values stand, for the message; `models.<name>` by default.

    Raises:
        PipelineError: an unknown key, a wrong type or an impossible value, with its line in params.yaml.
    """
    try:
        return model_class(name).Hyperparameters.model_validate(values)
    except ValidationError as error:
        text = PARAMS_FILE.read_text(encoding="utf-8") if PARAMS_FILE.exists() else ""
        location = tuple(group.split(".")) if group else ("models", name)
        raise PipelineError(explain(error, PARAMS_FILE, text, location)) from error


def check(params: Params) -> None:
    """Check the hyper-parameters of every model in `models:`, alone and with each data set's values of `tuned:` and `tuned_on_less:`.

    Raises:
        PipelineError: as `hyperparameters`; or one of these names an unknown data set or model.
    """
    for name in params.models:
        hyperparameters(params.base_model(name), params.hyperparameters("", name), f"models.{name}")
    for dataset, models in params.tuned.items():
        params.dataset(dataset)
        for name in models:
            hyperparameters(params.base_model(name), params.hyperparameters(dataset, name), f"tuned.{dataset}.{name}")
    for dataset, percentages in params.tuned_on_less.items():
        params.dataset(dataset)
        for percentage, models in percentages.items():
            for name in models:
                values = params.hyperparameters(dataset, name, int(percentage))
                hyperparameters(params.base_model(name), values, f"tuned_on_less.{dataset}.{percentage}.{name}")


def create(name: str, values: dict[str, Any], data: TrainingData) -> ClosedForm | Neural:
    """A new, untrained model."""
    return model_class(name)(hyperparameters(name, values), data)


def restore(name: str, values: dict[str, Any], folder: Path, data: TrainingData) -> Neural:
    """The trained model itself that `folder` holds.

    Raises:
        PipelineError: the model is computed at once, and keeps nothing but what it scores with.
    """
    chosen = model_class(name)
    if not issubclass(chosen, Neural):
        raise PipelineError(f"{PARAMS_FILE}: models.{name}: computed at once; nothing of it but its scores is kept.")
    return chosen.restore(hyperparameters(name, values), folder, data)


def load(name: str, values: dict[str, Any], folder: Path, data: TrainingData) -> Scorer:
    """The scores of the trained model that `folder` holds."""
    return model_class(name).load(hyperparameters(name, values), folder, data)
