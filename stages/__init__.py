"""One short script per stage of dvc.yaml: read files, call the library, write files."""

import atexit
import os
import sys
from collections.abc import Callable

from mkg4rec.ending import ending


def run(stage: Callable[..., None]) -> None:
    """Call `stage` with the command line's arguments; a `PipelineError` is one message and exit code 1."""
    with ending("interrupted: nothing half-written was kept; `dvc repro` goes on from here"):
        stage(*sys.argv[1:])
        atexit._run_exitfuncs()
    # All is written and flushed; to take torch apart object by object would be a third of a short stage's time.
    os._exit(os.EX_OK)
