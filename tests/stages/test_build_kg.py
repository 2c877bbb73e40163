"""The stage as it is called: a folder with its inputs, a process, its outputs."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from mkg4rec.download.pinned import PinnedFile, write_pinned
from mkg4rec.sources.ratings import attribute_rows
from mkg4rec.tables import ATTRIBUTES, ENTITIES, LINKS, RELATIONS, TRIPLETS
from stages.layout import Layout
from tests.conftest import ROOT

NS = "http://rdf.freebase.com/ns/"
NUM_FILMS = 12
ADDRESS = "https://demo.mkg4rec.invalid/freebase-rdf-demo.gz"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """params.yaml, the links of twelve films, and a dump about them with two directors and a bad line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MKG4REC_FACT_CACHE", str(tmp_path / "facts"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    layout = Layout("demo")
    films = [f"m.0film{number:02d}" for number in range(NUM_FILMS)]
    lines = [f'<{NS}m.0director0>\t<{NS}type.object.name>\t"Agn\\u00e8s"@en\t.', "not a triple"]
    for number, film in enumerate(films):
        lines.append(f"<{NS}{film}>\t<{NS}film.film.directed_by>\t<{NS}m.0director{number % 2}>\t.")
        lines.append(f"<{NS}{film}>\t<{NS}film.film.written_by>\t<{NS}m.0writer{number}>\t.")
        lines.append(f"<{NS}{film}>\t<{NS}common.topic.image>\t<{NS}m.0director0>\t.")
    _publish(layout, gzip.compress("\n".join(lines).encode()))
    LINKS.write(pa.table({"item_id": list(range(NUM_FILMS)), "entity": films}), layout.links)
    ATTRIBUTES.write(attribute_rows([], pa.int64()), layout.linked_attributes)
    return tmp_path


def test_the_stage_writes_the_graph(workspace: Path) -> None:
    ran = _run("demo")
    assert ran.returncode == 0, ran.stderr
    layout = Layout("demo")
    entities = ENTITIES.read(layout.entities)
    assert entities["entity"].to_pylist()[NUM_FILMS:] == ["m.0director0", "m.0director1"]
    assert entities["name"].to_pylist()[NUM_FILMS:] == ["Agnès", None]
    assert RELATIONS.read(layout.relations).to_pydict() == {"relation": ["film.film.directed_by"], "triplets": [NUM_FILMS]}
    assert TRIPLETS.read(layout.triplets)["tail"].to_pylist() == [NUM_FILMS, NUM_FILMS + 1] * (NUM_FILMS // 2)
    assert ran.stdout.startswith("demo: 38 lines read (1 bad, the first at 2), 12 triplets, 14 entities, 1 relations, ")
    assert len(ran.stdout.splitlines()) == 1
    assert ran.stderr == ""


def test_the_stage_writes_the_same_bytes_again(workspace: Path) -> None:
    layout = Layout("demo")
    written = []
    for cache in ("one", "another", "another"):
        assert _run("demo", MKG4REC_FACT_CACHE=str(workspace / cache)).returncode == 0
        written.append([path.read_bytes() for path in (layout.entities, layout.relations, layout.triplets)])
    assert written[0] == written[1] == written[2]


def test_what_is_kept_of_the_facts_changes_without_another_scan(workspace: Path) -> None:
    assert _run("demo").stdout.startswith("demo: 38 lines read (1 bad, the first at 2), 12 triplets")
    _set(workspace, datasets={"demo": {"kg": {"min_entity_triplets": 1}}})
    assert _run("demo").stdout.startswith("demo: 38 lines read before (1 bad, the first at 2), 24 triplets")


def test_one_scan_serves_the_data_sets_with_the_same_dump(workspace: Path) -> None:
    _add_twin(workspace)
    assert " lines read (" in _run("demo").stdout
    ran = _run("twin")
    assert ran.stdout.startswith("twin: 38 lines read before (1 bad, the first at 2), 11 triplets"), ran.stderr
    together = [path.read_bytes() for path in (Layout("twin").entities, Layout("twin").relations, Layout("twin").triplets)]
    assert " lines read (" in _run("twin", MKG4REC_FACT_CACHE=str(workspace / "none")).stdout
    assert together == [path.read_bytes() for path in (Layout("twin").entities, Layout("twin").relations, Layout("twin").triplets)]


@pytest.mark.parametrize("damage", ["missing", "unreadable", "another dump"])
def test_a_data_set_waits_for_no_other(workspace: Path, damage: str) -> None:
    twin = _add_twin(workspace)
    if damage == "missing":
        twin.links.unlink()
    elif damage == "unreadable":
        twin.links.write_bytes(b"")
    else:
        _publish(twin, gzip.compress(gzip.decompress(_dump(twin).read_bytes()) + b"\nnot a triple either"))
    assert _run("demo").stdout.startswith("demo: 38 lines read (1 bad")
    if damage == "another dump":
        assert _run("twin").stdout.startswith("twin: 39 lines read (2 bad")


def test_a_graph_without_triplets_is_an_error(workspace: Path) -> None:
    _set(workspace, datasets={"demo": {"kg": {"min_relation_triplets": 1000}}})
    ran = _run("demo")
    assert ran.returncode == 1
    assert "of 24 facts about 12 items of demo no triplet is left" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not Layout("demo").triplets.exists()


def test_a_cut_off_dump_leaves_nothing_behind(workspace: Path) -> None:
    layout = Layout("demo")
    _publish(layout, _dump(layout).read_bytes()[:-20])
    temporary = workspace / "temporary"
    temporary.mkdir()
    ran = _run("demo", TMPDIR=str(temporary))
    assert ran.returncode == 1
    assert "freebase-rdf-demo.gz: damaged or cut off" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not layout.entities.exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.mirror
def test_the_real_dump_gives_a_graph_of_films(workspace: Path, mirror: Path) -> None:
    links = mirror / "raw.githubusercontent.com/RUCDM/KB4Rec/master/Linkage/ml2fb.txt"
    rows = [line.split("\t") for line in links.read_text().splitlines()][:3500]
    layout = Layout("ml-1m")
    address = "https://archive.org/download/freebase-rdf-latest/freebase-rdf-latest.gz"
    write_pinned(PinnedFile.of(address, mirror / address.removeprefix("https://")), layout.dump)
    LINKS.write(pa.table({"item_id": [int(row[0]) for row in rows], "entity": [row[1].strip() for row in rows]}), layout.links)
    ATTRIBUTES.write(attribute_rows([], pa.int64()), layout.linked_attributes)
    ran = _run("ml-1m", MKG4REC_MIRROR=str(mirror))
    assert ran.returncode == 0, ran.stderr
    assert "281,591 lines read (0 bad)" in ran.stdout
    entities, relations = ENTITIES.read(layout.entities), RELATIONS.read(layout.relations)
    assert relations["triplets"].to_pylist()[relations["relation"].to_pylist().index("film.film.directed_by")] > 1000
    assert entities["name"].null_count < len(entities) / 2


def test_a_dump_that_has_changed_since_is_told(workspace: Path) -> None:
    layout = Layout("demo")
    _dump(layout).write_bytes(gzip.compress(b"another"))
    ran = _run("demo")
    assert ran.returncode == 1
    assert "freebase-rdf-demo.gz: " in ran.stderr
    assert ran.stderr.endswith("It is another dump than before; run `dvc repro --force --single-item fetch_dump@demo`.\n")
    assert not layout.triplets.exists()


def test_who_knows_the_facts_needs_no_dump(workspace: Path) -> None:
    assert _run("demo").returncode == 0
    _dump(Layout("demo")).unlink()
    assert " lines read before (" in _run("demo").stdout


def _dump(layout: Layout) -> Path:
    return layout.mirror / ADDRESS.removeprefix("https://")


def _publish(layout: Layout, dump: bytes) -> None:
    """Put the dump where the data set's own mirror has it, and write down which it is."""
    _dump(layout).parent.mkdir(parents=True, exist_ok=True)
    _dump(layout).write_bytes(dump)
    write_pinned(PinnedFile.of(ADDRESS, _dump(layout)), layout.dump)


def _run(dataset: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "stages.build_kg", dataset],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _set(workspace: Path, **changes: Any) -> None:
    """Lay `changes` over params.yaml."""
    path = workspace / "params.yaml"
    path.write_text(yaml.safe_dump(_over(yaml.safe_load(path.read_text()), changes)))


def _over(values: Any, changes: Any) -> Any:
    if not (isinstance(values, dict) and isinstance(changes, dict)):
        return changes
    return values | {key: _over(values.get(key), change) for key, change in changes.items()}


def _add_twin(workspace: Path) -> Layout:
    """A second data set of the run, with demo's dump and all its films but the last."""
    demo, twin = Layout("demo"), Layout("twin")
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    _set(workspace, run={"datasets": ["demo", "twin"]}, datasets={"twin": params["datasets"]["demo"]}, tuned={"twin": {}})
    _publish(twin, _dump(demo).read_bytes())
    LINKS.write(LINKS.read(demo.links).slice(0, NUM_FILMS - 1), twin.links)
    shutil.copy(demo.linked_attributes, twin.linked_attributes)
    return twin
