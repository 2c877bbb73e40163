"""Whether bytes are an image, told by decoding them in full."""

import warnings
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from mkg4rec.media.status import Failure, Status

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
"""Formats of published posters. Pillow knows many more, and some of them start other programs (EPS)."""

# Pillow warns of what is no error to it; here every image is judged in full, and its limit is our own.
warnings.filterwarnings("ignore", module=r"PIL\.")


SINGLE_PIXEL = Failure(Status.MISSING, "a single pixel in place of an image")
"""What book shops answer where they have no cover."""


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


def what_it_is_instead(content: bytes) -> str:
    """In words, what bytes without an image's signature are."""
    beginning = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not content:
        return "an empty file"
    if beginning.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page in place of an image"
    return "not an image of a known format"
