"""Images a second from a table of posters to a file of vectors, against the bare forward pass of the same encoder in the same run.

    python -m benchmarks.embedding --model ViT-B-32 --images 512 --rounds 3

The bare pass takes pixels that are on the device already, in the best of some batch sizes. CPU seconds, of all threads together, tell the
two apart also on a machine that does other things. What is measured does all that
the stage does, with the batch size of params.yaml: read the table, decode, resize, encode, keep the vectors in an empty
cache, write the file. Weights are random, which makes no difference to speed. The posters are JPEG files made for the
benchmark, as wide as those of the sources usually are, or, with --posters, those of a data set.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor

from benchmarks.devices import machine, stopwatch
from benchmarks.timing import Comparison, print_table
from mkg4rec import params
from mkg4rec.device import autocast, choose_device, choose_precision, seed_everything
from mkg4rec.features.cache import VectorCache
from mkg4rec.features.contents import Content, item_posters
from mkg4rec.features.embedding import choose_batch_size, embed
from mkg4rec.features.encoder import Encoder, create
from mkg4rec.features.store import FeatureRows, write_features
from mkg4rec.tables import POSTERS, Modality

WIDTH, HEIGHT, QUALITY = 300, 444, 85
BATCH_SIZES = (16, 32, 64, 128)
"""Of the bare pass, the best of which counts."""


def write_posters(path: Path, number: int) -> None:
    """A POSTERS table of JPEG files: smooth fields of colour with some noise."""
    chance = np.random.default_rng(0)
    images = []
    for _ in range(number):
        colours = Image.fromarray(chance.integers(0, 256, (9, 6, 3), np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        noise = chance.normal(0, 8, (HEIGHT, WIDTH, 1))
        file = BytesIO()
        Image.fromarray(np.clip(np.asarray(colours) + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=QUALITY)
        images.append(file.getvalue())
    sizes = {name: pa.array([value] * number, pa.int32()) for name, value in (("width", WIDTH), ("height", HEIGHT))}
    digests = [Content("", image).sha256 for image in images]
    POSTERS.write(pa.table({"item_id": pa.array(range(number), pa.int64()), "image": images, "sha256": digests, **sizes}), path)


@dataclass(frozen=True)
class Effort:
    """Seconds an image: by the clock, and of the CPU."""

    seconds: float
    cpu: float

    @classmethod
    def of(cls, compute: Callable[[], None], images: int, device: torch.device) -> Self:
        before = time.process_time()
        seconds = stopwatch(compute, device)
        return cls(seconds / images, (time.process_time() - before) / images)


@torch.inference_mode()
def bare_pass(encoder: Encoder, pixels: Tensor, batches: int, precision: torch.dtype) -> Effort:
    """So many `batches` of pixels (B, 3, height, width) through the encoder."""

    def compute() -> None:
        for _ in range(batches):
            encoder.model.encode_image(pixels)

    with autocast(pixels.device, precision), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        return Effort.of(compute, batches * len(pixels), pixels.device)


def stage(encoder: Encoder, posters: Path, number: int, batch_size: int, device: torch.device, precision: torch.dtype) -> Effort:
    """All that the stage does with the first `number` of the `posters`."""
    provenance = encoder.provenance(Modality.VISUAL, "random", precision)
    with tempfile.TemporaryDirectory() as folder:

        def compute() -> None:
            contents = dict(islice(item_posters(POSTERS.read(posters)).items(), number))
            cache = VectorCache(Path(folder), provenance)
            embedded = embed(encoder, Modality.VISUAL, list(contents.values()), cache, batch_size, device, precision)
            rows = FeatureRows(
                entities=pa.array([f"m.{item}" for item in contents]),
                item_ids=pa.array(contents.keys()),
                sha256=pa.array([content.sha256 for content in contents.values()]),
                vectors=embedded.vectors,
            )
            write_features(Path(folder) / "visual.parquet", rows, provenance)

        return Effort.of(compute, number, device)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", nargs="+", default=["catalogue-clip", "ViT-B-32"], help="architectures (default: both that the data sets use)"
    )
    parser.add_argument("--images", type=int, default=512, help="how many (default 512)")
    parser.add_argument("--rounds", type=int, default=3, help="alternating measurements (default 3)")
    parser.add_argument("--posters", type=Path, help="a posters.parquet (default: pictures made for the benchmark)")
    given = parser.parse_args(arguments)
    settings = params.load().embed
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    print(f"{machine(device)}, {torch.get_num_threads()} threads of torch, {str(precision).removeprefix('torch.')}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        posters = given.posters or Path(folder) / "posters.parquet"
        if not given.posters:
            write_posters(posters, given.images)
        for model in given.model:
            seed_everything(0)
            encoder = create(model).to(device)
            encoder.model.eval()
            rows.append(
                measured(encoder, posters, given.images, given.rounds, choose_batch_size(settings.batch_size, device), precision, device)
            )
    print_table(["encoder", "batch", "images/s", "best batch", "bare images/s", "time to bare", "CPU time to bare"], rows)


def measured(
    encoder: Encoder, posters: Path, images: int, rounds: int, batch_size: int, precision: torch.dtype, device: torch.device
) -> list[str]:
    """The row of the table."""
    size = encoder.architecture.model_cfg["vision_cfg"]["image_size"]
    candidates = [torch.randn(batch, 3, size, size, device=device) for batch in BATCH_SIZES if batch <= images]
    for pixels in candidates:
        bare_pass(encoder, pixels, 1, precision)
    best = min(candidates, key=lambda pixels: bare_pass(encoder, pixels, 2, precision).seconds)
    stages, passes = [], []
    for _ in range(rounds):
        passes.append(bare_pass(encoder, best, images // len(best), precision))
        stages.append(stage(encoder, posters, images, batch_size, device, precision))
    times = Comparison([effort.seconds for effort in stages], [effort.seconds for effort in passes])
    cpu_times = Comparison([effort.cpu for effort in stages], [effort.cpu for effort in passes])
    speeds = [f"{1 / seconds:,.0f}" for seconds in (times.seconds, times.reference_seconds)]
    return [encoder.name, str(batch_size), speeds[0], str(len(best)), speeds[1], str(times), str(cpu_times)]


if __name__ == "__main__":
    main()
