"""Write down the digests of the files that the user brings for a data set, so that what is made of them follows these files alone.

DVC cannot make a stage depend on files that only some data sets have. So this stage depends on the whole folder `own/`, where
they lie, and leaves a small file: it changes with the files of its own data set, and of a published one never.
"""

import json
from pathlib import Path

from mkg4rec import params
from mkg4rec.dataset_params import FileSources, Sources
from mkg4rec.errors import PipelineError
from mkg4rec.files import replacing, sha256_of
from mkg4rec.own_params import RecBoleSources
from mkg4rec.sources.own.description import own_files
from mkg4rec.sources.own.items import picture_files
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    sources, layout = params.load().dataset(dataset).sources, Layout(dataset)
    paths = [] if isinstance(sources, Sources) else _files(layout.own, sources)
    digests = {path.relative_to(layout.own).as_posix(): sha256_of(path) for path in paths}
    with replacing(layout.own_digests) as temporary:
        temporary.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")
    print(f"{dataset}: {len(digests):,} files in {layout.own}" if paths else f"{dataset}: published data: nothing to bring")


def _files(folder: Path, sources: FileSources | RecBoleSources) -> list[Path]:
    if not folder.is_dir():
        raise PipelineError(f"{folder}: there is no such folder. Make it, and put the files there that params.yaml describes.")
    files = own_files(folder, sources)
    return sorted({*files.tables, *(picture_files(files.images) if files.images else [])})


if __name__ == "__main__":
    run(main)
