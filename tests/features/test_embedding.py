from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from mkg4rec.device import seed_everything
from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import VectorCache
from mkg4rec.features.contents import Content
from mkg4rec.features.embedding import Embedded, choose_batch_size, embed
from mkg4rec.features.encoder import Encoder, create
from mkg4rec.tables import Modality
from tests.features.pictures import COLOURS, poster, text

POSTERS = [poster(list(COLOURS)[seed % 4], seed) for seed in range(11)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    seed_everything(0)
    encoder = create("catalogue-clip")
    encoder.model.eval()
    return encoder


def embedded(
    encoder: Encoder, contents: Sequence[Content], root: Path, weights: str = "w", modality: Modality = Modality.VISUAL, batch_size: int = 4
) -> Embedded:
    cache = VectorCache(root, encoder.provenance(modality, weights, torch.float32))
    return embed(encoder, modality, contents, cache, batch_size, torch.device("cpu"), torch.float32)


def test_vectors_are_those_of_the_encoder_in_order(encoder: Encoder, tmp_path: Path) -> None:
    result = embedded(encoder, POSTERS, tmp_path)
    with torch.inference_mode():
        alone = [encoder.encode(Modality.VISUAL, encoder.prepare(Modality.VISUAL, poster)[None])[0] for poster in POSTERS]
    np.testing.assert_allclose(result.vectors, torch.stack(alone).numpy(), atol=1e-6)
    assert result.vectors.dtype == np.float32
    assert str(result) == "11 embedded, 0 from the cache"


def test_only_new_contents_are_embedded(encoder: Encoder, tmp_path: Path) -> None:
    first = embedded(encoder, POSTERS[:8], tmp_path)
    assert embedded(encoder, POSTERS[:8], tmp_path).computed == 0
    grown = embedded(encoder, POSTERS, tmp_path)
    assert grown.computed == 3
    assert np.array_equal(grown.vectors[:8], first.vectors)


def test_a_new_poster_embeds_one(encoder: Encoder, tmp_path: Path) -> None:
    embedded(encoder, POSTERS, tmp_path)
    result = embedded(encoder, [*POSTERS[:5], poster("amber", 99), *POSTERS[6:]], tmp_path)
    assert str(result) == "1 embedded, 10 from the cache"


def test_equal_contents_are_embedded_once(encoder: Encoder, tmp_path: Path) -> None:
    result = embedded(encoder, [POSTERS[0], POSTERS[1], POSTERS[0]], tmp_path)
    assert str(result) == "2 embedded, 0 from the cache, 1 repeated"
    assert np.array_equal(result.vectors[0], result.vectors[2])


def test_another_encoder_embeds_all_and_leaves_the_old_entries(encoder: Encoder, tmp_path: Path) -> None:
    embedded(encoder, POSTERS, tmp_path)
    assert embedded(encoder, POSTERS, tmp_path, weights="other").computed == 11
    assert embedded(encoder, POSTERS, tmp_path).computed == 0


def test_bits_do_not_depend_on_what_was_in_the_cache(encoder: Encoder, tmp_path: Path) -> None:
    at_once = embedded(encoder, POSTERS, tmp_path / "a", batch_size=16)
    for number in (1, 3, 4, 9):
        embedded(encoder, POSTERS[:number], tmp_path / "b", batch_size=16)
    assert np.array_equal(embedded(encoder, POSTERS, tmp_path / "b", batch_size=16).vectors, at_once.vectors)


def test_batch_size_changes_no_more_than_float_noise(encoder: Encoder, tmp_path: Path) -> None:
    first, second = (embedded(encoder, POSTERS, tmp_path / str(size), batch_size=size) for size in (1, 64))
    np.testing.assert_allclose(first.vectors, second.vectors, atol=1e-6)


@pytest.mark.parametrize(("wanted", "device", "size"), [("auto", "cpu", 32), ("auto", "cuda", 256), (7, "cpu", 7), (7, "cuda", 7)])
def test_the_batch_size_that_serves_the_device(wanted: int | Literal["auto"], device: str, size: int) -> None:
    assert choose_batch_size(wanted, torch.device(device)) == size


def test_a_damaged_cache_gives_the_same_vectors(encoder: Encoder, tmp_path: Path) -> None:
    first = embedded(encoder, POSTERS, tmp_path)
    (shard,) = tmp_path.rglob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:500])
    again = embedded(encoder, POSTERS, tmp_path)
    assert again.computed == 11
    assert np.array_equal(again.vectors, first.vectors)
    assert embedded(encoder, POSTERS, tmp_path).computed == 0


def test_what_was_embedded_before_a_failure_is_kept(encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mkg4rec.features.embedding._ROWS_PER_SHARD", 4)
    with pytest.raises(PipelineError, match="poster of item 9"):
        embedded(encoder, [*POSTERS[:8], Content("poster of item 9", b"no image")], tmp_path, batch_size=2)
    assert embedded(encoder, POSTERS[:4], tmp_path).computed == 0


def test_texts(encoder: Encoder, tmp_path: Path) -> None:
    texts = [text(colour) for colour in COLOURS] + [Content("empty", b""), Content("long", "Zoë naïve 映画 ".encode() * 500)]
    result = embedded(encoder, texts, tmp_path, modality=Modality.TEXT)
    assert result.computed == 6
    np.testing.assert_allclose(np.linalg.norm(result.vectors, axis=1), 1, atol=1e-6)


def test_no_contents(encoder: Encoder, tmp_path: Path) -> None:
    assert embedded(encoder, [], tmp_path).vectors.shape == (0, 512)
