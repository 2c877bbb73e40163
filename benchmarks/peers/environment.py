"""RecBole's environment, made by uv."""

import os
import shutil
import subprocess
from pathlib import Path

from uv import find_uv_bin

from mkg4rec.errors import PipelineError
from mkg4rec.files import replacing

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
"""Made by `uv pip compile --universal --python-version 3.10 --no-header --no-annotate requirements.in -o requirements.txt`."""

PYTHON = "3.10"


def interpreter(folder: Path) -> Path:
    """The Python of the environment in `folder`, which is made first, unless it stands there with the present requirements.

    Raises:
        PipelineError: there is no Python 3.10, or a package cannot be had.
    """
    python = folder.absolute() / "bin" / "python"
    installed = folder / REQUIREMENTS.name
    if not (installed.exists() and installed.read_bytes() == REQUIREMENTS.read_bytes()):
        print(f"installing RecBole into {folder}", flush=True)
        _uv(f"Python {PYTHON} is missing; `uv python install {PYTHON}` brings it.", "venv", "--clear", "--python", PYTHON, str(folder))
        _uv("RecBole cannot be installed.", "pip", "sync", "--python", str(python), str(REQUIREMENTS))
        with replacing(installed) as temporary:
            shutil.copy(REQUIREMENTS, temporary)
    return python


def _uv(problem: str, *arguments: str) -> None:
    # Where pyenv keeps the Pythons, this makes its python3.10 answer.
    environment = os.environ | {"PYENV_VERSION": PYTHON}
    done = subprocess.run([find_uv_bin(), "--quiet", *arguments], env=environment, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise PipelineError(f"peers: {problem} uv says: {done.stderr.strip()}")
