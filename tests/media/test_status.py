from pathlib import Path

import pyarrow as pa
import pytest

from mkg4rec import tables
from mkg4rec.errors import PipelineError
from mkg4rec.media.status import Failure, Outcome, Status, check_share, status_rows, summary
from mkg4rec.tables import Modality

GOOD = Outcome.ok("https://host/good")
GONE = Outcome.failed(Failure(Status.MISSING, "not found"), "https://host/gone")
TORN = Outcome.failed(Failure(Status.BROKEN, "torn"), "https://host/torn")
HUGE = Outcome.failed(Failure(Status.TOO_LARGE, "huge"), "https://host/huge")


def test_the_four_statuses() -> None:
    assert [status.value for status in Status] == ["ok", "missing", "broken", "too_large"]


@pytest.mark.parametrize("items", [pa.array([7, 3]), pa.array(["007", "B3"])])
def test_a_row_an_item_and_modality_in_the_order_of_the_catalogue(items: pa.Array) -> None:
    rows = status_rows(items, {Modality.TEXT: [GONE, GOOD], Modality.WEB: [TORN, GOOD], Modality.VISUAL: [GOOD, HUGE]})
    tables.MEDIA_STATUS.check(rows, Path("here"))
    first, second = items.to_pylist()
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        (first, "visual", "ok", "", "https://host/good"),
        (first, "text", "missing", "not found", "https://host/gone"),
        (first, "web", "broken", "torn", "https://host/torn"),
        (second, "visual", "too_large", "huge", "https://host/huge"),
        (second, "text", "ok", "", "https://host/good"),
        (second, "web", "ok", "", "https://host/good"),
    ]


def test_no_items_no_rows() -> None:
    assert status_rows(pa.array([], pa.int64()), {modality: [] for modality in Modality}).num_rows == 0


@pytest.mark.parametrize("outcomes", [[], [GOOD], [GOOD, GONE], [GOOD, GOOD, TORN, HUGE]])
def test_a_share_up_to_the_limit_is_allowed(outcomes: list[Outcome]) -> None:
    check_share(outcomes, Modality.VISUAL, 0.5, "limit")


def test_a_larger_share_stops_with_everything_that_one_needs_to_know() -> None:
    with pytest.raises(PipelineError) as caught:
        check_share([GOOD] * 4 + [GONE] * 3 + [TORN] * 2 + [HUGE], Modality.VISUAL, 0.555, "datasets.x.media.limit")
    message = str(caught.value)
    for part in ("6 of 10 posters (60.00%)", "55.50%", "3 × missing: not found; 2 × broken: torn; 1 × too_large: huge"):
        assert part in message
    assert "set datasets.x.media.limit to at least 0.6." in message


@pytest.mark.parametrize("lacking", range(1, 24))
def test_the_limit_that_the_error_proposes_is_enough(lacking: int) -> None:
    outcomes = [GONE] * lacking + [GOOD] * (23 - lacking)
    with pytest.raises(PipelineError) as caught:
        check_share(outcomes, Modality.TEXT, 0, "limit")
    proposed = float(str(caught.value).rpartition("at least ")[2].rstrip("."))
    assert 0 < proposed <= 1
    check_share(outcomes, Modality.TEXT, proposed, "limit")


def test_the_summary_counts_every_status() -> None:
    line = summary({Modality.VISUAL: [GOOD, GOOD, GONE, HUGE], Modality.TEXT: [TORN] * 4, Modality.WEB: [GOOD] * 4})
    assert line == (
        "posters: 2 ok, 1 missing, 0 broken, 1 too large; descriptions: 0 ok, 0 missing, 4 broken, 0 too large; "
        "pages: 4 ok, 0 missing, 0 broken, 0 too large"
    )
