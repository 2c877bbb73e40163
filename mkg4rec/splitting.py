"""A random split of every user's interactions into train, valid and test, repeatable from the seed and the identifiers alone.

The order in which a user's interactions are drawn is that of a 64-bit key, computed from the seed, the user
and the item alone:

    key(seed, u, i) = mix(mix(mix(seed) + h(u)) + h(i))    modulo 2^64

where mix is SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA
2014; https://prng.di.unimi.it/splitmix64.c), h of a whole number is the number and h of a string is the
first 8 bytes, little-endian, of the BLAKE2b hash of its UTF-8 form. There is no generator whose state goes
from row to row: the split is the same on every machine, whatever the order of the rows, and a user's split
does not change when other users come or go.

Of a user's n interactions, in ascending order of their keys,

    test  = min(⌊n · test share + ½⌋, n - 1)            come first,
    valid = min(⌊n · valid share + ½⌋, n - 1 - test)    come next,

and the rest, at least one, is train. A share is the fraction that was meant (0.1 is 1/10, not the float beside it),
so halves are rounded up wherever they occur. At 0.1 and 0.1 a user of less than 5 interactions is all train.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_LARGEST_DENOMINATOR = 10**9


@dataclass(frozen=True)
class Parts:
    """Three tables as `tables.INTERACTIONS`, each sorted by user_id and item_id: disjoint, and together all interactions."""

    train: pa.Table
    valid: pa.Table
    test: pa.Table


def split(interactions: pa.Table, seed: int, valid: float, test: float) -> Parts:
    """Split every user's interactions by the formula above.

    Args:
        interactions: a table as `tables.INTERACTIONS`, a (user, item) once, in any order.
        seed: another seed is another split.
        valid: the share of each user's interactions for validation, in [0, 1).
        test: likewise for the test.
    """
    ordered = interactions.sort_by([("user_id", "ascending"), ("item_id", "ascending")]).combine_chunks()
    user = ordered["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()  # (rows,) ascending
    counts = np.bincount(user)  # (users,)
    test_counts = np.minimum(_rounded(counts, test), counts - 1)
    valid_counts = np.minimum(_rounded(counts, valid), counts - 1 - test_counts)

    rank = _random_ranks(ordered, user, counts, seed)
    in_test = rank < test_counts[user]
    in_valid = ~in_test & (rank < (test_counts + valid_counts)[user])
    return Parts(
        train=ordered.filter(pa.array(~in_test & ~in_valid)),
        valid=ordered.filter(pa.array(in_valid)),
        test=ordered.filter(pa.array(in_test)),
    )


@dataclass(frozen=True)
class ColdParts:
    """A split that keeps some items out of training entirely.

    Attributes:
        warm: the interactions with all other items, split as ever.
        cold: those with the items kept out, of users who have any other.
    """

    warm: Parts
    cold: pa.Table


def split_cold(interactions: pa.Table, seed: int, share: float, valid: float, test: float) -> ColdParts:
    """Keep out ⌊n · share + ½⌋ of the n items, those with the smallest mix(mix(mix(seed)) + h(i)), and split the rest by `split`.

    Args:
        share: of the items, in (0, 1).
        interactions, seed, valid, test: as for `split`.
    """
    items = pc.unique(interactions["item_id"].combine_chunks()).sort()
    keys = mix(mix(mix(np.array([seed], dtype=np.uint64))) + _hashes(pa.chunked_array([items])))
    held_out = items.take(pa.array(np.argsort(keys, kind="stable")[: int(_rounded(np.array([len(items)]), share)[0])]))
    is_cold = pc.is_in(interactions["item_id"], value_set=held_out)
    warm, cold = interactions.filter(pc.invert(is_cold)), interactions.filter(is_cold)
    known = cold.filter(pc.is_in(cold["user_id"], value_set=pc.unique(warm["user_id"])))
    return ColdParts(split(warm, seed, valid, test), known.sort_by([("user_id", "ascending"), ("item_id", "ascending")]).combine_chunks())


def thinned(train: pa.Table, seed: int, share: float) -> pa.Table:
    """What is left where only a share of every user's train interactions is known: max(1, ⌊n · share + ½⌋) of n.

    They are those with the smallest key(seed, user, item), so that a smaller share is a part of a larger one.

    Args:
        train: a table as `tables.INTERACTIONS`, a (user, item) once.
        share: in (0, 1].
    """
    ordered = train.sort_by([("user_id", "ascending"), ("item_id", "ascending")]).combine_chunks()
    user = ordered["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    counts = np.bincount(user)
    rank = _random_ranks(ordered, user, counts, seed)
    return ordered.filter(pa.array(rank < np.maximum(1, _rounded(counts, share))[user]))


def _random_ranks(ordered: pa.Table, user: NDArray[np.intp], counts: NDArray[np.int64], seed: int) -> NDArray[np.intp]:
    """(rows,) the place of each interaction among its user's by key, from 0; `user` (rows,) ascending, with (users,) `counts`."""
    drawn = np.lexsort((random_keys(seed, ordered["user_id"], ordered["item_id"]), user))
    first = np.cumsum(counts) - counts  # (users,) the row of a user's first interaction
    rank = np.empty_like(drawn)
    rank[drawn] = np.arange(len(drawn)) - first[user]
    return rank


def random_keys(seed: int, users: pa.ChunkedArray, items: pa.ChunkedArray) -> NDArray[np.uint64]:
    """(rows,) key(seed, user, item), uniform over 64 bits."""
    start = mix(np.array([seed], dtype=np.uint64))
    return mix(mix(start + _hashes(users)) + _hashes(items))


def mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What SplitMix64 puts out from each `state`: a bijection of 64-bit numbers that looks random."""
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _hashes(identifiers: pa.ChunkedArray) -> NDArray[np.uint64]:
    """(rows,) h of each identifier."""
    encoded = identifiers.combine_chunks().dictionary_encode()
    distinct: NDArray[np.uint64]
    if pa.types.is_integer(encoded.type.value_type):
        distinct = encoded.dictionary.to_numpy().astype(np.uint64)
    else:
        digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in encoded.dictionary.to_pylist())
        distinct = np.frombuffer(digests, dtype="<u8").astype(np.uint64)
    rows: NDArray[np.intp] = encoded.indices.to_numpy()
    return distinct[rows]


def _rounded(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """⌊counts · share + ½⌋, exact."""
    exact = Fraction(share).limit_denominator(_LARGEST_DENOMINATOR)
    return (2 * counts * exact.numerator + exact.denominator) // (2 * exact.denominator)
