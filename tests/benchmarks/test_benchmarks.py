"""Every benchmark runs and prints what it measured; how fast anything is, is not tested."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from benchmarks import attention, catalogue, dump, embedding, epoch, item_graphs, propagation, ranking, references, stages
from benchmarks.propagation import GatherScatterPattern
from benchmarks.synthetic import SMALL, interactions, training_data
from benchmarks.timing import Comparison, alternate, print_table
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.params import load
from mkg4rec.tables import INTERACTIONS
from stages import (
    bring,
    build_kg,
    download,
    embed,
    encoder,
    encoder_inputs,
    fetch_dump,
    fetch_media,
    gather,
    link,
    prepare,
    split,
    split_cold,
    synthesize,
    train,
)
from stages import item_graphs as item_graphs_stage
from stages.layout import Layout
from tests.conftest import ROOT

DATASET = "demo"
SMALL_CATALOGUE = {"seed": 3, "users": 40, "items": 48, "entities": 150, "interactions": 480}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the stages that are measured have built a very small data set, made the current one."""
    folder = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind in ("DOWNLOAD", "FACT", "FEATURE"):
            patch.setenv(f"MKG4REC_{kind}_CACHE", str(folder.parent / kind))
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        params["datasets"][DATASET]["synthetic"] = SMALL_CATALOGUE
        params["datasets"][DATASET]["encoder"]["epochs"] = 1
        Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        Path("dvc.yaml").symlink_to(ROOT / "dvc.yaml")
        for stage in (
            synthesize,
            bring,
            download,
            fetch_dump,
            prepare,
            link,
            fetch_media,
            encoder_inputs,
            encoder,
            build_kg,
            embed,
            item_graphs_stage,
            split,
            split_cold,
            gather,
        ):
            stage.main(DATASET)
        train.main(DATASET, "ease")
        yield folder


def contents(folder: Path) -> dict[Path, bytes]:
    """The bytes of every file in `folder`."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("stage", stages.STAGES, ids=lambda stage: stage.name)
def test_every_reference_runs_on_what_the_stages_left(stage: stages.Stage, workspace: Path, tmp_path: Path) -> None:
    before = contents(workspace)
    stage.reference(Layout(DATASET), tmp_path)
    assert contents(workspace) == before


@pytest.mark.parametrize("stage", stages.STAGES, ids=lambda stage: stage.name)
def test_a_stage_finds_its_inputs_and_none_of_its_outputs(stage: stages.Stage, workspace: Path, tmp_path: Path) -> None:
    stages.link_inputs(stage, DATASET, tmp_path)
    described = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage.name]
    outputs = [next(iter(out)) if isinstance(out, dict) else out for out in described["outs"]]
    names = [name.replace("${item.dataset}", DATASET).replace("${item.model}", stage.model or "") for name in outputs]
    links = [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert len(links) > 1
    assert not [name for name in names if (tmp_path / name).exists()]


def test_stages_run_beside_their_references_and_leave_the_workspace_as_it_was(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(workspace)
    stages.main([DATASET, "--stages", "download", "link", "--rounds", "1"])
    assert contents(workspace) == before
    header, *rows = capsys.readouterr().out.splitlines()[2:]
    assert header.split()[:3] == ["stage", "seconds", "start-up"]
    assert [row.split()[0] for row in rows] == ["download", "link"]
    assert all(re.search(r"\d+\.\d\d +\d+$", row) for row in rows)


def test_an_encoder_finds_the_contents_that_it_is_trained_on(workspace: Path) -> None:
    assert workspace.is_dir()
    (encoder_stage,) = (stage for stage in stages.STAGES if stage.name == "encoder")
    assert stages.run_again(encoder_stage, DATASET).seconds > 0


def test_a_stage_that_fails_is_told_with_what_it_said(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = (workspace / "params.yaml").read_text(encoding="utf-8").replace("min_rating: 3", "min_ratng: 3")
    (tmp_path / "params.yaml").write_text(changed, encoding="utf-8")
    (tmp_path / "dvc.yaml").symlink_to(ROOT / "dvc.yaml")
    (tmp_path / "data").symlink_to(workspace / "data")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=r"(?s)stage link fails on demo.*min_ratng"):
        stages.main([DATASET, "--stages", "link", "--rounds", "1"])


def test_the_plain_matrix_is_that_of_the_split(workspace: Path) -> None:
    layout = Layout(DATASET)
    matrix = references.train_matrix(layout)
    assert matrix.sum() == len(INTERACTIONS.read(layout.split("train")))
    assert (matrix.sum(1) > 0).all()


def test_propagation(capsys: pytest.CaptureFixture[str]) -> None:
    propagation.main(["--small", "--widths", "4", "6", "--rounds", "1", "--device", "cpu"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]] == ["width", "4", "6"]


def test_propagation_refuses_a_reference_with_another_result(monkeypatch: pytest.MonkeyPatch) -> None:
    right = GatherScatterPattern.weighted
    monkeypatch.setattr(GatherScatterPattern, "weighted", lambda self, weights: right(self, 2 * weights))
    with pytest.raises(AssertionError, match="not close"):
        propagation.main(["--small", "--widths", "4", "--rounds", "1", "--device", "cpu"])


@pytest.mark.parametrize("model", epoch.REFERENCES)
def test_epoch(model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    epoch.main(["--small", "--model", model, "--batches", "2", "--device", "cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[3:7]] == ["part", "loss", "kg_loss", "refresh"]
    assert "extrapolated from 2 batches" in lines[7]
    assert lines[-1].startswith("peak memory")


def test_epoch_refuses_a_reference_with_another_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    right = GatherScatterPattern.weighted
    monkeypatch.setattr(GatherScatterPattern, "weighted", lambda self, weights: right(self, 2 * weights))
    with pytest.raises(AssertionError, match="not close"):
        epoch.main(["--small", "--batches", "1", "--device", "cpu"])


def test_attention(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    attention.main(["--small", "--hops", "2", "--rounds", "1", "--device", "cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0].split()[0] for line in lines[3:]] == ["part", "features", "step", "refresh"]


def test_item_graphs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    item_graphs.main(["--items", "30", "--batches", "1", "--device", "cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[3:6]] == ["item", "by", "by"]
    assert [line.split()[0] for line in lines[6:]] == ["model", *item_graphs.MODELS]


def test_the_plain_kgat_has_the_same_losses() -> None:
    torch.manual_seed(0)
    data = training_data(SMALL, torch.device("cpu"))
    values = load(ROOT / "params.yaml").models["kgat"] | {"message_dropout": 0.0}
    ours = epoch.seeded(lambda: registry.create("kgat", values, data))
    plain = epoch.seeded(lambda: epoch.plain_kgat(values, data))
    for number in range(2):
        losses = []
        for model in (ours, plain):
            torch.manual_seed(1)
            objective = model.objectives()[number]
            losses.append(objective.loss(next(objective.batches())))
        torch.testing.assert_close(*losses)


def test_ranking(capsys: pytest.CaptureFixture[str]) -> None:
    ranking.main(["--users", "30", "--items", "60", "--seen", "90", "--dimension", "4", "--k", "5", "--rounds", "1"])
    assert "100.00% of the places the same" in capsys.readouterr().out


def test_dump(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(dump, "BLOCK_BYTES", 1 << 18)
    monkeypatch.setattr("shutil.which", lambda name: None)
    dump.main(["--gigabytes", "0.0006", "--rounds", "1", "--cores", "1"])
    header, *rows = capsys.readouterr().out.splitlines()[2:]
    assert header.split()[:3] == ["cores", "reader", "seconds"]
    assert [row.split()[:2] for row in rows] == [["1", "gzip"], ["1", "unpack"], ["1", "scan"]]


def test_the_readers_of_a_dump_count_the_same_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(dump, "BLOCK_BYTES", 1 << 17)
    monkeypatch.setattr(dump, "DISTINCT_BLOCKS", 2)
    dump.write_dump(tmp_path / "dump.gz", 1 << 19)
    lines = {read(tmp_path / "dump.gz").lines for read in (dump.gzip, dump.unpack, dump.scan)}
    assert len(lines) == 1
    assert lines.pop() > 1000


def test_embedding(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    embedding.main(["--model", "catalogue-clip", "--images", "16", "--rounds", "1"])
    header, row = capsys.readouterr().out.splitlines()[1:]
    assert header.split()[:3] == ["encoder", "batch", "images/s"]
    assert re.fullmatch(r"catalogue-clip +32 +[\d,]+ +16 +[\d,]+ +\d+\.\d\d +\d+\.\d\d", row)


def test_random_interactions_are_as_many_as_wanted_and_have_long_tails() -> None:
    torch.manual_seed(0)
    drawn = interactions(replace(SMALL, users=600, items=350, interactions=6_600))
    assert len(drawn) == 6_600
    assert drawn.counts.max() > 5 * drawn.counts.median()
    assert drawn.item_counts.max() > 10 * drawn.item_counts.median()


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    seconds = iter([1.0, 2.0, 8.0, 2.0, 3.0, 1.0])
    times = alternate(lambda: next(seconds), lambda: next(seconds), 3)
    assert times == Comparison([1.0, 8.0, 3.0], [2.0, 2.0, 1.0])
    assert times.ratios == [0.5, 4.0, 3.0]
    assert (times.ratio, times.seconds, times.reference_seconds) == (3.0, 3.0, 2.0)
    assert str(times) == "3.00 (0.50 – 4.00)"


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "s"], [["a", "10.5"], ["longer", "1"]])
    assert capsys.readouterr().out.splitlines() == ["name       s", "a       10.5", "longer     1"]


def test_the_large_catalogue_is_fitted_in_blocks_beside_the_exact_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "_apart", catalogue.measure)
    catalogue.main(["--items", "300", "--exact-items", "150", "--block-items", "16", "--neighbours", "32", "--rank", "8"])
    _, header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["fit,", "s"]
    assert [row.split(" items")[0] for row in rows] == ["exact, 150", "blocks, 150", "exact, 300", "blocks, 300"]
    data = catalogue.catalogue(300)
    assert data.num_users == 450
    assert 0.05 < (data.train.item_counts == 0).float().mean() < 0.4
