"""A built data set as `mkg4rec.export` hands it on."""

from collections.abc import Iterable

from mkg4rec.export.built import BuiltDataset
from mkg4rec.tables import CATALOGUE, DESCRIPTIONS, ENTITIES, FEATURES, INTERACTIONS, RELATIONS, TRIPLETS, Modality
from stages.layout import Layout


def built_dataset(layout: Layout, modalities: Iterable[Modality] = ()) -> BuiltDataset:
    """The tables of a data set, with the vectors of some modalities.

    Raises:
        PipelineError: the data set is not built.
    """
    return BuiltDataset(
        name=layout.dataset,
        parts={part: INTERACTIONS.read(layout.split(part)) for part in ("train", "valid", "test")},
        catalogue=CATALOGUE.read(layout.catalogue),
        descriptions=DESCRIPTIONS.read(layout.descriptions),
        entities=ENTITIES.read(layout.entities),
        relations=RELATIONS.read(layout.relations),
        triplets=TRIPLETS.read(layout.triplets),
        features={modality: FEATURES.read(layout.features(modality)) for modality in modalities},
    )
