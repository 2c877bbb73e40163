"""The process of one measured stage: `python -m benchmarks.stage_process RESULT STAGE ARGUMENT…`.

Does what `python -m stages.STAGE ARGUMENT…` does, and leaves in the file RESULT the seconds after all imports and the
peak memory in MB. It imports nothing heavy itself: how long that takes is part of what is measured.
"""

import importlib
import json
import sys
import time
from pathlib import Path

from benchmarks import memory


def main(result: str, stage: str, *arguments: str) -> None:
    module = importlib.import_module(f"stages.{stage}")
    started = time.perf_counter()
    module.main(*arguments)
    seconds = time.perf_counter() - started
    Path(result).write_text(json.dumps({"work": seconds, "peak_memory": memory.peak()}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
