"""Vectors of web pages: divided into chunks, each chunk embedded once by the text tower, pooled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mkg4rec.features.cache import Vector, VectorCache
from mkg4rec.features.chunks import chunks, pooled
from mkg4rec.features.contents import Content
from mkg4rec.features.embedding import embed
from mkg4rec.features.encoder import Encoder
from mkg4rec.progress import progress
from mkg4rec.tables import Modality


@dataclass(frozen=True)
class PageCaches:
    """Where vectors are kept: those of whole pages, and those of chunks, which are texts like any other.

    Attributes:
        pages: of the provenance of web pages.
        chunks: of the provenance of texts, so that equal texts of either kind have one vector.
    """

    pages: VectorCache
    chunks: VectorCache

    @classmethod
    def of(cls, root: Path, encoder: Encoder, weights_sha256: str, precision: torch.dtype) -> "PageCaches":
        """Those in the cache folder `root`."""
        pages, chunks = (
            VectorCache(root, encoder.provenance(modality, weights_sha256, precision)) for modality in (Modality.WEB, Modality.TEXT)
        )
        return cls(pages, chunks)

    @property
    def damaged(self) -> list[Path]:
        """Shards of either that were found damaged and removed."""
        return self.pages.damaged + self.chunks.damaged


@dataclass(frozen=True)
class EmbeddedPages:
    """The vectors of some pages, and what they took.

    Attributes:
        vectors: (pages, D) float32, unit length.
        pooled: how many different pages were divided into chunks and pooled.
        cached: how many had their vectors in the cache.
        chunks: of the pages that were pooled.
        computed: how many different chunks went through the encoder.
    """

    vectors: NDArray[np.float32]
    pooled: int
    cached: int
    chunks: int
    computed: int

    def __str__(self) -> str:
        of_chunks = f" ({self.computed} of {self.chunks} chunks through the encoder)" if self.pooled else ""
        return f"{self.pooled} embedded, {self.cached} from the cache{of_chunks}"


def page_chunks(encoder: Encoder, page: Content) -> tuple[list[Content], list[int]]:
    """The chunks of a page, and how many tokens each has."""
    parts = chunks(page.data.decode(), encoder.count_tokens, encoder.most_tokens)
    contents = [Content(f"{page.label}, chunk {number}", part.text.encode()) for number, part in enumerate(parts, start=1)]
    return contents, [max(part.tokens, 1) for part in parts]


def embed_pages(
    encoder: Encoder, pages: Sequence[Content], caches: PageCaches, batch_size: int, device: torch.device, precision: torch.dtype
) -> EmbeddedPages:
    """The vectors of `pages`; of one that changed, only the chunks that changed go through the encoder.

    Raises:
        PipelineError: a cache cannot be read or written.
    """
    distinct = {page.sha256: page for page in pages}
    vectors: dict[str, Vector] = caches.pages.read(distinct.keys())
    missing = [page for key, page in distinct.items() if key not in vectors]
    divided = [page_chunks(encoder, page) for page in progress(missing, "pages in chunks", unit="page")]
    parts = [content for contents, _ in divided for content in contents]
    embedded = embed(encoder, Modality.WEB, parts, caches.chunks, batch_size, device, precision)
    ends = np.cumsum([len(contents) for contents, _ in divided])
    of_pages = np.split(embedded.vectors, ends[:-1]) if missing else []
    fresh = {page.sha256: pooled(rows, tokens) for page, rows, (_, tokens) in zip(missing, of_pages, divided, strict=True)}
    caches.pages.write(fresh)
    vectors.update(fresh)
    stacked = np.stack([vectors[page.sha256] for page in pages]) if pages else np.empty((0, encoder.dimension), np.float32)
    return EmbeddedPages(stacked, len(missing), len(distinct) - len(missing), len(parts), embedded.computed)
