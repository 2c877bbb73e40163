"""Intent vectors, node by node."""

import math

import torch
import torch.nn.functional as F

from mkg4rec.layers.intents import IntentEncoder


@torch.no_grad()
def test_an_intent_vector_says_which_prototypes_are_near() -> None:
    torch.manual_seed(0)
    encoder, nodes = IntentEncoder(5, 4, 3, 0.2), torch.randn(6, 4)
    found = encoder(F.normalize(nodes, dim=-1))
    for node, intents in zip(nodes, found, strict=True):
        powers = [math.exp(float(torch.cosine_similarity(node, prototype, dim=0)) / 0.2) for prototype in encoder.prototypes]
        shares = torch.tensor([power / math.hypot(*powers) for power in powers])
        torch.testing.assert_close(intents, F.leaky_relu(encoder.projection.weight @ shares + encoder.projection.bias))
