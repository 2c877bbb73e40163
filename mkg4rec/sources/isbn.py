"""Books by International Standard Book Number, which the ASIN of a printed book is."""

import re

from mkg4rec.sources.published import ItemId

_ISBN_10 = re.compile(r"[0-9]{9}[0-9X]")
_MODULUS = 11


def is_isbn_10(identifier: ItemId) -> bool:
    """Whether `identifier` is an ISBN-10: ten digits d₁ … d₁₀, the last perhaps X for 10, with Σ (11 − i) dᵢ a multiple of 11.

    https://www.isbn-international.org/content/isbn-users-manual (ISO 2108, before 2007)
    """
    if not isinstance(identifier, str) or not _ISBN_10.fullmatch(identifier):
        return False
    digits = [10 if character == "X" else int(character) for character in identifier]
    return sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=True)) % _MODULUS == 0


def address_by_isbn(template: str, identifier: ItemId) -> str | None:
    """`template` with the ISBN in the place of `{isbn}`; None for an identifier that is none."""
    return template.replace("{isbn}", str(identifier)) if is_isbn_10(identifier) else None
