"""What became of every item's poster, description and web page: status rows, shares and the summary."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from mkg4rec.errors import PipelineError
from mkg4rec.tables import Modality


class Status(StrEnum):
    """What became of one content.

    - ok: it is there and usable.
    - missing: the publisher has none: no address, "not found", no description.
    - broken: there should be one, but what arrived is not usable, or it never arrived whole.
    - too_large: more bytes or pixels than allowed.
    """

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"
    TOO_LARGE = "too_large"


CONTENT = {Modality.VISUAL: "posters", Modality.TEXT: "descriptions", Modality.WEB: "pages"}
"""What the contents of a modality are called in messages and in params.yaml."""


@dataclass(frozen=True)
class Failure:
    """Why there is no content.

    Attributes:
        status: anything but ok.
        reason: in words that many failures share, so that they can be counted.
        definite: asking once more, now, would give the same.
    """

    status: Status
    reason: str
    definite: bool = True


@dataclass(frozen=True)
class Outcome:
    """The status of one item in one modality, and the address that the content came from or should have come from."""

    status: Status
    reason: str
    address: str

    @classmethod
    def ok(cls, address: str) -> "Outcome":
        return cls(Status.OK, "", address)

    @classmethod
    def failed(cls, failure: Failure, address: str) -> "Outcome":
        return cls(failure.status, failure.reason, address)


def status_rows(item_ids: pa.Array, outcomes: Mapping[Modality, Sequence[Outcome]]) -> pa.Table:
    """The media status table: for every item, in the order of `item_ids`, a row for each modality, in the order of these.

    Args:
        item_ids: (n,) the catalogue's items.
        outcomes: for each modality, n outcomes in the same order.
    """
    rows = [outcomes[modality][position] for position in range(len(item_ids)) for modality in Modality]
    return pa.table(
        {
            "item_id": item_ids.take(pa.array([position for position in range(len(item_ids)) for _ in Modality], pa.int64())),
            "modality": pa.array([modality.value for _ in range(len(item_ids)) for modality in Modality], pa.string()),
            "status": pa.array([row.status.value for row in rows], pa.string()),
            "reason": pa.array([row.reason for row in rows], pa.string()),
            "address": pa.array([row.address for row in rows], pa.string()),
        }
    )


def check_share(outcomes: Sequence[Outcome], modality: Modality, allowed: float, parameter: str) -> None:
    """Stop where too many items lack a content, before a model is trained on what is hardly there.

    Args:
        outcomes: one for each item.
        modality: whose outcomes these are.
        allowed: the share of items, of 1, that may be without.
        parameter: the full name of the parameter that sets `allowed`.

    Raises:
        PipelineError: the share is larger; with the commonest reasons and the parameter to set.
    """
    without = [outcome for outcome in outcomes if outcome.status is not Status.OK]
    share = len(without) / max(len(outcomes), 1)
    if share <= allowed:
        return
    reasons = Counter(f"{outcome.status}: {outcome.reason}" for outcome in without).most_common(3)
    commonest = "; ".join(f"{count:,} × {reason}" for reason, count in reasons)
    raise PipelineError(
        f"{len(without):,} of {len(outcomes):,} {CONTENT[modality]} ({share:.2%}) are not there, more than the {allowed:.2%} allowed "
        f"by {parameter} in params.yaml; nothing was written. Commonest reasons: {commonest}. "
        f"Repair the source, or set {parameter} to at least {_round_up(share)}."
    )


def _round_up(share: float) -> float:
    """`share` with two decimals, never less than itself."""
    return math.ceil(share * 100) / 100


def summary(outcomes: Mapping[Modality, Sequence[Outcome]]) -> str:
    """One line: for each modality, how many contents have each status."""
    return "; ".join(f"{CONTENT[modality]}: {', '.join(_counts(outcomes[modality]))}" for modality in Modality)


def _counts(outcomes: Sequence[Outcome]) -> Iterator[str]:
    counts = Counter(outcome.status for outcome in outcomes)
    return (f"{counts[status]:,} {status.replace('_', ' ')}" for status in Status)
