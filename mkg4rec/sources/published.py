"""What all published text files have in common: their encoding, their identifiers, and pages that come in their place."""

import re
from pathlib import Path

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError

ItemId = int | str

_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")


def published_text(path: Path) -> str:
    """The text of the published file at `path`, with its line ends as they are.

    Raises:
        PipelineError: no such file, not UTF-8 (with the line), or an HTML page in its place.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: there is no such file; `dvc repro` downloads it.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PipelineError(
            f"{path}:{line}: not UTF-8 text (byte 0x{content[error.start]:02x}). Check the address of this source in params.yaml; "
            f"{DOWNLOAD_ANEW}"
        ) from error
    if text[:512].lstrip().lower().startswith(("<!doctype html", "<html")):
        raise PipelineError(
            f"{path}:1: an HTML page in place of the data, as servers send for an address that is gone or wants a login. "
            f"Check the address of this source in params.yaml; {DOWNLOAD_ANEW}"
        )
    return text


def item_id(text: str, whole_numbers: bool) -> ItemId:
    """The item id written as `text`, in the type of the catalogue's ids.

    Args:
        text: as published; blanks around it do not count.
        whole_numbers: whether the catalogue's ids are whole numbers, not strings.

    Raises:
        ValueError: empty, or not a whole number where one is wanted.
    """
    text = text.strip()
    if not text or (whole_numbers and not _WHOLE_NUMBER.fullmatch(text)):
        raise ValueError(f"{text[:80]!r} is no item id")
    return int(text) if whole_numbers else text
