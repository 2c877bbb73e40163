"""Make the CLIP model of a data set: published weights, those of an earlier encoder, or a small model trained on the catalogue itself.

Where no two items have both, it is trained on the texts alone.
"""

import csv
from dataclasses import asdict, fields
from pathlib import Path

from mkg4rec import params
from mkg4rec.dataset_params import Encoder as EncoderParams
from mkg4rec.device import choose_device, seed_everything
from mkg4rec.errors import PipelineError
from mkg4rec.features.contents import item_posters, item_texts, pairs
from mkg4rec.features.contrastive import FEWEST_PAIRS, Epoch, train, train_on_texts
from mkg4rec.features.encoder import Encoder, create, download, load
from mkg4rec.files import replacing
from mkg4rec.tables import CATALOGUE, DESCRIPTIONS, POSTERS
from stages import run
from stages.layout import Layout

_ADAPTATION = 0.01
"""Of the learning rate: weights that are good already are moved gently."""


def main(dataset: str) -> None:
    settings = params.load()
    chosen = settings.dataset(dataset).encoder
    layout = Layout(dataset)
    seed_everything(chosen.seed)
    if chosen.pretrained is None:
        encoder, learning_rate = create(chosen.model), chosen.learning_rate
    else:
        encoder, learning_rate = _pretrained(dataset, chosen, chosen.pretrained), chosen.learning_rate * _ADAPTATION
    log: list[Epoch] = []
    if chosen.training_epochs:
        texts = item_texts(CATALOGUE.read(layout.catalogue), DESCRIPTIONS.read(layout.descriptions), chosen.title_as_text)
        examples = pairs(item_posters(POSTERS.read(layout.posters)), texts)
        device = choose_device(settings.embed.device)
        if len(examples) >= FEWEST_PAIRS or chosen.pretrained is not None:
            log = train(encoder, examples, chosen.training_epochs, chosen.batch_size, learning_rate, device)
            learned = f"{len(examples)} pairs"
        elif texts:
            log = train_on_texts(encoder, list(texts.values()), chosen.training_epochs, chosen.batch_size, learning_rate, device)
            learned = f"{len(examples)} pairs of poster and text, so trained on {len(texts)} texts alone"
        else:
            learned = "no texts, without which there is nothing to learn: the weights stay as they are"
        told = f", {len(log)} epochs, loss {log[0].loss:.3f} → {log[-1].loss:.3f}" if log else ""
        print(f"{encoder.name}: {learned}{told}")
    else:
        print(f"{encoder.name}: weights as they came from {chosen.pretrained}")
    with replacing(layout.encoder) as folder:
        folder.mkdir()
        encoder.save(folder)
        _write_log(log, folder / "log.csv")


def _pretrained(dataset: str, chosen: EncoderParams, weights: str) -> Encoder:
    """Published by the tag `weights`, or in that folder."""
    if chosen.kept_folder is not None:
        encoder = load(chosen.kept_folder)
        if encoder.architecture.name != chosen.model:
            raise PipelineError(
                f"{weights}: it has a {encoder.architecture.name}, where encoder.model is {chosen.model}. Correct one of them."
            )
        return encoder
    try:
        return download(chosen.model, weights)
    except PipelineError as error:
        key = f"datasets.{dataset}.encoder"
        raise PipelineError(
            f"{error} A small model can be trained on the catalogue itself, without downloads: "
            f"`dvc exp run -S {key}.model=catalogue-clip -S {key}.pretrained=null`."
        ) from error


def _write_log(log: list[Epoch], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in log)


if __name__ == "__main__":
    run(main)
