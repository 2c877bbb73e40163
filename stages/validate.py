"""Check the whole of params.yaml, also what no other stage of this run would read."""

from mkg4rec import params
from mkg4rec.models import registry
from stages import run


def main() -> None:
    settings = params.load()
    registry.check(settings)
    print(f"params.yaml is valid: {len(settings.datasets)} data sets, {len(settings.models)} models")


if __name__ == "__main__":
    run(main)
