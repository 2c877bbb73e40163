"""What every group of parameters is, the types of values in it, and the keys of an entry under `models:` that no model takes."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PARAMS_FILE = Path("params.yaml")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
MOST = 10**9
"""Of anything that is counted: more is a slip, and ends in an overflow somewhere."""

Count = Annotated[int, Field(ge=1, le=MOST)]
Bytes = Annotated[int, Field(ge=1, lt=2**63)]

# StrEnum members arrive as plain strings from YAML, which strict mode would refuse.
Lax = Field(strict=False)

VARIANT_OF = "variant_of"
"""The key that makes an entry under `models:` another one's ablation: its values stand over those of that one."""

MEMBERS = "members"
"""The key by which an entry under `models:` is made of others: their names, in whose place what these take is put."""


class Group(BaseModel):
    """A group of parameters: nothing unknown, nothing converted, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
