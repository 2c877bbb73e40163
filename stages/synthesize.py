"""Make a synthetic data set and publish it as a mirror; that of a published data set has no host in it."""

from mkg4rec import params
from mkg4rec.dataset_params import Sources
from mkg4rec.files import replacing
from mkg4rec.sources.synthetic import make_world, publish
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    described = params.load().dataset(dataset)
    with replacing(Layout(dataset).mirror) as folder:
        folder.mkdir()
        if described.synthetic is None or not isinstance(described.sources, Sources):
            # DVC warns of an empty folder whenever it meets one.
            (folder / "published.txt").write_text("This data set is read from the addresses in params.yaml.\n", encoding="utf-8")
            print(f"{dataset}: published data: nothing to synthesise")
            return
        world = make_world(described.synthetic)
        publish(world, described.sources, folder)
    print(
        f"{dataset}: {len(world.films)} films, {len(world.viewers)} viewers, {len(world.ratings)} ratings, "
        f"{len(world.entities)} other entities, {len(world.facts)} facts"
    )


if __name__ == "__main__":
    run(main)
