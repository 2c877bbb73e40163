"""Data sets that the user brings as tables and images, from their files to the split, stage by stage."""

import csv
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv as arrow_csv

from mkg4rec import tables
from mkg4rec.export import recbole
from stages import bring, download, prepare
from tests.stages.own.workplace import EXAMPLE, LAYOUT, NAME, Workplace, csv_rows, example_rows, texts


def test_files_become_the_tables_of_the_pipeline(workplace: Workplace) -> None:
    workplace.build()
    liked = {
        (row["reader"], row["book"], float(row["stars"]), int(row["finished"]))
        for row in example_rows("interactions.csv")
        if row["stars"] >= "3"
    }
    positives = tables.INTERACTIONS.read(LAYOUT.positives)
    assert texts(positives, "user_id", "item_id", "rating", "timestamp") == liked
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    assert texts(catalogue, "item_id", "entity", "title") == {(row["book"], row["book"], row["title"]) for row in example_rows("items.csv")}
    assert set(tables.POSTERS.read(LAYOUT.posters)["item_id"].to_pylist()) == {path.stem for path in (EXAMPLE / "images").iterdir()}
    assert texts(tables.DESCRIPTIONS.read(LAYOUT.descriptions), "item_id", "text") == {
        (row["book"], row["blurb"]) for row in example_rows("items.csv") if row["blurb"]
    }
    built = recbole.by_name(
        tables.TRIPLETS.read(LAYOUT.triplets),
        tables.ENTITIES.read(LAYOUT.entities)["entity"].combine_chunks(),
        tables.RELATIONS.read(LAYOUT.relations)["relation"].combine_chunks(),
    )
    assert texts(built, "head", "relation", "tail") == {tuple(row.values()) for row in example_rows("triples.tsv")}
    attributes = tables.ENTITIES.read(LAYOUT.entities)
    named = {(row["entity"], row["name"]) for row in attributes.to_pylist() if row["item_id"] is None}
    assert named == {(row["entity"], row["name"]) for row in example_rows("names.csv")}


def test_pages_come_from_a_column(workplace: Workplace) -> None:
    pages = {"001": "<p>A <i>page</i>.<sup class='reference'>[1]</sup></p>", "002": "N/A"}
    header, *rows = csv_rows((workplace.own / "items.csv").read_text(encoding="utf-8"))
    changed = [[*header, "article"], *([*row, pages.get(row[0], "")] for row in rows)]
    with (workplace.own / "items.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(changed)
    workplace.sources["items"]["page"] = "article"
    workplace.dataset["media"]["max_missing_pages"] = 0.5
    assert "29 of 30 pages (96.67%) are not there" in workplace.complaint()
    workplace.dataset["media"]["max_missing_pages"] = 1.0
    workplace.build()
    assert texts(tables.PAGES.read(LAYOUT.pages), "item_id", "text") == {("001", "A page.")}
    status = {row["item_id"]: row for row in tables.MEDIA_STATUS.read(LAYOUT.media_status).to_pylist() if row["modality"] == "web"}
    assert (status["001"]["status"], status["001"]["address"]) == ("ok", "items.csv#/001")
    assert status["002"]["reason"] == "the source has no page of the item"


@pytest.mark.parametrize("parquet", [False, True])
def test_years_and_genres_come_from_columns(workplace: Workplace, parquet: bool) -> None:
    told = {"001": (1899, ["War", "Family saga"]), "003": (None, ["War"]), "004": (7, [])}
    header, *rows = csv_rows((workplace.own / "items.csv").read_text(encoding="utf-8"))
    of_rows = [told.get(row[0], (None, [])) for row in rows]
    if parquet:
        columns = dict(zip(header, zip(*rows, strict=True), strict=True))
        years, genres = zip(*of_rows, strict=True)
        pq.write_table(pa.table(columns | {"printed": pa.array(years, pa.int16()), "kinds": list(genres)}), workplace.own / "items.parquet")
        workplace.sources["items"] |= {"file": "items.parquet", "separator": None}
    else:
        changed = [[*row, year or "unknown", " | ".join([*genres, *genres])] for row, (year, genres) in zip(rows, of_rows, strict=True)]
        with (workplace.own / "items.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([[*header, "printed", "kinds"], *changed])
    workplace.sources["items"] |= {"year": "printed", "genres": "kinds"}
    workplace.build()
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    found = {row["item_id"]: (row["year"], row["genres"]) for row in catalogue.to_pylist() if row["year"] or row["genres"]}
    assert found == told


def test_without_a_column_of_pages_there_are_none(workplace: Workplace) -> None:
    workplace.build()
    reasons = {row["reason"] for row in tables.MEDIA_STATUS.read(LAYOUT.media_status).to_pylist() if row["modality"] == "web"}
    assert reasons == {"the data set has no source of pages"}


def test_media_status_names_files_and_not_places_on_this_machine(workplace: Workplace) -> None:
    workplace.build()
    status = {(row["item_id"], row["modality"]): row for row in tables.MEDIA_STATUS.read(LAYOUT.media_status).to_pylist()}
    assert status["001", "visual"]["address"] == "001.png"
    assert status["001", "text"]["address"] == "items.csv#L1"
    assert status["023", "visual"]["reason"] == "the folder of images has none of the item"
    assert status["017", "text"]["status"] == "missing"


def test_parquet_is_read_as_csv_is(workplace: Workplace) -> None:
    workplace.build()
    expected = tables.INTERACTIONS.read(LAYOUT.positives)
    text = dict.fromkeys(("reader", "book"), pa.string())
    rows = arrow_csv.read_csv(workplace.own / "interactions.csv", convert_options=arrow_csv.ConvertOptions(column_types=text))
    pq.write_table(rows, workplace.own / "interactions.parquet")
    workplace.sources["interactions"] |= {"file": "interactions.parquet", "separator": None}
    workplace.build()
    assert tables.INTERACTIONS.read(LAYOUT.positives).equals(expected)


def test_a_file_without_a_header_has_columns_by_position(workplace: Workplace) -> None:
    workplace.build()
    expected = tables.TRIPLETS.read(LAYOUT.triplets)
    workplace.rewrite("triples.tsv", lambda text: text.partition("\n")[2])
    workplace.sources["triples"] |= {"head": 1, "relation": 2, "tail": 3}
    workplace.build()
    assert tables.TRIPLETS.read(LAYOUT.triplets).equals(expected)


def test_images_texts_and_graph_may_be_absent(workplace: Workplace) -> None:
    workplace.sources |= {"items": None, "images": None, "triples": None, "names": None}
    workplace.sources["interactions"] |= {"rating": None, "time": None, "scale": None}
    workplace.dataset["link"]["min_rating"] = 1
    workplace.build()
    positives = tables.INTERACTIONS.read(LAYOUT.positives)
    assert len(positives) == len(example_rows("interactions.csv"))
    assert texts(positives, "rating", "timestamp") == {(1.0, 0)}
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    assert catalogue["title"].to_pylist()[0] == "item 001"
    assert len(tables.ENTITIES.read(LAYOUT.entities)) == len(catalogue)
    assert not any(len(table.read(path)) for table, path in ((tables.TRIPLETS, LAYOUT.triplets), (tables.POSTERS, LAYOUT.posters)))


def test_identifiers_stay_as_they_are(workplace: Workplace) -> None:
    rows = [(user, item) for user in ("00 7", "7", "ünal") for item in ("a/b", "1e3", "1000", "x y", " 1")]
    (workplace.own / "interactions.csv").write_text("".join(f"{user};{item}\n" for user, item in rows), encoding="utf-8")
    workplace.sources |= {"items": None, "triples": None, "names": None}
    workplace.sources["interactions"] = {
        "file": "interactions.csv", "separator": ";", "user": 1, "item": 2, "rating": None, "time": None, "scale": None,
    }  # fmt: skip
    workplace.dataset["link"]["min_rating"] = 1
    workplace.dataset["media"]["max_missing_posters"] = 0.8
    shutil.copy(EXAMPLE / "images" / "001.png", workplace.own / "images" / "a%2Fb.png")
    shutil.copy(EXAMPLE / "images" / "001.png", workplace.own / "images" / "x y.PNG")
    workplace.build()
    assert texts(tables.INTERACTIONS.read(LAYOUT.positives), "user_id", "item_id") == set(rows)
    assert tables.POSTERS.read(LAYOUT.posters)["item_id"].to_pylist() == ["a/b", "x y"]


def test_of_repeated_interactions_the_latest_counts(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    again = example_rows("interactions.csv")[0]
    line = f"{again['reader']},{again['book']},{again['stars']},{int(again['finished']) + 1}\n"
    workplace.rewrite("interactions.csv", lambda text: text + line)
    workplace.build()
    assert "; 1 ratings repeated and dropped" in capsys.readouterr().out
    interactions = tables.INTERACTIONS.read(LAYOUT.interactions).to_pylist()
    (kept,) = (row for row in interactions if (row["user_id"], row["item_id"]) == (again["reader"], again["book"]))
    assert kept["timestamp"] == int(again["finished"]) + 1


def test_what_no_item_knows_is_counted(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(EXAMPLE / "images" / "001.png", workplace.own / "images" / "999.png")
    (workplace.own / "images" / "002.webp").write_bytes(b"second")
    workplace.rewrite("triples.tsv", lambda text: text + "999\tshelf\tnowhere\n")
    workplace.build()
    told = capsys.readouterr().out
    assert "1 images of no item that takes part, 1 repeated" in told
    assert "96 of 97 facts near the items, 30 of 30 items in a fact" in told


@pytest.mark.parametrize("seconds", ["2024-03-01", "2024-03-01T00:00:00Z", "2024-03-01 00:00:00", "1709251200", "1709251200.7"])
def test_times_are_seconds_or_iso_8601(workplace: Workplace, seconds: str) -> None:
    (workplace.own / "interactions.csv").write_text(f"reader,book,stars,finished\n1,001,5,{seconds}\n", encoding="utf-8")
    workplace.write_params()
    for stage in (bring, download, prepare):
        stage.main(NAME)
    assert tables.INTERACTIONS.read(LAYOUT.interactions)["timestamp"].to_pylist() == [1709251200]
