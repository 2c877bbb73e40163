"""What other tools get to read of a built data set."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class BuiltDataset:
    """The tables of a built data set, as `mkg4rec.tables` has them.

    Attributes:
        name: of the data set.
        parts: INTERACTIONS by part of the split: train, valid, test.
        catalogue: CATALOGUE.
        descriptions: DESCRIPTIONS.
        entities, relations, triplets: ENTITIES, RELATIONS, TRIPLETS.
        features: FEATURES by modality.
    """

    name: str
    parts: dict[str, pa.Table]
    catalogue: pa.Table
    descriptions: pa.Table
    entities: pa.Table
    relations: pa.Table
    triplets: pa.Table
    features: dict[str, pa.Table]
