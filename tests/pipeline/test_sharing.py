"""Two teammates with a clone each and one remote: what one has made, the other does not make again."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mkg4rec.features.inventory import summarize_cache
from stages.layout import Layout
from tests.pipeline.clone import Clone, clean_environment
from tests.pipeline.proxy import CountingProxy, counting_proxy
from tests.pipeline.s3 import CREDENTIALS, bucket

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

LAYOUT = Layout("demo")
RESTRICTED = (
    LAYOUT.interactions,
    LAYOUT.catalogue,
    LAYOUT.posters,
    LAYOUT.split("train"),
    LAYOUT.split_cold("cold"),
    LAYOUT.attention("multi_kg4rec"),
    LAYOUT.report / "index.html",
)
SHARED = (LAYOUT.features("visual"), LAYOUT.encoder / "weights.safetensors", LAYOUT.triplets, LAYOUT.top_lists("ease"))
OUTPUTS = ("models", "results", "training", "data/demo/features", "data/demo/encoder", "data/demo/kg")


@dataclass(frozen=True)
class Teammate:
    """A person with a home, a clone and caches of their own, whose requests to the network are counted."""

    clone: Clone
    network: CountingProxy

    def embedded(self) -> int:
        """How many vectors an encoder made on this person's machine."""
        return sum(folder.vectors for folder in summarize_cache(self.clone.path.parent / "vectors"))


@pytest.fixture
def network() -> Iterator[CountingProxy]:
    with counting_proxy() as proxy:
        yield proxy


def sender(built: Clone, folder: Path, url: str, **variables: str) -> Clone:
    """The one who has built everything, with the team's remote in the committed configuration."""
    clone = built.copy(folder / "sender").with_environment(HOME=str(folder / "sender-home"), **variables)
    clone.succeed("dvc", "remote", "add", "--default", "team", url)
    return clone


def receiver(sent: Clone, folder: Path, network: CountingProxy, **variables: str) -> Teammate:
    """Somebody else on another machine, who has cloned the repository."""
    environment = clean_environment(folder / "receiver-home") | network.environment | variables
    environment |= {"MKG4REC_FEATURE_CACHE": str(folder / "vectors"), "MKG4REC_DOWNLOAD_CACHE": str(folder / "downloads")}
    clone = Clone(folder / "receiver", environment)
    sent.succeed("git", "clone", "--quiet", str(sent.path), str(clone.path))
    return Teammate(clone, network)


def test_a_team_with_a_folder(built: Clone, tmp_path: Path, network: CountingProxy) -> None:
    sent = sender(built, tmp_path, str(tmp_path / "remote"))
    sent.succeed("dvc", "remote", "modify", "restricted", "url", str(tmp_path / "licensed"))
    sent.commit("Name the team's remotes")
    sent.succeed("dvc", "push")

    mate = receiver(sent, tmp_path, network)
    mate.clone.succeed("dvc", "pull")
    folders = (*OUTPUTS, "reports", "case_studies")
    assert mate.clone.contents(*folders) == sent.contents(*folders)

    # What was pulled is all there is to do, also to a plain `dvc repro`.
    assert mate.clone.succeed("dvc", "repro").stages == []

    # Of all that leads to it, only what depends on the change runs.
    mate.clone.set("evaluate.rare_interactions", 5)
    assert mate.clone.succeed("dvc", "repro", "--pull", "evaluate@demo-ease").stages == ["evaluate@demo-ease"]
    assert mate.embedded() == 0
    assert network.requests == []


def test_a_team_with_s3(built: Clone, tmp_path: Path, network: CountingProxy) -> None:
    with bucket("team") as store:
        sent = sender(built, tmp_path, store.url, **CREDENTIALS)
        sent.succeed("dvc", "remote", "modify", "team", "endpointurl", store.endpoint)
        sent.commit("Name the team's remote")
        sent.succeed("dvc", "push")
        pushed = store.digests()
        assert all(digest(sent.path / path) in pushed for path in SHARED)
        assert not any(digest(sent.path / path) in pushed for path in RESTRICTED)

        mate = receiver(sent, tmp_path, network, **CREDENTIALS)
        mate.clone.succeed("dvc", "pull", "--allow-missing")
        assert mate.clone.contents(*OUTPUTS) == sent.contents(*OUTPUTS)
        # What is not passed on is made again, here from the demo's own mirror; nothing is embedded or trained.
        again = mate.clone.succeed("dvc", "repro", "--pull", "evaluate@demo-ease")
        assert set(again.stages) == {f"{stage}@demo" for stage in ("download", "prepare", "link", "split", "fetch_media")}
    assert mate.clone.contents(*OUTPUTS) == sent.contents(*OUTPUTS)
    assert mate.embedded() == 0
    assert network.requests == []


def digest(path: Path) -> str:
    """The name by which dvc knows the file."""
    return hashlib.md5(path.read_bytes()).hexdigest()
