"""When an interaction was: seconds, ISO 8601 or Parquet's own times."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.sources.own.columns import TableSource
from mkg4rec.sources.own.interactions import read_interactions

COLUMNS = {"user": "user", "item": "item", "time": "time"}
NOON = int(datetime(2024, 5, 31, 12, tzinfo=UTC).timestamp())


def texts(folder: Path, *times: str) -> list[int]:
    (folder / "table.csv").write_text("user,item,time\n" + "".join(f"a,x,{time}\n" for time in times), encoding="utf-8")
    return list(read_interactions(TableSource(folder / "table.csv", ",", COLUMNS), None)["timestamp"].to_pylist())


def column(folder: Path, times: pa.Array) -> list[int]:
    rows = pa.table({"user": ["a"] * len(times), "item": ["x"] * len(times), "time": times})
    pq.write_table(rows, folder / "table.parquet")
    return list(read_interactions(TableSource(folder / "table.parquet", None, COLUMNS), None)["timestamp"].to_pylist())


@pytest.mark.parametrize(
    "written",
    [
        "2024-05-31T12:00:00Z",
        "2024-05-31 12:00",
        " 2024-05-31T12:00:00.999999 ",
        "2024-05-31T12:00:00.123456789",
        "2024-05-31T12:00:00.123456789Z",
        "2024-05-31T14:00:00+02:00",
        "2024-05-31 08:00:00-0400",
        "20240531T120000Z",
    ],
)
def test_iso_8601_is_read_in_every_zone_and_precision(tmp_path: Path, written: str) -> None:
    assert texts(tmp_path, written) == [NOON]
    assert texts(tmp_path, "2024-05-31", "2024-05-31T12:00:00Z", written) == [NOON - 12 * 3600, NOON, NOON]


@pytest.mark.parametrize("bad", ["yesterday", "2024-02-30", "", "1717156800", "20240531"])
def test_a_bad_time_among_good_ones_is_named_with_its_own_line(tmp_path: Path, bad: str) -> None:
    with pytest.raises(PipelineError, match=rf"table.csv:3: column time is '{bad}': not a time in ISO 8601"):
        texts(tmp_path, "2024-05-31", bad, "2024-05-31")


def test_a_date_among_seconds_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"table.csv:3: column time is '2024-05-31': not a number"):
        texts(tmp_path, "1717156800", "2024-05-31")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts_of_parquet_are_times_in_whichever_form(tmp_path: Path, kind: pa.DataType) -> None:
    times = pa.array(["2024-05-31T12:00:00Z", "2024-05-31T14:00:00+02:00"], kind)
    assert column(tmp_path, times) == [NOON, NOON]
    assert column(tmp_path, pa.array(["1717156800", "1717156800.5"], kind)) == [NOON, NOON]
    with pytest.raises(PipelineError, match=r"table.parquet: row 2: column time is 'None': not a time in ISO 8601"):
        column(tmp_path, pa.array(["2024-05-31", None], kind))


def test_times_of_parquet_are_read_in_their_own_types(tmp_path: Path) -> None:
    noon = datetime(2024, 5, 31, 12, tzinfo=UTC)
    for kind in (pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("ns"), pa.timestamp("us", tz="Europe/Berlin")):
        assert column(tmp_path, pa.array([noon], kind)) == [NOON]
    assert column(tmp_path, pa.array([date(2024, 5, 31)])) == [NOON - 12 * 3600]
    assert column(tmp_path, pa.array(["2024-05-31"]).dictionary_encode()) == [NOON - 12 * 3600]
