"""What every group of parameters is."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """A group of parameters: nothing unknown, nothing converted, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
