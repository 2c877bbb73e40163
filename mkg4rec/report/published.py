"""What papers published of the same models on data sets of the same name, to stand beside what is measured here.

The numbers are those of Wang et al., "Multi-KG4Rec", Expert Systems with Applications 268 (2025), 126308; its modality ablation
gives the full models once more, as .2542 / .4033 / .2371 and (MKGAT) .2488 / .3963 / .2311. The papers' data differs a little
from what can be had today, and their features are those of a pretrained CLIP.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

PUBLISHED = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Published:
    """Recall@20, MRR@20 and NDCG@20 as a paper gives them."""

    recall: float
    mrr: float
    ndcg: float
    source: str


def published_results(dataset: str) -> dict[str, Published]:
    """By model, what was published on `dataset`; empty for a data set that no paper has."""
    with PUBLISHED.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
    return {row["model"]: Published(float(row["recall@20"]), float(row["mrr@20"]), float(row["ndcg@20"]), row["source"]) for row in rows}
