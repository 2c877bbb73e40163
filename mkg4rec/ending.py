"""How a process ends that cannot go on: with one message, and the exit code that shells know."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mkg4rec.errors import PipelineError


@contextmanager
def ending(when_interrupted: str) -> Iterator[None]:
    """Around all that a process does: 1 and the message of a `PipelineError`, 130 and `when_interrupted` after Ctrl-C.

    Where nobody reads on, as behind `| head`, it ends like every program that the signal SIGPIPE ends: 141, without a word. The signal
    itself stays ignored, since it would end the process for a lost connection, too.
    """
    try:
        try:
            yield
        except PipelineError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print(when_interrupted, file=sys.stderr)
            sys.exit(128 + signal.SIGINT)
        finally:
            for stream in _streams():
                stream.flush()
    except BrokenPipeError:
        unread = [stream for stream in _streams() if _nobody_reads(stream)]
        if not unread:
            raise
        for stream in unread:
            # Python flushes once more at its end, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(128 + signal.SIGPIPE)


def _streams() -> list[TextIO]:
    """Standard output and standard error, as far as they are open."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]


def _nobody_reads(stream: TextIO) -> bool:
    """Whether `stream` is a pipe whose reader has gone."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return bool(poll.poll(0))
