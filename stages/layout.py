"""Where the files of a data set lie; dvc.yaml names the same paths."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mkg4rec.errors import PipelineError
from mkg4rec.tables import Table

_LONGEST_NAME = 100
"""Of what names a user or an item in the name of a file, which may have 255 bytes."""


def _file_name(identifier: int | str) -> str:
    """An identifier as part of a file's name: written as in an address, and a long one cut, with its digest to tell it from others."""
    quoted = quote(str(identifier), safe="")
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    digest = hashlib.sha256(quoted.encode()).hexdigest()[:16]
    return f"{quoted[: _LONGEST_NAME - len(digest) - 1]}-{digest}"


@dataclass(frozen=True)
class Layout:
    """The paths of one data set."""

    dataset: str

    @property
    def data(self) -> Path:
        return Path("data") / self.dataset

    @property
    def own(self) -> Path:
        """The folder where the user puts the files of a data set; a published one has none."""
        return Path("own") / self.dataset

    @property
    def own_digests(self) -> Path:
        """The digests of these files, as JSON."""
        return self.data / "own.json"

    @property
    def mirror(self) -> Path:
        """Files by public address (`HOST/PATH`) of a synthetic data set; without a host for a published one."""
        return self.data / "mirror"

    @property
    def dump(self) -> Path:
        """Which bytes the Freebase dump has, as JSON; the dump itself is in the download cache."""
        return self.data / "dump.json"

    def raw(self, role: str) -> Path:
        """The folder of one published file: one of `dataset_params.ROLES` but the dump, or `triples`, which are the user's own.

        In that of a file that the data set does not have, a note.
        """
        return self.data / "raw" / role

    def raw_file(self, role: str) -> Path:
        """The published file of that role, under the name that it has upstream.

        Raises:
            PipelineError: the folder does not hold exactly one file.
        """
        files = sorted(path for path in self.raw(role).glob("*") if path.is_file())
        if len(files) != 1:
            raise PipelineError(
                f"{self.raw(role)}: expected one downloaded file, found {len(files)}; run `dvc repro download@{self.dataset}`."
            )
        return files[0]

    @staticmethod
    def brought_name(table: Table) -> str:
        return f"{table.name.replace(' ', '_')}.parquet"

    def brought(self, role: str, table: Table) -> Path:
        """A table of a data set that the user brings, in the folder of the published file whose place it takes."""
        return self.raw(role) / self.brought_name(table)

    @property
    def interactions(self) -> Path:
        return self.data / "prepare" / "interactions.parquet"

    @property
    def items(self) -> Path:
        return self.data / "prepare" / "items.parquet"

    @property
    def attributes(self) -> Path:
        """What the metadata says of all items."""
        return self.data / "prepare" / "attributes.parquet"

    @property
    def published_contents(self) -> Path:
        """Cover addresses and descriptions of a source whose metadata has them."""
        return self.data / "prepare" / "contents.parquet"

    @property
    def links(self) -> Path:
        """The items of the catalogue with their entities."""
        return self.data / "link" / "links.parquet"

    @property
    def linked_attributes(self) -> Path:
        """What the metadata says of the catalogue's items, where it is a source of the knowledge graph; else no row."""
        return self.data / "link" / "attributes.parquet"

    @property
    def catalogue(self) -> Path:
        return self.data / "link" / "catalogue.parquet"

    @property
    def positives(self) -> Path:
        return self.data / "link" / "positives.parquet"

    @property
    def dislikes(self) -> Path:
        """What the users rated too low to count as positive."""
        return self.data / "link" / "dislikes.parquet"

    @property
    def posters(self) -> Path:
        return self.data / "media" / "posters.parquet"

    @property
    def descriptions(self) -> Path:
        return self.data / "media" / "descriptions.parquet"

    @property
    def pages(self) -> Path:
        """The text of a web page about each item."""
        return self.data / "media" / "pages.parquet"

    @property
    def media_status(self) -> Path:
        return self.data / "media" / "status.parquet"

    @property
    def encoder(self) -> Path:
        """A folder: weights.safetensors, architecture.json, training log."""
        return self.data / "encoder"

    @property
    def encoder_inputs(self) -> Path:
        """What the encoder is made from, as JSON."""
        return self.data / "encoder_inputs.json"

    def features(self, modality: str) -> Path:
        return self.data / "features" / f"{modality}.parquet"

    def item_graph(self, modality: str) -> Path:
        """The nearest items of each item by the vectors of a modality."""
        return self.data / "item_graphs" / f"{modality}.parquet"

    @property
    def entities(self) -> Path:
        return self.data / "kg" / "entities.parquet"

    @property
    def relations(self) -> Path:
        return self.data / "kg" / "relations.parquet"

    @property
    def triplets(self) -> Path:
        return self.data / "kg" / "triplets.parquet"

    def gathered(self, model: str) -> Path:
        """What the model is trained on beside the interactions, as JSON."""
        return self.data / "gathered" / f"{model}.json"

    def split(self, part: str) -> Path:
        """The interactions of one part: train, valid or test; or the dislikes of the train part."""
        return self.data / "split" / f"{part}.parquet"

    def split_cold(self, part: str) -> Path:
        """As `split`, of the one that keeps items out of training; `cold` are the interactions with these items."""
        return self.data / "split_cold" / f"{part}.parquet"

    def model(self, model: str) -> Path:
        """A folder: weights.safetensors and what else the model needs to score."""
        return Path("models") / self.dataset / model

    def training(self, model: str) -> Path:
        """A folder: loss.csv and validation.csv, one row an epoch."""
        return Path("training") / self.dataset / model

    def validation(self, model: str) -> Path:
        """The metrics of the best epoch on the validation part."""
        return Path("metrics") / self.dataset / "validation" / f"{model}.json"

    def metrics(self, model: str, repeat: int | None = None) -> Path:
        """The averages on the test part, of the run itself or of its repeat from another seed."""
        folder = Path("metrics") / self.dataset
        return folder / f"{model}.json" if repeat is None else folder / "repeats" / f"{model}-{repeat}.json"

    def per_user(self, model: str, repeat: int | None = None) -> Path:
        folder = Path("results") / self.dataset
        return (folder / model if repeat is None else folder / "repeats" / model / str(repeat)) / "per_user.parquet"

    def cold_metrics(self, model: str, repeat: int | None = None) -> Path:
        """The averages on warm and on cold items, after a training without the cold ones, or of its repeat from another seed."""
        folder = Path("metrics") / self.dataset / "cold"
        return folder / f"{model}.json" if repeat is None else folder / "repeats" / f"{model}-{repeat}.json"

    def cold_per_user(self, model: str, repeat: int | None = None) -> Path:
        folder = Path("results") / self.dataset / "cold"
        return (folder / model if repeat is None else folder / "repeats" / model / str(repeat)) / "per_user.parquet"

    def sparsity_metrics(self, model: str, percentage: int) -> Path:
        """The averages on the test part after a training on so much of the train part."""
        return Path("metrics") / self.dataset / "sparsity" / f"{model}-{percentage}.json"

    def sparsity_per_user(self, model: str, percentage: int) -> Path:
        return Path("results") / self.dataset / "sparsity" / model / str(percentage) / "per_user.parquet"

    def top_lists(self, model: str) -> Path:
        return Path("results") / self.dataset / model / "top_lists.parquet"

    def case_study(self, model: str) -> Path:
        """A folder: attention.md and a figure per user beside the table."""
        return Path("case_studies") / self.dataset / model

    def attention(self, model: str) -> Path:
        return self.case_study(model) / "attention.parquet"

    def case_figure(self, model: str, user: int | str) -> Path:
        return self.case_study(model) / f"user-{_file_name(user)}.png"

    def explanations(self, model: str) -> Path:
        """A folder: faithfulness.json and a folder per pair that was explained."""
        return Path("explanations") / self.dataset / model

    def explanation(self, model: str, user: int | str, item: int | str) -> Path:
        """A folder: explanation.json and explanation.png."""
        return self.explanations(model) / f"user-{_file_name(user)}-item-{_file_name(item)}"

    @property
    def schemas(self) -> Path:
        """A folder that git tracks: what each table holds, as JSON."""
        return Path("schemas") / self.dataset

    def schema(self, table: Path) -> Path:
        """What the Parquet file `table` holds: of `data/X/link/positives.parquet` it is in `schemas/X/data/link/positives.json`."""
        kind, _, *rest = table.with_suffix(".json").parts
        return self.schemas.joinpath(kind, *rest)

    @property
    def report(self) -> Path:
        """A folder: index.html, metrics.md and its pictures."""
        return Path("reports") / self.dataset
