"""What every group of parameters is, and the keys of an entry under `models:` that are no hyper-parameters of its own."""

from pydantic import BaseModel, ConfigDict

VARIANT_OF = "variant_of"
"""The key that makes an entry under `models:` another one's ablation: its values stand over those of that one."""

MEMBERS = "members"
"""The key by which an entry under `models:` is made of others: their names, in whose place what these take is put."""


class Group(BaseModel):
    """A group of parameters: nothing unknown, nothing converted, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
