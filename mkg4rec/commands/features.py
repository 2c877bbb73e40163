"""`mkg4rec features`: look at the stored vectors, take some out, hold them against their inputs, put stores together."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import torch

from mkg4rec import params
from mkg4rec.device import choose_device, choose_precision
from mkg4rec.errors import PipelineError
from mkg4rec.features import slices
from mkg4rec.features.cache import FOLDER_VARIABLE, VectorCache, default_folder
from mkg4rec.features.contents import ContentRow, ItemId
from mkg4rec.features.embedding import choose_batch_size
from mkg4rec.features.encoder import Encoder, load, weights_sha256
from mkg4rec.features.inventory import summarize_cache, summarize_store
from mkg4rec.features.pages import PageCaches, page_chunks
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.recomputation import embed_again
from mkg4rec.features.store import read_features
from mkg4rec.features.verification import (
    STALE,
    TOLERANCES,
    MismatchingRow,
    Parts,
    WrongVectors,
    explain,
    require_sound,
    verify,
    wrong_vectors,
)
from mkg4rec.features.warming import UnusableRowsError, warm
from mkg4rec.tables import CATALOGUE, FEATURES, Modality
from stages.embed import read_contents
from stages.layout import Layout

SHOWN_MISMATCHES = 20

SAMPLE = 32
"""Contents of a modality that `verify` embeds again: a batch on a CPU."""

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_MADE = ("modality", "encoder", "weights", "precision", "D")


def list_features(datasets: Sequence[str]) -> None:
    """Print a line per store and per folder of the cache."""
    settings = params.load()
    for dataset in datasets:
        settings.dataset(dataset)
    paths = [(dataset, Layout(dataset).features(modality)) for dataset in datasets or settings.datasets for modality in Modality]
    stores = [(dataset, summarize_store(path)) for dataset, path in paths if path.exists()]
    if not stores:
        print("no features yet: `dvc repro` embeds, `dvc pull` fetches what a teammate has embedded")
    else:
        _print_table(
            ("data set", *_MADE, "items", "missing", "attributes", "bytes"),
            [(dataset, *_made(store.provenance), store.items, store.missing, store.attributes, store.bytes) for dataset, store in stores],
        )
    folders = summarize_cache(default_folder())
    if folders:
        print(f"\nthe cache, {default_folder()}")
        _print_table(
            (*_MADE, "vectors", "shards", "bytes"),
            [(*_made(folder.provenance), folder.vectors, folder.shards, folder.bytes) for folder in folders],
        )


def verify_features(dataset: str, everything: bool) -> None:
    """Print for each modality whether the stored vectors are those of the inputs.

    Args:
        everything: whether all contents are embedded again, and not a sample of each modality.

    Raises:
        PipelineError: they are not.
    """
    settings = params.load()
    title_as_text = settings.dataset(dataset).encoder.title_as_text
    layout = Layout(dataset)
    catalogue = CATALOGUE.read(layout.catalogue)
    encoder, weights = load(layout.encoder), weights_sha256(layout.encoder)
    found: list[MismatchingRow] = []
    same_encoder = True
    for modality in Modality:
        path = layout.features(modality)
        table, recorded = read_features(path)
        # The precision is the store's own: features made on a GPU are right on a CPU, too.
        differences = recorded.differences(encoder.provenance(modality, weights, _PRECISIONS.get(recorded.precision, torch.float32)))
        inputs = read_contents(modality, catalogue, layout, title_as_text)
        mismatches = verify(table, inputs)
        again = "none"
        if not differences:
            named = {row.key for row in mismatches}
            sound = [row for row in inputs if row.key not in named]
            vectors = _wrong_vectors(table, sound, encoder, recorded, settings.embed, None if everything else SAMPLE)
            mismatches += vectors.rows
            again = f"{vectors.embedded:,} of {vectors.contents:,} contents"
        same_encoder = same_encoder and not differences
        found += mismatches
        said = "".join(f"; {difference}" for difference in differences)
        print(f"{path}: {len(table):,} rows, {again} embedded again, {len(mismatches):,} mismatching{said}")
        _print_mismatches(mismatches)
    if found or not same_encoder:
        raise PipelineError(f"{dataset}: the features are not those of their inputs; {_mending(dataset, found)}")


def explain_item(dataset: str, item: str) -> None:
    """Print for each modality whether the item, or attribute entity, would be embedded again from what is built, and why.

    Raises:
        PipelineError: the data set has no such item and no such entity.
    """
    settings = params.load()
    title_as_text = settings.dataset(dataset).encoder.title_as_text
    layout = Layout(dataset)
    device = choose_device(settings.embed.device)
    precision = choose_precision(settings.embed.precision, device)
    encoder, weights = load(layout.encoder), weights_sha256(layout.encoder)
    catalogue = CATALOGUE.read(layout.catalogue)
    contents = {modality: read_contents(modality, catalogue, layout, title_as_text) for modality in Modality}
    found = {modality: row for modality, rows in contents.items() if (row := _row(rows, item))}
    if not found:
        raise PipelineError(f"{dataset}: no item of the catalogue and no attribute entity with a name is {item!r}.")
    for modality, row in found.items():
        path = layout.features(modality)
        features = read_features(path) if path.exists() else None
        current = encoder.provenance(modality, weights, precision)
        cache, parts = VectorCache(default_folder(), current), None
        if modality is Modality.WEB and row.content:
            chunks, _ = page_chunks(encoder, row.content)
            parts = Parts(chunks, PageCaches.of(default_folder(), encoder, weights, precision).chunks)
        explanation = explain(row, features, current, cache, path, parts)
        print(f"{modality}: {'would be embedded again' if explanation.embedded else 'would not be embedded again'}")
        for reason in explanation.reasons:
            print(f"  {reason}")
    print(f"this is of {layout.data} as it was built; `dvc status` tells what has changed since, and `dvc repro` follows it")


def export_features(dataset: str, modality: Modality, output: Path, items: Sequence[str], only_items: bool, only_present: bool) -> None:
    """Write the rows of `items`, or of all, to the Parquet file `output`.

    Raises:
        PipelineError: there is no such item, no features yet, or `output` is a folder or among the pipeline's data.
    """
    params.load().dataset(dataset)
    _check_output(output)
    path = Layout(dataset).features(modality)
    _check_apart(output, path)
    table, provenance = read_features(path)
    if items:
        table = slices.of_items(table, _identifiers(items, pa.types.is_string(table["item_id"].type)), path)
    if only_items:
        table = slices.without_attributes(table)
    if only_present:
        table = slices.with_content(table)
    FEATURES.write(table, output, provenance.to_metadata())
    print(f"{output}: {len(table):,} rows, {output.stat().st_size:,} bytes")


def merge_features(stores: Sequence[Path], output: Path, last_wins: bool) -> None:
    """Write the rows of all `stores` to the Parquet file `output`.

    Raises:
        PipelineError: they do not go together, one has a faulty row, or `output` is a folder.
    """
    _check_output(output)
    for store in stores:
        require_sound(read_features(store)[0], store)
    table, provenance = slices.merge(stores, last_wins)
    FEATURES.write(table, output, provenance.to_metadata())
    print(f"{output}: {len(table):,} rows of {len(stores)} stores, {output.stat().st_size:,} bytes")


def warm_cache(datasets: Sequence[str]) -> None:
    """Put the stored vectors of `datasets` into the cache, without those that are none.

    Raises:
        PipelineError: there is nothing stored, or vectors that are none; or the cache cannot be written.
    """
    settings = params.load()
    for dataset in datasets:
        settings.dataset(dataset)
    refused = {dataset: sum([_warm(Layout(dataset).features(modality)) for modality in Modality]) for dataset in datasets}
    if bad := [dataset for dataset in refused if refused[dataset]]:
        raise PipelineError(
            f"{', '.join(bad)}: {sum(refused.values()):,} rows of the features were not put into the cache; "
            f"`dvc repro --force --single-item {' '.join(f'embed@{dataset}' for dataset in bad)}` makes the features anew."
        )


def _warm(path: Path) -> int:
    """Put the stored vectors of one file into the cache; gives the number of rows that were refused."""
    try:
        put, refused = warm(path, default_folder()), []
    except UnusableRowsError as error:
        put, refused = error.put, error.rows
    print(f"{path}: {put:,} vectors put into {default_folder()}{f', {len(refused):,} rows refused' if refused else ''}")
    _print_mismatches(refused)
    return len(refused)


def _wrong_vectors(
    table: pa.Table, rows: Sequence[ContentRow], encoder: Encoder, provenance: Provenance, settings: params.Embed, most: int | None
) -> WrongVectors:
    """As `wrong_vectors`, embedded where and in batches as the stage embed does, in the precision of the stored vectors."""
    device = choose_device(settings.device)
    batch_size, precision = choose_batch_size(settings.batch_size, device), _PRECISIONS[provenance.precision]
    return wrong_vectors(
        table,
        rows,
        lambda contents: embed_again(encoder, provenance.modality, contents, batch_size, device, precision),
        TOLERANCES[provenance.precision],
        most,
    )


def _print_mismatches(mismatches: Sequence[MismatchingRow]) -> None:
    for mismatch in mismatches[:SHOWN_MISMATCHES]:
        print(f"  {mismatch}")
    if len(mismatches) > SHOWN_MISMATCHES:
        print(f"  and {len(mismatches) - SHOWN_MISMATCHES:,} more")


def _mending(dataset: str, found: Sequence[MismatchingRow]) -> str:
    """What to do about features that are wrong."""
    # Where no input has changed, DVC has no reason to run the stage, and what the stage takes from the cache may be what is wrong.
    if all(row.mismatch in STALE for row in found):
        return f"`dvc repro embed@{dataset}` makes them anew."
    return (
        f"`{FOLDER_VARIABLE}=FOLDER dvc repro --force --single-item embed@{dataset}` with an empty FOLDER makes them anew. "
        f"Wrong vectors may also be in the cache, {default_folder()}."
    )


def _check_output(path: Path) -> None:
    """A folder is replaced by a file of its name with all that is in it, which nobody means who gives one."""
    if path.is_dir():
        raise PipelineError(f"{path}: there is a folder of that name; give the Parquet file to write.")


def _check_apart(output: Path, store: Path) -> None:
    """In the folder of the data only the pipeline writes, wherever links lead from there.

    Args:
        output: what is to be written.
        store: what is read, by its path in the project.

    Raises:
        PipelineError: `output` is the store, or lies in the folder of the data or in one on the way to the store, however it is spelled.
    """
    data = store.parents[-2]
    own = {os.path.realpath(path) for path in (store, *store.parents[:-1])}
    real = os.path.realpath(output)  # Path.resolve raises an error on a link to itself.
    if own & {real, *(os.path.realpath(parent) for parent in (*output.absolute().parents, *Path(real).parents))}:
        raise PipelineError(f"{output}: it is among the pipeline's own files, in {data}; give a file elsewhere.")


def _row(rows: Iterable[ContentRow], name: str) -> ContentRow | None:
    """The row of the item, or else of the attribute entity, of that name."""
    return next((row for row in rows if name == str(row.entity if row.item_id is None else row.item_id)), None)


def _identifiers(items: Sequence[str], text: bool) -> list[ItemId]:
    """The items in the form that the data set has them in."""
    if text:
        return list(items)
    try:
        return [int(item) for item in items]
    except ValueError as error:
        raise PipelineError(f"--items: the items of this data set are whole numbers ({error}).") from error


def _made(provenance: Provenance) -> tuple[object, ...]:
    """What a line says of how vectors were made, as `_MADE` names it."""
    weights = provenance.weights_sha256[:12]
    return provenance.modality, provenance.encoder, weights, provenance.precision, provenance.dimension


def _print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Words to the left, numbers to the right."""
    lines = [list(header)] + [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    numeric = [all(line[column].replace(",", "").isdigit() for line in lines[1:]) for column in range(len(header))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (text.rjust(width) if number else text.ljust(width) for text, width, number in zip(line, widths, numeric, strict=True))
        print("  ".join(cells).rstrip())
