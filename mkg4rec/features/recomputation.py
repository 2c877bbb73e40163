"""Vectors computed again, whatever the cache has."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mkg4rec.features.cache import Vector, VectorCache
from mkg4rec.features.contents import Content
from mkg4rec.features.embedding import embed
from mkg4rec.features.encoder import Encoder
from mkg4rec.features.pages import PageCaches, embed_pages
from mkg4rec.tables import Modality


class _NoCache(VectorCache):
    """Has nothing and keeps nothing."""

    def read(self, wanted: AbstractSet[str]) -> dict[str, Vector]:
        return {}

    def write(self, vectors: Mapping[str, Vector]) -> None:
        pass


def embed_again(
    encoder: Encoder, modality: Modality, contents: Sequence[Content], batch_size: int, device: torch.device, precision: torch.dtype
) -> NDArray[np.float32]:
    """The vectors (contents, D) of `contents`, all of them through the encoder; the cache is neither read nor written.

    Raises:
        PipelineError: an image that does not decode, or there is too little memory.
    """
    cache = _NoCache(Path(), encoder.provenance(modality, "", precision))
    if modality is Modality.WEB:
        return embed_pages(encoder, contents, PageCaches(cache, cache), batch_size, device, precision).vectors
    return embed(encoder, modality, contents, cache, batch_size, device, precision).vectors
