"""What a vector depends on, beside the content that it stands for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from mkg4rec.errors import PipelineError
from mkg4rec.tables import Modality


@dataclass(frozen=True)
class Provenance:
    """How vectors were made: equal contents of equal provenance have equal vectors, up to the noise of float sums.

    Attributes:
        modality: which tower of the encoder made them.
        encoder: the model's name, followed by `/tag` where its weights were published.
        weights_sha256: of the file weights.safetensors.
        preprocessing: how contents became the model's input, as JSON.
        precision: of the matrix products. Vectors in bfloat16 differ from those in float32 in the third digit,
            so the two are never mixed.
        dimension: D, the length of a vector.
    """

    modality: Modality
    encoder: str
    weights_sha256: str
    preprocessing: str
    precision: str
    dimension: int

    @property
    def digest(self) -> str:
        """sha256 over all attributes."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def differences(self, other: "Provenance") -> list[str]:
        """What `other` has otherwise, an attribute each: "precision was float32, is bfloat16"."""
        mine, others = self.to_metadata(), other.to_metadata()
        return [f"{name} was {mine[name]}, is {others[name]}" for name in mine if mine[name] != others[name]]

    def to_metadata(self) -> dict[str, str]:
        """The attributes as text, a key each."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: object) -> "Provenance":
        """The inverse of `to_metadata`; other keys are ignored.

        Raises:
            PipelineError: a key is missing or has an impossible value; `where` is named as its place.
        """
        try:
            return cls(
                Modality(metadata["modality"]),
                metadata["encoder"],
                metadata["weights_sha256"],
                metadata["preprocessing"],
                metadata["precision"],
                int(metadata["dimension"]),
            )
        except (KeyError, ValueError) as error:
            raise PipelineError(f"{where}: its metadata does not tell how the vectors were made ({error}); make it again.") from error
