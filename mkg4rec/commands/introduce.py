"""`mkg4rec introduce`: an item that came after the training gets its vectors, and a score for every user."""

import math
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
import yaml
from pydantic import Field, ValidationError, model_validator

from mkg4rec import params
from mkg4rec.device import choose_device, choose_precision
from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import VectorCache, default_folder
from mkg4rec.features.contents import Content
from mkg4rec.features.embedding import choose_batch_size, embed
from mkg4rec.features.encoder import load, weights_sha256
from mkg4rec.features.pages import PageCaches, embed_pages
from mkg4rec.group import Group
from mkg4rec.media.images import UnusableImageError, decoded_size
from mkg4rec.mistakes import explain
from mkg4rec.models import registry
from mkg4rec.models.kernel_ease import KernelEaseHyperparameters
from mkg4rec.newcomers import Newcomer, NewcomerScores, places
from mkg4rec.params import Params
from mkg4rec.sources.page_text import page_text
from mkg4rec.tables import CATALOGUE, ENTITIES, NEWCOMER_SCORES, NEWCOMER_VECTORS, RELATIONS, Modality
from stages.inputs import training_data
from stages.layout import Layout

SHOWN = 10
TOP = 20


class Fact(Group):
    """A fact about the item: a relation of the graph, and an entity by its MID or its name."""

    relation: str
    entity: str


class Description(Group):
    """The YAML file that describes the item; `poster` is a path from where the file lies, `page` a text or HTML, `entity` a MID."""

    title: Annotated[str, Field(pattern=r"\S")]
    description: str = ""
    year: Annotated[int, Field(ge=-9999, le=9999)] | None = None
    poster: Annotated[str, Field(min_length=1)] | None = None
    page: str = ""
    entity: str = ""
    facts: list[Fact] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_is_left_empty(cls, values: Any) -> Any:
        return {key: value for key, value in values.items() if value is not None} if isinstance(values, dict) else values


def introduce(dataset: str, model: str, path: Path, folder: Path | None) -> None:
    """Print what the newcomer is like and whom it would be recommended to; with `folder`, write its vectors and scores there.

    Raises:
        PipelineError: the file is not as `Description`, names what the graph has not, or the model is not trained.
    """
    settings = params.load()
    settings.dataset(dataset)
    settings.base_model(model)
    layout, given = Layout(dataset), _read(path)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise PipelineError(f"{folder}: not a folder; give another one.")
    if not layout.model(model).exists():
        raise PipelineError(f"{layout.model(model)}: {model} is not trained on {dataset}; run `dvc repro train@{dataset}-{model}`.")
    data = training_data(layout, choose_device(settings.evaluate.device))
    vectors = _vectors(layout, settings, given, path)
    text = f"{given.title}. {given.description}" if given.description else given.title
    facts = [_index(layout, fact, path) for fact in given.facts]
    year = math.nan if given.year is None else float(given.year)
    newcomer = Newcomer(text, year, vectors, facts, page_text(given.page), given.entity)

    trained = registry.load(settings.base_model(model), settings.hyperparameters(dataset, model), layout.model(model), data)
    kernel_ease = registry.hyperparameters("kernel_ease", settings.hyperparameters(dataset, "kernel_ease"))
    assert isinstance(kernel_ease, KernelEaseHyperparameters)
    scorer = NewcomerScores(trained, kernel_ease, data, newcomer)
    scores, ranks = places(scorer, data)

    print(f"{given.title}: vectors of {' and '.join(vectors) or 'no modality'}, {len(facts)} facts")
    _tell(scorer, scores, ranks, data.user_ids, CATALOGUE.read(layout.catalogue)["title"])
    if folder is not None:
        _write(folder, data.user_ids, scores.cpu(), ranks.cpu(), vectors)


def _tell(scorer: NewcomerScores, scores: torch.Tensor, ranks: torch.Tensor, user_ids: pa.Array, titles: pa.ChunkedArray) -> None:
    """Print which items speak for the newcomer, and for whom it is, by (users,) scores and places."""
    shares, nearest = scorer.column.topk(min(SHOWN, len(scorer.column)))
    speaking = titles.take(pa.array(scorer.warm[nearest[shares > 0]].cpu().numpy())).to_pylist()
    nothing = "no item; by what is known of it, it is like none of the catalogue. Its score is 0 for everybody: tell more of it"
    print(f"speaks through: {'; '.join(speaking) or nothing}")
    print(f"in the top {TOP} of {int((ranks <= TOP).sum()):,} of {len(ranks):,} users; highest for users:")
    for user in ranks.argsort(stable=True)[:SHOWN].tolist():
        print(f"  {user_ids[user].as_py()}: place {int(ranks[user])}, score {float(scores[user]):.4f}")


def _read(path: Path) -> Description:
    try:
        text = path.read_text(encoding="utf-8")
        return Description.model_validate(yaml.safe_load(text))
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: there is no such file.") from error
    except OSError as error:
        raise PipelineError(f"{path}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise PipelineError(explain(error, path, text)) from error


def _vectors(layout: Layout, settings: Params, given: Description, path: Path) -> dict[str, torch.Tensor]:
    """The item's vectors by the data set's own encoder."""
    contents = {}
    if given.poster is not None:
        contents[Modality.VISUAL] = _poster(path.parent / given.poster, settings)
    if given.description:
        contents[Modality.TEXT] = Content(f"description of {given.title}", f"{given.title}. {given.description}".encode())
    device = choose_device(settings.embed.device)
    precision = choose_precision(settings.embed.precision, device)
    encoder, weights = load(layout.encoder), weights_sha256(layout.encoder)
    batch_size, found = choose_batch_size(settings.embed.batch_size, device), {}
    for modality, content in contents.items():
        cache = VectorCache(default_folder(), encoder.provenance(modality, weights, precision))
        embedded = embed(encoder, modality, [content], cache, batch_size, device, precision)
        found[str(modality)] = torch.from_numpy(embedded.vectors[0])
    if page := page_text(given.page):
        caches = PageCaches.of(default_folder(), encoder, weights, precision)
        pages = [Content(f"page of {given.title}", page.encode())]
        of_pages = embed_pages(encoder, pages, caches, batch_size, device, precision)
        found[str(Modality.WEB)] = torch.from_numpy(of_pages.vectors[0])
    return found


def _poster(path: Path, settings: Params) -> Content:
    try:
        image = path.read_bytes()
        decoded_size(image, settings.media.max_bytes, settings.media.max_pixels)
    except OSError as error:
        raise PipelineError(f"{path}: the poster cannot be read ({error.strerror}).") from error
    except UnusableImageError as error:
        raise PipelineError(f"{path}: the poster cannot be used: {error}.") from error
    return Content(f"poster {path}", image)


def _index(layout: Layout, fact: Fact, path: Path) -> tuple[int, int]:
    """Relation and entity by index.

    Raises:
        PipelineError: the graph has no such relation, no such entity, or several of that name.
    """
    relations = RELATIONS.read(layout.relations)["relation"]
    relation = pc.index(relations, fact.relation).as_py()
    if relation < 0:
        raise PipelineError(f"{path}: the graph has no relation {fact.relation!r}; it has {', '.join(relations.to_pylist())}.")
    entities = ENTITIES.read(layout.entities)
    by_identifier = pc.index(entities["entity"], fact.entity).as_py()
    if by_identifier >= 0:
        return relation, by_identifier
    named = pc.indices_nonzero(pc.fill_null(pc.equal(entities["name"], fact.entity), False)).to_pylist()
    if len(named) != 1:
        known = "no entity" if not named else f"{len(named)} entities"
        raise PipelineError(f"{path}: the graph has {known} of the name {fact.entity!r}; give the identifier of one that it has.")
    return relation, int(named[0])


def _write(folder: Path, user_ids: pa.Array, scores: torch.Tensor, ranks: torch.Tensor, vectors: dict[str, torch.Tensor]) -> None:
    rows = {"user_id": user_ids, "score": pa.array(scores.float().numpy()), "place": pa.array(ranks.int().numpy())}
    NEWCOMER_SCORES.write(pa.table(rows), folder / "scores.parquet")
    values = pa.array([vector.tolist() for vector in vectors.values()], pa.list_(pa.float32()))
    NEWCOMER_VECTORS.write(pa.table({"modality": pa.array(list(vectors), pa.string()), "vector": values}), folder / "vectors.parquet")
    print(f"{folder}: scores.parquet, vectors.parquet")
