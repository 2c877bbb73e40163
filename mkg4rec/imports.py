"""Which of the project's files a file imports."""

import ast
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds the packages, wherever a stage runs."""

PACKAGES = ("mkg4rec", "stages")

PLUMBING = frozenset(
    Path(path)
    for path in (
        "mkg4rec/__init__.py",
        "mkg4rec/cores.py",
        "mkg4rec/dataset_params.py",
        "mkg4rec/device.py",
        "mkg4rec/ending.py",
        "mkg4rec/errors.py",
        "mkg4rec/files.py",
        "mkg4rec/group.py",
        "mkg4rec/imports.py",
        "mkg4rec/memory.py",
        "mkg4rec/mistakes.py",
        "mkg4rec/models/registry.py",
        "mkg4rec/own_params.py",
        "mkg4rec/params.py",
        "mkg4rec/progress.py",
        "mkg4rec/tables.py",
        "mkg4rec/tuning/space.py",
        "stages/__init__.py",
        "stages/layout.py",
    )
)
"""What cannot change a result: errors, files, bars, paths, what a search may try, and values that DVC compares by themselves."""


def imported_files(files: Iterable[Path], root: Path = ROOT) -> set[Path]:
    """These files, those that they import and those that these import, without `PLUMBING` and empty `__init__.py`.

    Args:
        files: relative to `root`, as the result.
        root: the folder that holds the packages.
    """
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file in found or file in PLUMBING:
            continue
        text = (root / file).read_text(encoding="utf-8")
        if text.strip():
            found.add(file)
        modules = (module for node in ast.walk(ast.parse(text)) for module in _modules(node))
        waiting += [target for module in modules if (target := _file(module, root))]
    return found


def _modules(node: ast.AST) -> list[str]:
    """Names that an import statement may mean as modules."""
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def _file(module: str, root: Path) -> Path | None:
    """The project's file of a module; None for a module of others, or a name within a module."""
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return None
    candidates = (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py"))
    return next((path for path in candidates if (root / path).exists()), None)
