"""Mistakes in params.yaml: each is told with file, line, key, and what would be right."""

import re
from pathlib import Path

import pytest

from mkg4rec import params
from mkg4rec.errors import PipelineError
from stages import validate
from tests.conftest import ROOT

PARAMS = (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own as the current one."""
    monkeypatch.chdir(tmp_path)


def _complaint(text: str) -> str:
    Path("params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError) as error:
        validate.main()
    return str(error.value)


def test_the_project_s_own_values_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    validate.main()
    assert capsys.readouterr().out.startswith("params.yaml is valid: 3 data sets, ")


@pytest.mark.parametrize(
    ("line", "mistake", "complaint"),
    [
        ("  block_size: 1024", "  block_size: 1024\n  blocksize: 8", "evaluate.blocksize: unknown key; correct its spelling or remove it"),
        ("  attempts: 5", "  attempts: five", "http.attempts: Input should be a valid integer (got 'five')"),
        ("  attempts: 5", "  attempts: 0", "http.attempts: Input should be greater than or equal to 1 (got 0)"),
        ("  backoff: 0.5", "  backoff: .nan", "http.backoff: Input should be a finite number (got nan)"),
        ("  device: auto", "  device: gpu", "embed.device: Input should be 'auto', 'cpu' or 'cuda' (got 'gpu')"),
        ("  batch_size: auto", "  batch_size: 0", "embed.batch_size: a batch size is auto or a whole number from 1 to 10⁹ (got 0)"),
        (
            "  batch_size: auto",
            "  batch_size: all",
            "embed.batch_size: a batch size is auto or a whole number from 1 to 10⁹ (got 'all')",
        ),
        ("  valid: 0.1", "  valid: 0.9", "split: valid + test is 1; it must leave a share for training"),
        (
            "      interactions: 20000",
            "      interactions: 99999",
            "datasets.demo.synthetic: 99999 interactions are more than a quarter of 600 users times 400 items",
        ),
        (
            "  block_size: 1024",
            f"  block_size: {10**30}",
            f"evaluate.block_size: Input should be less than or equal to {10**9} (got {10**30})",
        ),
        ("  picked: 2", "  picked: 0", "case_study.picked: Input should be greater than or equal to 1 (got 0)"),
        ("  items: 10", "  items: 51", "case_study.items: Input should be less than or equal to 50 (got 51)"),
        ("  users: []", "  users: [7, 7]", "case_study: a user stands twice in [7, 7]"),
        ("      hops: 1", "      hops: 3", "datasets.demo.kg.hops: Input should be less than or equal to 2 (got 3)"),
        ("      sources: [freebase]", "      sources: []", "datasets.demo.kg.sources: List should have at least 1 item"),
        (
            "      sources: [freebase]",
            "      sources: [metadata, metadata]",
            "datasets.demo: kg.sources: a source stands twice in ['metadata', ",
        ),
        (
            "      posters: null        # cover addresses and descriptions stand in the metadata",
            '      posters: {address: "https://a/b.csv", checksum: null, max_bytes: 1}',
            "datasets.amazon-books.sources: posters must be null where format is amazon_books",
        ),
        (
            '      isbn_covers: "https://covers.openlibrary.org/b/isbn/{isbn}-L.jpg?default=false"',
            '      isbn_covers: "https://covers.openlibrary.org/"',
            "datasets.amazon-books.media.isbn_covers: String should match pattern",
        ),
        ("  datasets: [demo]", "  datasets: demo", "run.datasets: Input should be a valid list (got 'demo')"),
        ("  datasets: [demo]", "  datasets: []", "run.datasets: List should have at least 1 item after validation, not 0 (got [])"),
        (
            "  datasets: [demo]",
            "  datasets: [ml-2m]",
            "run.datasets: 'ml-2m' is not described under datasets:, which has amazon-books, demo, ml-1m.",
        ),
        ("  datasets: [demo]", "  datasets: [demo, demo]", "run.datasets: a name stands twice in ['demo', 'demo']."),
        ("  models: [multi_kg4rec, ease]", "  models: [eas]", "run.models: 'eas' is not described under models:, which has "),
        ("    regularization: 100", "    lambda: 100", "models.ease.lambda: unknown key; correct its spelling or remove it"),
        ("    num_heads: 8", "    num_heads: 7", "models.multi_kg4rec: dimension 64 is not a multiple of num_heads 7"),
        ("    fusion: both", "    fusion: all", "models.multi_kg4rec.fusion: Input should be 'both', "),
        (
            "  ease:",
            "  ease_too: {variant_of: eas}\n  ease:",
            "models.ease_too.variant_of: 'eas' is no model with values of its own, which ",
        ),
        (
            "  ease:",
            "  cold: {variant_of: ease}\n  ease:",
            "models.cold: the results have a folder of that name; choose another.",
        ),
        ("  ease:", "  ease_too: {variant_of: ease, k: 2}\n  ease:", "models.ease_too.k: unknown key; correct its spelling or remove it"),
        ("tuned:\n  demo:", "tuned:\n  ml-2m:", "tuned: no entry for demo; add `demo: {}` where no model has values of its own for it."),
        (
            "    ease: {regularization: 600}",
            "    ease: {regularization: -1}",
            "tuned.ml-1m.ease.regularization: Input should be greater than ",
        ),
        (
            "      ease: {regularization: 18000}",
            "      ease: {regularization: -1}",
            "tuned_on_less.ml-1m.10.ease.regularization: Input should be greater than ",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(line: str, mistake: str, complaint: str) -> None:
    found = re.search(rf"^{re.escape(line)}(?= *$| *#)", PARAMS, re.MULTILINE)
    assert found, f"params.yaml no longer has the line {line!r}"
    complaints = _complaint(PARAMS[: found.start()] + mistake + PARAMS[found.end() :]).splitlines()
    named = [re.fullmatch(r"params\.yaml:(\d+): (.*)", text) for text in complaints]
    assert all(named)
    (told,) = [match for match in named if match and match[2].startswith(complaint)]
    key = complaint.split(":")[0].rpartition(".")[2]
    text = Path("params.yaml").read_text(encoding="utf-8").splitlines()[int(told[1]) - 1]
    assert f"{key}:" in text


def test_what_was_tuned_on_less_wins_where_there_is_less() -> None:
    text = PARAMS.replace("      ease: {regularization: 18000}", "      ease: {regularization: 7}")
    Path("params.yaml").write_text(text, encoding="utf-8")
    settings = params.load()
    regularizations = [settings.hyperparameters("ml-1m", "ease", percentage)["regularization"] for percentage in (100, 50, 10)]
    assert regularizations == [600, 600, 7]
    # A variant takes what its model takes, but for its own values.
    of_model, of_variant = (settings.hyperparameters("ml-1m", name, 10) for name in ("kernel_ease", "kernel_ease_without_graph"))
    assert of_variant["regularization"] == of_model["regularization"]
    assert of_variant["warm_weights"].items() < of_model["warm_weights"].items()


def test_a_group_at_fault_is_not_printed_whole() -> None:
    assert "(got" not in _complaint(PARAMS.replace("num_heads: 8", "num_heads: 7"))


def test_an_unknown_source_of_the_graph_is_named() -> None:
    complaint = _complaint(PARAMS.replace("sources: [freebase]", "sources: [wikidata]", 1))
    assert "datasets.demo.kg.sources.0: Input should be 'freebase', 'metadata' or 'triples' (got 'wikidata')" in complaint


def test_a_graph_from_freebase_needs_a_dump() -> None:
    complaint = _complaint(re.sub(r"      dump: \{.*", "      dump: null", PARAMS, count=1))
    assert "datasets.demo: kg.sources has freebase, but sources.dump is null; give the dump's address, or take freebase out" in complaint


def test_a_missing_key_is_named() -> None:
    assert "http.attempts: this key is missing" in _complaint(PARAMS.replace("  attempts: 5", "  #"))


@pytest.mark.parametrize("text", ["run: [", "run:\n\t- demo", ""])
def test_what_is_no_yaml_mapping_is_told_by_file(text: str) -> None:
    assert _complaint(text).startswith("params.yaml:")


def test_no_file_at_all() -> None:
    with pytest.raises(PipelineError, match=r"^params\.yaml: there is no such file; run from the root of the repository\.$"):
        validate.main()
