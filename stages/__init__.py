"""One short script per stage of dvc.yaml: read files, call the library, write files."""

import sys
from collections.abc import Callable

from mkg4rec.errors import PipelineError


def run(stage: Callable[..., None]) -> None:
    """Call `stage` with the command line's arguments; a `PipelineError` is one message and exit code 1."""
    try:
        stage(*sys.argv[1:])
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: nothing half-written was kept; `dvc repro` goes on from here", file=sys.stderr)
        sys.exit(130)
