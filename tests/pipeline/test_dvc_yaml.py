"""dvc.yaml against the code: every stage depends on the modules that it imports, and on no other."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

# What cannot change a result: errors, files, bars, paths, and values that DVC compares by themselves.
PLUMBING = {
    "mkg4rec/__init__.py",
    "mkg4rec/errors.py",
    "mkg4rec/files.py",
    "mkg4rec/params.py",
    "mkg4rec/progress.py",
    "mkg4rec/tables.py",
    "mkg4rec/device.py",
    "mkg4rec/models/registry.py",
    "stages/__init__.py",
    "stages/layout.py",
}
MODELS = ("multi_kg4rec", "ease")


def _stages() -> dict[str, Any]:
    stages: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return stages


def _file(module: str) -> Path | None:
    path = ROOT / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _imported(path: Path) -> set[Path]:
    """The project's modules that a file imports, and those that these import."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                target = _file(name) if name.split(".")[0] in ("mkg4rec", "stages") else None
                if target and str(target.relative_to(ROOT)) not in PLUMBING:
                    waiting.append(target)
    return found


def _code_dependencies(stage: dict[str, Any], model: str) -> set[Path]:
    """The Python files that the stage's `deps` name or hold."""
    files: set[Path] = set()
    for dependency in stage["deps"]:
        path = ROOT / dependency.replace("${item.model}", model)
        if path.suffix == ".py":
            assert path.exists(), dependency
            files.add(path)
        elif path.is_dir() and dependency.startswith("mkg4rec"):
            files.update(path.rglob("*.py"))
    return files


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [name for name in _stages() if name != "validate"])
def test_depends_on_the_modules_that_it_imports(name: str, model: str) -> None:
    stage = _stages()[name]
    expected = _imported(ROOT / "stages" / f"{name}.py")
    if name in ("train", "evaluate"):
        expected |= _imported(ROOT / "mkg4rec" / "models" / f"{model}.py")
    listed = _code_dependencies(stage, model)
    packages = {path for path in expected if path.name == "__init__.py" and not path.read_text().strip()}
    missing = expected - listed - packages
    assert not missing, f"{name} imports what it does not depend on: {sorted(str(path.relative_to(ROOT)) for path in missing)}"
    named = {ROOT / dependency for dependency in stage["deps"] if dependency.endswith(".py")}
    superfluous = {path for path in named if path not in expected}
    if name not in ("train", "evaluate"):
        assert not superfluous, f"{name} depends on what it does not import: {sorted(superfluous)}"


def test_every_stage_script_is_a_stage() -> None:
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__", "layout", "inputs"}
    assert scripts == set(_stages())
