"""Which files a file imports, on a small tree with a known answer."""

from pathlib import Path

import pytest

from mkg4rec.imports import imported_files

FILES = {
    "mkg4rec/__init__.py": "",
    "mkg4rec/errors.py": "",
    "mkg4rec/layers/__init__.py": "",
    "mkg4rec/layers/first.py": "import torch\nfrom mkg4rec.layers import second\n",
    "mkg4rec/layers/second.py": "from mkg4rec.errors import PipelineError\nimport mkg4rec.layers.first\n",
    "mkg4rec/layers/third.py": "def late():\n    from mkg4rec.layers.second import x\n",
    "stages/other.py": "from mkg4rec.layers.first import thing\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("mkg4rec/layers/first.py", {"mkg4rec/layers/second.py"}),
        ("mkg4rec/layers/second.py", {"mkg4rec/layers/first.py"}),
        ("mkg4rec/layers/third.py", {"mkg4rec/layers/first.py", "mkg4rec/layers/second.py"}),
        ("stages/other.py", {"mkg4rec/layers/first.py", "mkg4rec/layers/second.py"}),
    ],
)
def test_follows_imports_of_the_project_alone(tree: Path, file: str, imported: set[str]) -> None:
    assert imported_files([Path(file)], tree) == {Path(file), *map(Path, imported)}
