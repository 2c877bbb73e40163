from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mkg4rec.media.images import UnusableImageError, as_shown, decoded_size
from mkg4rec.media.status import Failure, Status
from tests.media.pictures import WEB_PAGE, picture, png_header

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF"]


def failure(image: bytes, max_bytes: int = 1_000_000, max_pixels: int = 1_000_000) -> Failure:
    with pytest.raises(UnusableImageError) as caught:
        decoded_size(image, max_bytes, max_pixels)
    return caught.value.failure


def encoded(image: Image.Image, image_format: str, **options: object) -> BytesIO:
    content = BytesIO()
    image.save(content, image_format, **options)
    return content


@pytest.mark.parametrize("image_format", FORMATS)
def test_size_of_an_image(image_format: str) -> None:
    assert decoded_size(picture(image_format, (24, 36)), 1_000_000, 24 * 36) == (24, 36)


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_single_pixel_is_no_image(image_format: str) -> None:
    assert failure(picture(image_format, (1, 1))) == Failure(Status.MISSING, "a single pixel in place of an image")


@pytest.mark.parametrize("image_format", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_images_are_broken(image_format: str, share: float) -> None:
    whole = picture(image_format, (64, 64))
    assert failure(whole[: int(share * len(whole))]).status is Status.BROKEN


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (WEB_PAGE, "an HTML page in place of an image"),
        (b"\xef\xbb\xbf\n <HTML><body>404</body>", "an HTML page in place of an image"),
        (b'{"error": "no such image"}', "not an image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n", "not an image of a known format"),
    ],
)
def test_what_is_no_image_is_broken_and_named(content: bytes, reason: str) -> None:
    assert failure(content) == Failure(Status.BROKEN, reason)


def test_too_many_bytes() -> None:
    image = picture()
    assert decoded_size(image, len(image), 10_000) == (24, 36)
    assert failure(image, max_bytes=len(image) - 1).status is Status.TOO_LARGE


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [1_001, 10_000, 50_000])  # 10,000 is between Pillow's warning and its error
def test_too_many_pixels_are_told_from_the_header(side: int) -> None:
    # The body does not decode: had it been tried, the image would be broken.
    assert failure(png_header(side, side)) == Failure(Status.TOO_LARGE, "more than 1,000,000 pixels")


@pytest.mark.parametrize(
    ("image_format", "values"),
    [
        ("PNG", np.array([[0, 257, 32896, 65535]], np.uint16)),
        ("TIFF", np.array([[0, 257, 32896, 65535]], np.uint16)),
        ("TIFF", np.array([[0, 257, 32896, 65535]], np.int32)),
        ("TIFF", np.array([[0, 257, 32896, 65535]], np.float32)),
        ("TIFF", np.array([[-3, 1, 128, 255]], np.float32)),
        ("TIFF", np.array([[0, 1 / 255, 128 / 255, 1]], np.float32)),
        ("TIFF", np.array([[np.nan, 1e6, 128e6, 255e6]], np.float32)),
    ],
)
def test_grey_values_of_more_than_eight_bits_are_scaled(image_format: str, values: NDArray[np.generic]) -> None:
    shown = as_shown(Image.open(encoded(Image.fromarray(values), image_format)))
    assert np.asarray(shown).tolist() == [[[0, 0, 0], [1, 1, 1], [128, 128, 128], [255, 255, 255]]]


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_a_black_image_stays_black(kind: type[np.generic]) -> None:
    assert not np.asarray(as_shown(Image.open(encoded(Image.fromarray(np.zeros((2, 2), kind)), "TIFF")))).any()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_an_image_is_shown_upright(image_format: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # its first row belongs on the right
    stored = Image.new("RGB", (40, 20), "black")
    stored.paste("white", (0, 0, 40, 10))
    shown = as_shown(Image.open(encoded(stored, image_format, exif=exif.tobytes())))
    assert shown.size == (20, 40)
    left, right = np.asarray(shown.convert("L"))[:, [2, 17]].mean(axis=0)
    assert left < 10
    assert right > 245


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_data_say_nothing() -> None:
    content = encoded(Image.new("RGB", (4, 8), "white"), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")
    assert as_shown(Image.open(content)).size == (4, 8)


def test_pillows_own_limit_holds_where_ours_is_higher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert failure(picture()).status is Status.TOO_LARGE


@given(st.binary(max_size=400))
def test_any_bytes_give_a_size_or_a_failure(content: bytes) -> None:
    assert failure(content).status is Status.BROKEN


@given(st.sampled_from(FORMATS), st.data())
def test_a_damaged_image_gives_a_size_or_a_failure(image_format: str, data: st.DataObject) -> None:
    image = bytearray(picture(image_format, (16, 16)))
    for position in data.draw(st.lists(st.integers(0, len(image) - 1), min_size=1, max_size=5)):
        image[position] = data.draw(st.integers(0, 255))
    with suppress(UnusableImageError):
        width, height = decoded_size(bytes(image), 1_000_000, 1_000_000)
        assert width * height <= 1_000_000
