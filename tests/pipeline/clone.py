"""A temporary clone of the project, in which dvc and the stages run as they do for a user."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mkg4rec.mistakes import line_of
from tests.conftest import ROOT

_PRIVATE = ("MKG4REC_", "DVC_", "GIT_", "XDG_")
_DEADLINE = 120
"""Seconds after which something that does not come is taken for an error."""


def clean_environment(home: Path) -> dict[str, str]:
    """Environment variables that keep a run from the user's configuration and caches, with `home` in their place."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    for role in ("AUTHOR", "COMMITTER"):
        variables |= {f"GIT_{role}_NAME": "Test", f"GIT_{role}_EMAIL": "test@example.invalid"}
    return variables | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "DVC_SITE_CACHE_DIR": str(home / "dvc"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "OMP_NUM_THREADS": "1",
    }


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit code, and standard output and error as they came."""

    code: int
    output: str

    @property
    def stages(self) -> list[str]:
        """The stages that dvc ran, in order; not those that it took from its cache."""
        return re.findall(r"^Running stage '([^']+)':", self.output, re.MULTILINE)

    @property
    def restored(self) -> list[str]:
        """The stages whose outputs dvc took from its cache instead."""
        return re.findall(r"^Stage '([^']+)' is cached - skipping run", self.output, re.MULTILINE)


@dataclass(frozen=True)
class Clone:
    """A folder with the whole project, and the environment variables of what runs in it."""

    path: Path
    environment: dict[str, str]

    @classmethod
    def of_working_tree(cls, path: Path, environment: dict[str, str]) -> "Clone":
        """Everything that git tracks or would track, as it is now, in a repository of its own."""
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            # git lists files that were deleted and not yet committed, too.
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, path / name)
        clone = cls(path, environment)
        clone.succeed("git", "init", "--quiet")
        return clone

    def copy(self, path: Path) -> "Clone":
        """Another clone in the same state, dvc's cache included."""
        shutil.copytree(self.path, path, symlinks=True)
        return Clone(path, self.environment)

    def with_environment(self, **variables: str) -> "Clone":
        """The same folder with other environment variables."""
        return Clone(self.path, self.environment | variables)

    def run(self, *command: str) -> Finished:
        """Run `command` to its end."""
        done = subprocess.run(command, cwd=self.path, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return Finished(done.returncode, done.stdout)

    def succeed(self, *command: str) -> Finished:
        """Run a command that must end well."""
        done = self.run(*command)
        assert done.code == 0, f"{' '.join(command)} ended with {done.code}:\n{done.output}"
        return done

    def stage(self, name: str, *arguments: str) -> Finished:
        """Run one stage's script without dvc."""
        return self.run("python", "-m", f"stages.{name}", *arguments)

    def kill_when(self, condition: Callable[[], bool], *command: str) -> Finished:
        """Start `command` and kill it and its children at once (SIGKILL) as soon as `condition` holds, which it must before the end."""
        with (self.path.parent / f"{self.path.name}-killed.log").open("w+") as log:
            process = subprocess.Popen(
                command, cwd=self.path, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            deadline = time.monotonic() + _DEADLINE
            try:
                while not condition() and process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.01)
                ended = process.poll()
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            log.seek(0)
            done = Finished(process.returncode, log.read())
        assert ended is None, f"{' '.join(command)} ended before it could be killed:\n{done.output}"
        assert time.monotonic() < deadline, f"{' '.join(command)} never came so far as to be killed:\n{done.output}"
        return done

    def commit(self, message: str) -> None:
        """Commit all that git does not ignore."""
        self.succeed("git", "add", "--all")
        self.succeed("git", "commit", "--quiet", "--message", message)

    def set(self, key: str, value: object) -> None:
        """Change one line of params.yaml; everything else stays to the byte."""
        path = self.path / "params.yaml"
        text = path.read_text(encoding="utf-8")
        number = line_of(text, tuple(key.split(".")))
        lines = text.splitlines(keepends=True)
        name = re.escape(key.rpartition(".")[2])
        changed, count = re.subn(rf"^( *{name}:) .*?(?= +#|$)", rf"\g<1> {value}", lines[number - 1], count=1, flags=re.MULTILINE)
        assert count == 1, f"line {number} of params.yaml does not hold {key}: {lines[number - 1]}"
        lines[number - 1] = changed
        path.write_text("".join(lines), encoding="utf-8")

    def read(self, name: str) -> str:
        """The text of a file of the clone."""
        return (self.path / name).read_text(encoding="utf-8")

    def contents(self, *folders: str) -> dict[str, bytes]:
        """The bytes of every file below `folders`, hidden ones included."""
        files = [path for folder in folders for path in sorted((self.path / folder).rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.path)): path.read_bytes() for path in files}
