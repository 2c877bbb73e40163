"""Write down what the encoder of a data set is made from, so that `encoder` follows this and nothing else.

Published weights, and those that the user keeps in `own/`, have nothing to do with the catalogue: a new poster changes neither, and
nobody has to download weights again for it. An encoder that is trained on the catalogue is another one after each change of posters,
texts or titles.
"""

import json
from pathlib import Path

from mkg4rec import params
from mkg4rec.dataset_params import Encoder
from mkg4rec.errors import PipelineError
from mkg4rec.files import replacing, sha256_of
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout, chosen = Layout(dataset), params.load().dataset(dataset).encoder
    files = [*_kept(chosen), *(_contents(layout) if chosen.training_epochs else [])]
    with replacing(layout.encoder_inputs) as temporary:
        temporary.write_text(json.dumps({path.as_posix(): sha256_of(path) for path in files}, indent=2) + "\n", encoding="utf-8")
    learned = "trained on posters and texts" if chosen.training_epochs else "not trained"
    print(f"{dataset}: encoder {chosen.model}, {f'weights {chosen.pretrained}' if chosen.pretrained else 'new weights'}, {learned}")


def _kept(chosen: Encoder) -> list[Path]:
    if chosen.kept_folder is None:
        return []
    files = sorted(path for path in chosen.kept_folder.glob("*") if path.is_file())
    if not files:
        raise PipelineError(
            f"{chosen.kept_folder}: there is no encoder. Copy the folder data/X/encoder of one there, or correct encoder.pretrained."
        )
    return files


def _contents(layout: Layout) -> list[Path]:
    return [layout.catalogue, layout.posters, layout.descriptions]


if __name__ == "__main__":
    run(main)
