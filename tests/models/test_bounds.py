"""Numbers that nothing can be made with are refused, with their key, before torch meets them."""

import pytest

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from tests.conftest import ROOT


@pytest.mark.parametrize("number", [10**10, 10**30])
@pytest.mark.parametrize("name", registry.names())
def test_a_number_without_sense_is_refused_by_its_key(name: str, number: int) -> None:
    values = params.load(ROOT / "params.yaml").hyperparameters("", name)
    good = registry.hyperparameters(name, values)
    for key in (key for key in values if type(getattr(good, key)) is int):
        with pytest.raises(PipelineError, match=rf"models\.{name}\.{key}: Input should be less than"):
            registry.hyperparameters(name, values | {key: number})
