"""Contents to vectors: what the cache has is read, the rest is embedded in batches."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mkg4rec.cores import available_cores
from mkg4rec.device import autocast
from mkg4rec.features.cache import Vector, VectorCache
from mkg4rec.features.contents import Content
from mkg4rec.features.encoder import Encoder
from mkg4rec.memory import explaining_lack_of_memory
from mkg4rec.progress import progress
from mkg4rec.tables import Modality

_ROWS_PER_SHARD = 512
"""Vectors are safe in the cache at the latest after so many."""

_BATCHES_AHEAD = {"cpu": 0, "cuda": 3}
"""Batches that are decoded while another is encoded. On a CPU both need the same cores: whatever decodes beside the encoder's threads
makes them wait for each other at the end of each matrix product, so that a batch takes longer than after one another."""

_BEST_BATCH_SIZE = {"cpu": 32, "cuda": 256}
"""What a batch's numbers leave to the caches of a CPU, and what keeps a GPU busy."""

T = TypeVar("T")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Embedded:
    """The vectors of some contents, and what they took.

    Attributes:
        vectors: (contents, D) float32, unit length.
        computed: how many contents went through the encoder.
        cached: how many had their vectors in the cache.
        repeated: how many are equal to an earlier one.
    """

    vectors: NDArray[np.float32]
    computed: int
    cached: int
    repeated: int

    def __str__(self) -> str:
        repeated = f", {self.repeated} repeated" if self.repeated else ""
        return f"{self.computed} embedded, {self.cached} from the cache{repeated}"


def choose_batch_size(wanted: int | Literal["auto"], device: torch.device) -> int:
    """The number of contents in a batch for `wanted`; `auto` is what serves the kind of device."""
    return _BEST_BATCH_SIZE[device.type] if wanted == "auto" else wanted


def embed(
    encoder: Encoder,
    modality: Modality,
    contents: Sequence[Content],
    cache: VectorCache,
    batch_size: int,
    device: torch.device,
    precision: torch.dtype,
) -> Embedded:
    """The vectors of `contents`, each from `cache` or else computed, once, and put there.

    A matrix product may sum in another order for another number of rows. So every batch is filled up to
    `batch_size`, and a vector's bits do not depend on which other contents were in the cache. They do depend
    on device and batch size, in the last digits: too little to keep machines from sharing a cache.

    Raises:
        PipelineError: an image that does not decode, the cache cannot be read or written, or there is too little memory.
    """
    distinct = {content.sha256: content for content in contents}
    vectors = cache.read(distinct.keys())
    missing = [content for key, content in distinct.items() if key not in vectors]
    fresh: dict[str, Vector] = {}
    at_once = f"embedding {batch_size:,} contents at a time on {device} ({modality})"
    with explaining_lack_of_memory(at_once, "Set embed.batch_size in params.yaml lower."):
        for content, vector in zip(missing, _encoded(encoder, modality, missing, batch_size, device, precision), strict=True):
            fresh[content.sha256] = vector
            if len(fresh) == _ROWS_PER_SHARD:
                cache.write(fresh)
                vectors.update(fresh)
                fresh = {}
    cache.write(fresh)
    vectors.update(fresh)
    rows = [vectors[content.sha256] for content in contents]
    stacked = np.stack(rows) if rows else np.empty((0, encoder.dimension), np.float32)
    return Embedded(stacked, len(missing), len(distinct) - len(missing), len(contents) - len(distinct))


def _encoded(
    encoder: Encoder, modality: Modality, contents: Sequence[Content], batch_size: int, device: torch.device, precision: torch.dtype
) -> Iterator[Vector]:
    """The vector (D,) of each content.

    A GPU works on a batch while the next ones are decoded, and the vectors of the one before are fetched.
    """
    model = encoder.to(device)
    batches = [contents[start : start + batch_size] for start in range(0, len(contents), batch_size)]
    inputs = _mapped(lambda content: encoder.prepare(modality, content), batches, _BATCHES_AHEAD[device.type])
    underway = deque[tuple[Tensor, int]]()
    for prepared in progress(inputs, f"{modality} vectors", unit="batch", total=len(batches)):
        filled = torch.stack(prepared + prepared[-1:] * (batch_size - len(prepared)))
        underway.append((_vectors(model, modality, filled, device, precision), len(prepared)))
        if len(underway) > 1:
            yield from _fetched(*underway.popleft())
    while underway:
        yield from _fetched(*underway.popleft())


def _fetched(vectors: Tensor, number: int) -> Vector:
    """The first `number` rows."""
    return vectors[:number].cpu().numpy()


@torch.inference_mode()
def _vectors(encoder: Encoder, modality: Modality, batch: Tensor, device: torch.device, precision: torch.dtype) -> Tensor:
    """(B, D) on `device`, which may not have finished with them."""
    if device.type == "cuda":
        batch = batch.pin_memory()
    # Convolutions would round float32 to TF32 on a GPU.
    with autocast(device, precision), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        return encoder.encode(modality, batch.to(device, non_blocking=True))


def _mapped(function: Callable[[T], Result], batches: Iterable[Sequence[T]], ahead: int) -> Iterator[list[Result]]:
    """The results of each batch, computed in threads, with those of the `ahead` next batches underway."""
    with ThreadPoolExecutor(available_cores()) as threads:
        pending = deque[list[Future[Result]]]()
        try:
            for batch in batches:
                pending.append([threads.submit(function, item) for item in batch])
                if len(pending) > ahead:
                    yield [future.result() for future in pending.popleft()]
            while pending:
                yield [future.result() for future in pending.popleft()]
        finally:
            threads.shutdown(cancel_futures=True)
