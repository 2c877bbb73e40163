"""Join every item to those whose poster or text is nearest to its own: a file of edges per modality."""

import pyarrow as pa

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.features.store import FeatureMatrix, read_items
from mkg4rec.graph.nearest import by_features
from mkg4rec.tables import CATALOGUE, ITEM_GRAPH, Modality
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    settings = params.load().item_graphs
    layout, device = Layout(dataset), choose_device(settings.device)
    item_ids = CATALOGUE.read(layout.catalogue)["item_id"].combine_chunks()
    for modality in Modality:
        features = read_items(layout.features(modality))
        on_device = FeatureMatrix(features.vectors.to(device), features.present.to(device))
        graph = by_features(on_device, len(item_ids), settings.num_neighbours)
        edges = {
            "item_id": item_ids.take(pa.array(graph.items.cpu().numpy())),
            "neighbour_id": item_ids.take(pa.array(graph.neighbours.cpu().numpy())),
            "weight": pa.array(graph.weights.cpu().numpy()),
        }
        ITEM_GRAPH.write(pa.table(edges), layout.item_graph(modality))
        print(f"{modality}: {len(graph)} edges between {int(graph.connected.sum())} of {len(item_ids)} items")


if __name__ == "__main__":
    run(main)
