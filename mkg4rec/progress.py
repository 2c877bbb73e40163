"""Progress bars on a terminal, silence elsewhere."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], description: str, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Iterate over `items` behind a bar that shows only when standard error is a terminal."""
    return iter(bar(items, description, total, unit))


def bar(items: Iterable[T], description: str, total: int | None = None, unit: str = "it") -> "tqdm[T]":
    """A bar over `items`, also to be moved by hand (`update`, `close`); quiet when standard error is no terminal."""
    return tqdm(
        items,
        desc=description,
        total=total,
        unit=unit,
        unit_scale=unit == "B",
        unit_divisor=1024 if unit == "B" else 1000,
        disable=not sys.stderr.isatty(),
        leave=False,
    )


def meter(description: str, total: int | None, unit: str = "B") -> "tqdm[None]":
    """A bar that is moved by hand (`update`), in bytes unless told otherwise."""
    return bar((), description, total, unit)
