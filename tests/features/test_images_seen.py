"""What the encoder sees of an image: all of an ordinary one as ever, and of an odd one what people see."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import ExifTags, Image
from torchvision.transforms import Compose
from torchvision.transforms.functional import pil_to_tensor

from mkg4rec.features.contents import Content
from mkg4rec.features.encoder import Encoder, create
from mkg4rec.tables import Modality


@pytest.fixture(scope="module", params=["squash", "shortest"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    """One whose weights expect an image to be resized in the way of the parameter."""
    made = create("catalogue-clip").architecture
    return Encoder(replace(made, preprocess_cfg={**made.preprocess_cfg, "resize_mode": request.param}))


def file_of(picture: Image.Image, image_format: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, image_format, **options)
    return file.getvalue()


def pixels_by_open_clip(encoder: Encoder, content: bytes) -> torch.Tensor:
    """What its own transform makes of an image as Pillow gives it, before it is made of floats."""
    size = PreprocessCfg(**encoder.architecture.preprocess_cfg)
    with Image.open(BytesIO(content)) as picture:
        picture.draft(None, (128, 128))
        pixels: torch.Tensor = pil_to_tensor(Compose(image_transform_v2(size, is_train=False).transforms[:-2])(picture.convert("RGB")))
        return pixels


def chance_picture(size: tuple[int, int]) -> Image.Image:
    chance = np.random.default_rng(0)
    return Image.fromarray(chance.integers(0, 256, (9, 6, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(64, 64), (30, 47), (600, 900), (1500, 100)])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_the_pixels_of_an_ordinary_image_are_open_clips(encoder: Encoder, size: tuple[int, int], image_format: str) -> None:
    content = file_of(chance_picture(size), image_format)
    pixels = encoder.prepare(Modality.VISUAL, Content("poster", content))
    assert torch.equal(pixels, pixels_by_open_clip(encoder, content))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(40, 60), (800, 1200)])  # The larger one is decoded at a part of its size.
def test_a_photograph_is_seen_upright(encoder: Encoder, size: tuple[int, int], orientation: int) -> None:
    upright = chance_picture(size)
    turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}.get(orientation)
    stored = upright if turned is None else upright.transpose(Image.Transpose(turned))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    content = Content("photograph", file_of(stored, "JPEG", quality=95, exif=exif.tobytes()))
    pixels = encoder.prepare(Modality.VISUAL, content)
    expected = encoder.prepare(Modality.VISUAL, Content("photograph", file_of(upright, "JPEG", quality=95)))
    assert (pixels.float() - expected.float()).abs().mean() < 2


def test_grey_values_of_sixteen_bits_are_not_white(encoder: Encoder) -> None:
    grey = chance_picture((30, 40)).convert("L")
    sixteen = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    expected = encoder.prepare(Modality.VISUAL, Content("poster", file_of(grey, "PNG")))
    assert torch.equal(encoder.prepare(Modality.VISUAL, Content("poster", file_of(sixteen, "PNG"))), expected)


@pytest.mark.parametrize(("size", "resized"), [((1, 10_000), 64 * 64 * 16), ((10_000, 1), 64 * 64 * 16), ((1, 300_000), 64 * 64 * 16)])
def test_a_thread_of_an_image_does_not_blow_up(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], resized: int
) -> None:
    """Pillow resizes across first: what lies between has the new width and the old height."""
    content = Content("poster", file_of(chance_picture(size), "PNG"))
    areas = []
    resize = Image.Image.resize

    def recorded(picture: Image.Image, size: tuple[int, int], *options: Any) -> Image.Image:
        areas.append(max(size[0] * picture.height, size[0] * size[1]))
        return resize(picture, size, *options)

    monkeypatch.setattr(Image.Image, "resize", recorded)
    assert encoder.prepare(Modality.VISUAL, content).shape == (3, 64, 64)
    assert max(areas) <= resized


@pytest.mark.parametrize("size", [(3, 2000), (2001, 3), (1, 1000), (40, 900)])
def test_a_long_image_is_seen_as_before(encoder: Encoder, size: tuple[int, int]) -> None:
    content = file_of(chance_picture(size), "PNG")
    pixels = encoder.prepare(Modality.VISUAL, Content("banner", content))
    assert (pixels.float() - pixels_by_open_clip(encoder, content).float()).abs().max() < 12
