"""Small images, good and bad, made on the spot."""

import random
import struct
import zlib
from io import BytesIO

from PIL import Image


def picture(image_format: str = "JPEG", size: tuple[int, int] = (24, 36), seed: int = 0) -> bytes:
    """Noise, so that it does not compress to nothing; another seed is another picture."""
    noise = random.Random(seed).randbytes(3 * size[0] * size[1])
    content = BytesIO()
    Image.frombytes("RGB", size, noise).save(content, image_format)
    return content.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has nothing to decode behind its header."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


WEB_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"
