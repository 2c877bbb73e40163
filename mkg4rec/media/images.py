"""Whether bytes are an image, told by decoding them in full, and the image as people see it."""

import warnings
from contextlib import suppress
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mkg4rec.media.status import Failure, Status

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""Formats of published posters. Pillow knows many more, and some of them start other programs (EPS)."""

# Pillow warns of what is no error to it; here every image is judged in full, and its limit is our own.
warnings.filterwarnings("ignore", module=r"PIL\.")


SINGLE_PIXEL = Failure(Status.MISSING, "a single pixel in place of an image")
"""What book shops answer where they have no cover."""


_WHITES = (1, 255, 65535)
"""What may stand for white where 32 bits a pixel leave it open."""


class UnusableImageError(Exception):
    """The bytes are no image that can be used; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def decoded_size(image: bytes, max_bytes: int, max_pixels: int) -> tuple[int, int]:
    """Decode `image` wholly (of an animation the first frame) and return its width and height in pixels.

    The pixels are counted from the header, before any is decoded, so that a small file that would
    unpack to gigabytes is refused at no cost.

    Raises:
        UnusableImageError: too many bytes or pixels, a single pixel, no image, or one that does not decode to its end.
    """
    if len(image) > max_bytes:
        raise UnusableImageError(Failure(Status.TOO_LARGE, f"more than {max_bytes:,} bytes"))
    too_many_pixels = Failure(Status.TOO_LARGE, f"more than {max_pixels:,} pixels")
    try:
        with Image.open(BytesIO(image), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise UnusableImageError(too_many_pixels)
            picture.load()
            if width * height == 1:
                raise UnusableImageError(SINGLE_PIXEL)
    except UnusableImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusableImageError(too_many_pixels) from error
    except UnidentifiedImageError as error:
        raise UnusableImageError(Failure(Status.BROKEN, what_it_is_instead(image))) from error
    # On damaged bytes the decoders raise whatever they stumble over: OSError, SyntaxError, struct.error, IndexError, …
    except Exception as error:
        raise UnusableImageError(Failure(Status.BROKEN, "the image is truncated or damaged")) from error
    return width, height


def as_shown(picture: Image.Image) -> Image.Image:
    """`picture` in RGB, upright as its EXIF data say, with grey values of more than eight bits scaled and not cut off at 255.

    Raises:
        Exception: what Pillow raises where the bytes do not decode.
    """
    picture.load()
    # EXIF data that are damaged say nothing; the picture decodes without them.
    with suppress(Exception):
        ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith(("I", "F")):
        picture = Image.fromarray(_eight_bits(picture))
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> NDArray[np.uint8]:
    """(height, width) grey values of 16 bits, or of 32, which also hold those of 1, 8 and 16: the greatest value tells which."""
    values = np.asarray(picture)
    if values.dtype.itemsize == 2:
        # As Pillow does it to colours of 16 bits.
        return (values >> 8).astype(np.uint8)
    values = np.nan_to_num(values.astype(np.float32), nan=0, posinf=0, neginf=0)
    greatest = float(values.max())
    white = next((white for white in _WHITES if greatest <= white), greatest)
    return np.rint(values.clip(min=0) * (255 / white)).astype(np.uint8)


def what_it_is_instead(content: bytes) -> str:
    """In words, what bytes without an image's signature are."""
    beginning = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not content:
        return "an empty file"
    if beginning.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page in place of an image"
    return "not an image of a known format"
