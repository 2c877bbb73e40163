"""How the project's processes end: real ones, with a real pipe that nobody reads any more."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CLOSED_PIPE = 141


def ended(*command: str, closed: str, unbuffered: bool = False) -> tuple[int, str]:
    """Exit code of a process whose `closed` stream is a pipe without a reader, and what the other stream has."""
    reading, writing = os.pipe()
    os.close(reading)
    stdout, stderr = (writing if closed == name else subprocess.PIPE for name in ("stdout", "stderr"))
    environment = os.environ | {"PYTHONUNBUFFERED": "1" if unbuffered else ""}
    try:
        program = [sys.executable, "-m", *command]
        finished = subprocess.run(program, cwd=ROOT, env=environment, stdout=stdout, stderr=stderr, text=True, check=False)
    finally:
        os.close(writing)
    return finished.returncode, finished.stderr if closed == "stdout" else finished.stdout


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("command", [("mkg4rec", "summary"), ("stages.validate",)], ids=" ".join)
def test_a_command_behind_head_ends_quietly(command: tuple[str, ...], unbuffered: bool) -> None:
    assert ended(*command, closed="stdout", unbuffered=unbuffered) == (CLOSED_PIPE, "")


def test_help_behind_head_ends_quietly() -> None:
    assert ended("mkg4rec", "--help", closed="stdout") == (CLOSED_PIPE, "")


def test_an_error_that_nobody_reads_ends_quietly() -> None:
    assert ended("mkg4rec", "summary", "no-such-set", closed="stderr") == (CLOSED_PIPE, "")


BODIES = {
    "pass": (0, ""),
    "raise PipelineError('a mistake')": (1, "error: a mistake\n"),
    "raise KeyboardInterrupt": (130, "stopped\n"),
    "sys.exit(3)": (3, ""),
}


@pytest.mark.parametrize("body", BODIES)
def test_exit_codes(body: str) -> None:
    finished = _process(body)
    assert (finished.returncode, finished.stderr) == BODIES[body]


def test_a_connection_that_breaks_is_no_closed_pipe() -> None:
    finished = _process("raise BrokenPipeError('the server went away')")
    assert finished.returncode == 1
    assert finished.stderr.endswith("BrokenPipeError: the server went away\n")


def _process(body: str) -> "subprocess.CompletedProcess[str]":
    imports = "import sys\nfrom mkg4rec.ending import ending\nfrom mkg4rec.errors import PipelineError\n"
    program = [sys.executable, "-c", f"{imports}with ending('stopped'):\n    {body}\n"]
    return subprocess.run(program, cwd=ROOT, text=True, capture_output=True, check=False)


def test_a_stage_ends_with_all_that_it_said_and_what_it_put_off_to_its_end() -> None:
    program = "import atexit\nfrom stages import run\natexit.register(print, 'cleared away')\nrun(lambda *arguments: print(*arguments))\n"
    command, buffered = [sys.executable, "-c", program, "demo", "ease"], os.environ | {"PYTHONUNBUFFERED": ""}
    finished = subprocess.run(command, cwd=ROOT, env=buffered, text=True, capture_output=True, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "demo ease\ncleared away\n", "")
