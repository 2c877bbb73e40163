"""Python literals that come from elsewhere: parsed, never evaluated, at a bounded cost."""

import ast
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 1 << 19
"""Bytes of a literal. The longest books of Amazon's metadata have some 100,000; half a megabyte of numbers takes 250 MB and 0.6 s."""


def parse_literal(text: bytes) -> object:
    """The value of the Python literal `text`, UTF-8.

    `ast.literal_eval` runs no code, and Python's own parser refuses brackets that are nested some 200 deep, endless
    chains of operators and numbers of thousands of digits; what is left to bound is the length.

    Raises:
        ValueError: too long, not UTF-8, or no literal; the message says which.
    """
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST:,} bytes")
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte 0x{text[error.start]:02x})") from error
    try:
        return ast.literal_eval(decoded.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError("no Python literal") from error


@contextmanager
def without_syntax_warnings() -> Iterator[None]:
    """Keep Python from warning of escapes such as `\\d` in what is parsed, which stand for themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
