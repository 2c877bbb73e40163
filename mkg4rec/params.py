"""params.yaml as typed, validated values.

Every mistake is an error that names the file, the line and the key (`mkg4rec.mistakes`): an unknown key, a wrong type, an
impossible value, a data set in `run:` that is not described. The hyper-parameters under `models:` and `tuned:` are checked by
the model that they belong to (`mkg4rec.models.registry`).
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, PlainValidator, ValidationError, model_validator

from mkg4rec.dataset_params import Dataset
from mkg4rec.errors import PipelineError
from mkg4rec.group import MEMBERS, MOST, PARAMS_FILE, VARIANT_OF, Bytes, Count, Group, Lax, Name, Seed
from mkg4rec.mistakes import check_names, explain


class Device(StrEnum):
    """Where tensors live; `auto` is the GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """The arithmetic of matrix products; `auto` is bfloat16 on a GPU that has it, else float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


Percentage = Annotated[str, Field(pattern=r"^[1-9][0-9]?$")]
"""A key, and so a string: dvc takes no other."""


class Run(Group):
    """What `dvc repro` builds: every model on every data set.

    Attributes:
        repeats: seeds; for each, every model is trained and tested once more, split and training drawn from that seed.
        cold: models that are also trained without some items, and tested on these; once more for each seed of `repeats`, too.
        sparsity: models that are also trained on less.
        percentages: of every user's train interactions, for these.
    """

    datasets: Annotated[list[Name], Field(min_length=1)]
    models: Annotated[list[Name], Field(min_length=1)]
    repeats: list[Seed]
    cold: list[Name]
    sparsity: list[Name]
    percentages: list[Annotated[int, Field(ge=1, le=99)]]


class Http(Group):
    """How bytes come from the network; times in seconds."""

    attempts: Count
    backoff: Annotated[float, Field(ge=0)]
    max_wait: Annotated[float, Field(ge=0)]
    connect_timeout: Annotated[float, Field(gt=0)]
    read_timeout: Annotated[float, Field(gt=0)]


class Media(Group):
    """Limits of the poster downloads."""

    workers: Count
    per_host: Count
    max_bytes: Bytes
    max_pixels: Count


def _batch_size(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST:
        return value
    raise ValueError("a batch size is auto or a whole number from 1 to 10⁹")


BatchSize = Annotated[int | Literal["auto"], PlainValidator(_batch_size)]


class Embed(Group):
    """How contents are embedded.

    Attributes:
        batch_size: contents that go through the encoder together; `auto` is what serves the device.
    """

    batch_size: BatchSize
    device: Annotated[Device, Lax]
    precision: Annotated[Precision, Lax]


class ItemGraphs(Group):
    """How items are joined to those that look or read alike.

    Attributes:
        num_neighbours: k, at most so many for an item.
    """

    num_neighbours: Count
    device: Annotated[Device, Lax]


class Kg(Group):
    """What never enters the knowledge graph: predicates by the beginning of their names."""

    drop_predicates: list[Annotated[str, Field(min_length=1)]]


class Split(Group):
    """The per-user random split: shares of each user's interactions, the rest is train.

    Attributes:
        cold: the share of the items that the cold split keeps out of training.
    """

    seed: Seed
    valid: Annotated[float, Field(ge=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]
    cold: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _leave_some_for_training(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(f"valid + test is {self.valid + self.test:g}; it must leave a share for training")
        return self


class Train(Group):
    """How a neural model is trained, whichever it is."""

    seed: Seed
    device: Annotated[Device, Lax]
    precision: Annotated[Precision, Lax]
    compile: bool


class Evaluate(Group):
    """How models are ranked and measured."""

    device: Annotated[Device, Lax]
    block_size: Count
    rare_interactions: Annotated[int, Field(ge=0)]


class CaseStudy(Group):
    """Whose lists show how a model's attention is divided among the modalities of the items.

    Attributes:
        users: published identifiers, as numbers or strings; where none is given, users are picked.
        picked: how many are picked.
        items: of a list, from its top.
    """

    users: list[int | str]
    picked: Count
    items: Annotated[int, Field(ge=1, le=50)]

    @model_validator(mode="after")
    def _name_every_user_once(self) -> Self:
        if len(set(self.users)) < len(self.users):
            raise ValueError(f"a user stands twice in {self.users}")
        return self


class AblationTable(Group):
    """A table of a model and its variants.

    Attributes:
        against: the model that every row is compared with.
        variants: rows that only this table shows.
        beside: further rows, which the main table shows, too.
    """

    against: Name
    variants: Annotated[list[Name], Field(min_length=1)]
    beside: list[Name]


class Report(Group):
    """What the page shows."""

    examples: Annotated[int, Field(ge=0)]
    tables: dict[Name, AblationTable]


class Params(Group):
    """The whole of params.yaml."""

    run: Run
    http: Http
    media: Media
    embed: Embed
    item_graphs: ItemGraphs
    kg: Kg
    split: Split
    train: Train
    evaluate: Evaluate
    case_study: CaseStudy
    report: Report
    datasets: dict[Name, Dataset]
    models: dict[Name, dict[str, Any]]
    tuned: dict[Name, dict[Name, dict[str, Any]]]
    tuned_on_less: dict[Name, dict[Percentage, dict[Name, dict[str, Any]]]]

    def dataset(self, name: str) -> Dataset:
        """The parameters of the data set `name`.

        Raises:
            PipelineError: params.yaml does not describe it.
        """
        if name not in self.datasets:
            raise PipelineError(f"{PARAMS_FILE}: there is no data set {name!r} under datasets:; it has {', '.join(sorted(self.datasets))}.")
        return self.datasets[name]

    def base_model(self, model: str) -> str:
        """The model that `model` is a variant of, or itself.

        Raises:
            PipelineError: params.yaml does not have the model.
        """
        return str(self._values(model).get(VARIANT_OF, model))

    def hyperparameters(self, dataset: str, model: str, percentage: int = 100) -> dict[str, Any]:
        """The values of `models.<model>` with those of `tuned.<dataset>.<model>` over them; a variant's over its base model's.

        For so many percent of the train part the values of `tuned_on_less.<dataset>.<percentage>.<model>` stand over those.

        In place of the name of each of its members, where it has such: the model that this is, and its values.

        Raises:
            PipelineError: as `base_model`.
        """
        base = self.base_model(model)
        own = {key: value for key, value in self._values(model).items() if key != VARIANT_OF} | self._tuned(dataset, model, percentage)
        values = own if base == model else self._values(base) | self._tuned(dataset, base, percentage) | own
        if MEMBERS in values:
            values[MEMBERS] = {
                name: {"model": self.base_model(name), "hyperparameters": self.hyperparameters(dataset, name, percentage)}
                for name in values[MEMBERS]
            }
        return values

    def _tuned(self, dataset: str, model: str, percentage: int) -> dict[str, Any]:
        on_less = self.tuned_on_less.get(dataset, {}).get(str(percentage), {})
        return self.tuned.get(dataset, {}).get(model, {}) | on_less.get(model, {})

    def _values(self, model: str) -> dict[str, Any]:
        if model not in self.models:
            raise PipelineError(f"{PARAMS_FILE}: there is no model {model!r} under models:; it has {', '.join(sorted(self.models))}.")
        return self.models[model]


class _Loader(yaml.CSafeLoader):
    """YAML in which 1e-05 is a number, as YAML 1.2 has it and dvc writes it."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("+-0123456789"))


def load(path: Path = PARAMS_FILE) -> Params:
    """Read and check `path`.

    Raises:
        PipelineError: not YAML, or a key or value that is wrong, with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.load(text, _Loader)
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: there is no such file; run from the root of the repository.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        raise PipelineError(explain(error, path, text)) from error
    check_names(params, path, text)
    return params
