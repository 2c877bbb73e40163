"""TransR (Lin et al., AAAI 2015, https://doi.org/10.1609/aaai.v29i1.9491) on the collaborative knowledge graph."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TransR(nn.Module):
    """A projection W_r and a translation e_r per relation, those of the interaction relations included.

    Attributes:
        projections: (relations, d, d), the W_r.
        translations: (relations, d), the e_r.
    """

    def __init__(self, num_relations: int, dimension: int) -> None:
        super().__init__()
        self.projections = nn.Parameter(torch.empty(num_relations, dimension, dimension))
        self.translations = nn.Parameter(torch.empty(num_relations, dimension))
        for projection in self.projections:
            nn.init.xavier_uniform_(projection)
        nn.init.xavier_uniform_(self.translations)

    def distance(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """g(h, r, t) = ‖W_r e_h + e_r − W_r e_t‖², small for a plausible triplet.

        Args:
            heads, tails: (B, d) vectors.
            relations: (B,) int64.

        Returns:
            (B,)
        """
        # W_r is linear: one projection of the difference serves both ends.
        projected = project(heads - tails, relations, self.projections)
        return (projected + self.translations[relations]).square().sum(-1)

    def loss(self, heads: Tensor, relations: Tensor, tails: Tensor, corrupted_tails: Tensor) -> Tensor:
        """L_KG = −mean ln σ(g(h, r, t′) − g(h, r, t)), with t′ a corrupted tail; vectors of shape (B, d)."""
        # Together, because the cost of `project` on a CPU is the number of its small products.
        both = self.distance(heads.repeat(2, 1), relations.repeat(2), torch.cat([tails, corrupted_tails]))
        true, false = both.chunk(2)
        return -F.logsigmoid(false - true).mean()


def project(vectors: Tensor, relations: Tensor, projections: Tensor) -> Tensor:
    """W_r x for every row: (B, d) vectors, (B,) relations, (R, d, d) projections → (B, d).

    On a CPU rows are grouped by relation and each group is one matrix product. On a GPU a batched
    product over gathered matrices avoids asking the device for the sizes of the groups.
    """
    if vectors.device.type != "cpu":
        return torch.bmm(projections[relations], vectors.unsqueeze(-1)).squeeze(-1)
    order = torch.argsort(relations, stable=True)
    sizes = torch.bincount(relations, minlength=len(projections)).tolist()
    groups = vectors[order].split(sizes)
    projected = [group @ projection.T for group, projection, size in zip(groups, projections, sizes, strict=True) if size]
    return torch.cat(projected)[torch.argsort(order)]
