import hashlib
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from mkg4rec.device import seed_everything
from mkg4rec.errors import PipelineError
from mkg4rec.features.contents import Content
from mkg4rec.features.encoder import Encoder, create, download, load, weights_sha256
from mkg4rec.tables import Modality
from tests.features.pictures import poster, text


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    seed_everything(0)
    encoder = create("catalogue-clip")
    encoder.model.eval()
    return encoder


def vectors(encoder: Encoder) -> torch.Tensor:
    """(2, D): of a picture and of a text."""
    with torch.inference_mode():
        inputs = ((Modality.VISUAL, poster("azure", 1)), (Modality.TEXT, text("azure")))
        return torch.cat([encoder.encode(modality, encoder.prepare(modality, content)[None]) for modality, content in inputs])


def test_vectors_have_unit_length_and_the_papers_width(encoder: Encoder) -> None:
    assert encoder.dimension == 512
    assert vectors(encoder).shape == (2, 512)
    torch.testing.assert_close(vectors(encoder).norm(dim=1), torch.ones(2))


def test_a_saved_encoder_gives_identical_vectors(encoder: Encoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    assert torch.equal(vectors(load(tmp_path)), vectors(encoder))


def test_saving_twice_gives_the_same_bytes(encoder: Encoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    load(tmp_path).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert weights_sha256(tmp_path) == hashlib.sha256(first["weights.safetensors"]).hexdigest()


@pytest.mark.parametrize("damaged", ["weights.safetensors", "architecture.json"])
def test_a_damaged_encoder_is_an_error_that_names_it(encoder: Encoder, tmp_path: Path, damaged: str) -> None:
    encoder.save(tmp_path)
    (tmp_path / damaged).write_bytes((tmp_path / damaged).read_bytes()[:100])
    with pytest.raises(PipelineError, match=str(tmp_path)):
        load(tmp_path)


def test_weights_of_another_architecture_are_an_error(encoder: Encoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    architecture = json.loads((tmp_path / "architecture.json").read_text())
    architecture["model_cfg"]["vision_cfg"]["width"] = 64
    (tmp_path / "architecture.json").write_text(json.dumps(architecture))
    with pytest.raises(PipelineError, match="not a readable encoder"):
        load(tmp_path)


def test_pixels_are_those_of_open_clips_own_transform(encoder: Encoder, tmp_path: Path) -> None:
    content = poster("amber", 2)
    (tmp_path / "poster.png").write_bytes(content.data)
    transform = image_transform_v2(PreprocessCfg(size=64, resize_mode="squash"), is_train=False)
    expected = transform(Image.open(tmp_path / "poster.png"))[None]
    with torch.inference_mode():
        ours = encoder.encode(Modality.VISUAL, encoder.prepare(Modality.VISUAL, content)[None])
        theirs = encoder.model.encode_image(expected, normalize=True)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(129, 200), (300, 444), (1000, 1500), (1500, 400)])
def test_a_large_photograph_keeps_its_vector(encoder: Encoder, size: tuple[int, int], mode: str) -> None:
    chance = np.random.default_rng(0)
    colours = Image.fromarray(chance.integers(0, 256, (24, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noisy = np.clip(np.asarray(colours) + chance.normal(0, 12, (size[1], size[0], 1)), 0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(noisy).convert(mode).save(file, "JPEG", quality=85)
    transform = image_transform_v2(PreprocessCfg(size=64, resize_mode="squash"), is_train=False)
    expected = transform(Image.open(file))[None]
    pixels = encoder.prepare(Modality.VISUAL, Content("photograph", file.getvalue()))[None]
    with torch.inference_mode():
        cosine = encoder.encode(Modality.VISUAL, pixels) @ encoder.model.encode_image(expected, normalize=True).T
    assert float(cosine) > 0.999


def test_the_whole_of_an_upright_poster_is_seen(encoder: Encoder, tmp_path: Path) -> None:
    upright = Image.new("RGB", (40, 80), "black")
    upright.paste("white", (0, 0, 40, 15))  # A cut from the middle would not have it.
    upright.save(tmp_path / "poster.png")
    pixels = encoder.prepare(Modality.VISUAL, Content("poster", (tmp_path / "poster.png").read_bytes()))
    assert pixels.shape == (3, 64, 64)
    assert pixels[:, :8].float().mean() > 200


def test_an_undecodable_poster_is_an_error_that_names_it(encoder: Encoder) -> None:
    with pytest.raises(PipelineError, match="poster of item 17"):
        encoder.prepare(Modality.VISUAL, Content("poster of item 17", poster("azure", 1).data[:200]))


def test_provenance_tells_modalities_precisions_and_weights_apart(encoder: Encoder) -> None:
    known = {
        encoder.provenance(modality, weights, precision).digest
        for modality in Modality
        for weights in ("a", "b")
        for precision in (torch.float32, torch.bfloat16)
    }
    assert len(known) == 12


def test_an_unknown_model_is_an_error_with_what_was_meant() -> None:
    with pytest.raises(PipelineError, match="did you mean catalogue-clip"):
        create("catalog-clip")


def test_an_unknown_tag_is_an_error_with_the_known_ones() -> None:
    with pytest.raises(PipelineError, match="laion2b_s34b_b79k"):
        download("ViT-B-32", "laion3b")


def test_a_model_with_another_tokenizer_is_refused() -> None:
    with pytest.raises(PipelineError, match="tokenizer"):
        download("ViT-B-16-SigLIP", "webli")


def test_published_weights_load_from_the_local_cache_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small published model is planted where huggingface_hub would keep it."""
    published = create("catalogue-clip")
    torch.save(published.model.state_dict(), tmp_path / "small.pt")
    monkeypatch.setitem(
        open_clip.pretrained._PRETRAINED, "catalogue-clip", {"tag": {"hf_hub": "team/small/small.pt", "resize_mode": "shortest"}}
    )
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repository, file, local_files_only: tmp_path / file)
    loaded = download("catalogue-clip", "tag")
    published.model.eval()
    tokens = loaded.prepare(Modality.TEXT, text("azure"))[None]
    with torch.inference_mode():
        assert torch.equal(loaded.encode(Modality.TEXT, tokens), published.encode(Modality.TEXT, tokens))
    assert loaded.name == "catalogue-clip/tag"
    assert loaded.architecture.preprocess_cfg["resize_mode"] == "shortest"


def test_quick_gelu_follows_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(create("catalogue-clip").model.state_dict(), tmp_path / "small.pt")
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "catalogue-clip", {"tag": {"hf_hub": "team/small/small.pt", "quick_gelu": True}})
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repository, file, local_files_only: tmp_path / file)
    assert download("catalogue-clip", "tag").architecture.model_cfg["quick_gelu"]
