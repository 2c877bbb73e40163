"""The command line as a test runs it."""

import sys
from collections.abc import Callable

import pytest

from mkg4rec.__main__ import main

Command = Callable[..., str]


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *beginning: str) -> Command:
    """What runs `mkg4rec`, with `beginning` before its arguments and `code` as the exit code to expect.

    It gives what was printed on standard output, then on standard error.
    """

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["mkg4rec", *beginning, *arguments])
        if code:
            with pytest.raises(SystemExit) as caught:
                main()
            assert caught.value.code == code
        else:
            main()
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run
