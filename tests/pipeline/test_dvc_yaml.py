"""dvc.yaml against the code: every stage depends on the modules that it imports, and on no other."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mkg4rec.imports import imported_files
from tests.conftest import ROOT


def _stages() -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return stages


def _code_dependencies(stage: dict[str, Any]) -> set[Path]:
    """The Python files that the stage's `deps` name or hold."""
    files: set[Path] = set()
    for dependency in stage["deps"]:
        path = ROOT / dependency
        if path.suffix == ".py":
            assert path.exists(), dependency
            files.add(Path(dependency))
        elif path.is_dir() and dependency.startswith("mkg4rec"):
            files.update(file.relative_to(ROOT) for file in path.rglob("*.py"))
    return files


@pytest.mark.parametrize("name", [name for name in _stages() if name != "validate"])
def test_depends_on_the_modules_that_it_imports(name: str) -> None:
    stage = _stages()[name]
    expected = imported_files([Path("stages", f"{name}.py")], ROOT)
    missing = expected - _code_dependencies(stage)
    assert not missing, f"{name} imports what it does not depend on: {sorted(map(str, missing))}"
    superfluous = {Path(dependency) for dependency in stage["deps"] if dependency.endswith(".py")} - expected
    assert not superfluous, f"{name} depends on what it does not import: {sorted(map(str, superfluous))}"


def test_every_stage_script_is_a_stage() -> None:
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__", "built", "layout", "inputs", "results"}
    assert scripts == set(_stages())


def test_what_the_user_brings_is_no_output() -> None:
    # DVC removes outputs that its lock file does not know: `dvc exp run` would take the user's only copy.
    outputs = [out if isinstance(out, str) else next(iter(out)) for stage in _stages().values() for out in stage.get("outs", [])]
    assert outputs
    assert [out for out in outputs if out.partition("/")[0] == "own"] == []
