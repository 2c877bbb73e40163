"""A new item at the command line, on the demo catalogue that is built."""

import pyarrow.parquet as pq
import pytest

from mkg4rec.tables import NEWCOMER_SCORES, NEWCOMER_VECTORS
from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]


def test_a_new_film_of_a_known_director_is_for_those_who_like_the_director(clone: Clone) -> None:
    triplets, entities, relations = (
        pq.read_table(clone.path / "data/demo/kg" / f"{name}.parquet").to_pylist() for name in ("triplets", "entities", "relations")
    )
    directed = next(number for number, row in enumerate(relations) if row["relation"] == "film.film.directed_by")
    films: dict[int, set[int]] = {}
    for row in triplets:
        if row["relation"] == directed:
            films.setdefault(row["tail"], set()).add(row["head"])
    director = max(films, key=lambda entity: len(films[entity]))
    (clone.path / "poster.png").write_bytes(pq.read_table(clone.path / "data/demo/media/posters.parquet")["image"][0].as_py())
    text = "title: The Sequel\ndescription: Once more.\nposter: poster.png\npage: <p>It goes on.</p>\nfacts:\n"
    (clone.path / "new.yaml").write_text(f"{text}  - {{relation: film.film.directed_by, entity: {entities[director]['entity']}}}\n")

    told = clone.succeed("python", "-m", "mkg4rec", "introduce", "demo", "ease", "new.yaml", "--to", "introduced").output

    assert "The Sequel: vectors of visual and text and web, 1 facts" in told
    scores = NEWCOMER_SCORES.read(clone.path / "introduced/scores.parquet")
    vectors = NEWCOMER_VECTORS.read(clone.path / "introduced/vectors.parquet")
    assert vectors["modality"].to_pylist() == ["visual", "text", "web"]
    train = pq.read_table(clone.path / "data/demo/split/train.parquet").to_pylist()
    items = {entities[film]["item_id"] for film in films[director]}
    fans = {row["user_id"] for row in train if row["item_id"] in items}
    places = dict(zip(scores["user_id"].to_pylist(), scores["place"].to_pylist(), strict=True))
    of_fans = [place for user, place in places.items() if user in fans]
    of_others = [place for user, place in places.items() if user not in fans]
    assert sum(of_fans) / len(of_fans) < 0.8 * sum(of_others) / len(of_others)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("title: A\nsmell: b\n", "new.yaml:2: smell: unknown key", marks=pytest.mark.slow),
        pytest.param(
            "title: A\nfacts:\n  - {relation: film.film.smell, entity: m.1}\n",
            "the graph has no relation 'film.film.smell'",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "title: A\nfacts:\n  - {relation: film.film.genre, entity: Nobody at all}\n",
            "no entity of the name 'Nobody at all'",
            marks=pytest.mark.slow,
        ),
        pytest.param("title: A\nposter: new.yaml\n", "new.yaml: the poster cannot be used", marks=pytest.mark.slow),
    ],
)
def test_a_bad_description_is_one_message(clone: Clone, text: str, complaint: str) -> None:
    (clone.path / "new.yaml").write_text(text)
    failed = clone.run("python", "-m", "mkg4rec", "introduce", "demo", "ease", "new.yaml")
    assert failed.code == 1
    assert complaint in failed.output
    assert "Traceback" not in failed.output
