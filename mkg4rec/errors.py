"""The one exception that a user is meant to read."""


class PipelineError(Exception):
    """Bad input, bad parameters or a failing source.

    The message is complete by itself: what was wrong, where (file, line, value) and what to do.
    A stage prints it on one line and exits with 1, without a traceback.
    """


DOWNLOAD_ANEW = "`mkg4rec forget DATASET SOURCE` has it downloaded anew."
"""What to do about a published file that is of no use."""
