"""Results of made-up models, as the evaluation writes them."""

from io import BytesIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from mkg4rec.report.summary import Result
from mkg4rec.tables import PER_USER


def per_user_table(ndcg: NDArray[np.float64], user_ids: pa.Array | None = None) -> pa.Table:
    """Users with the given NDCG@20 and no rare item; the other values are the same number."""
    empty = pa.nulls(len(ndcg), pa.float64())
    columns = {column.name: empty if column.nullable else pa.array(ndcg) for column in PER_USER.columns}
    columns["user_id"] = pa.array(np.arange(1, len(ndcg) + 1)) if user_ids is None else user_ids
    columns["relevant"] = pa.array(np.full(len(ndcg), 3, dtype=np.int32))
    return pa.table(columns)


def result(model: str, ndcg: NDArray[np.float64]) -> Result:
    """A model with the given NDCG@20 per user, with per-user values and averages that agree."""
    mean = float(ndcg.mean())
    metrics = {
        "users": len(ndcg),
        "recall@20": mean / 2,
        "mrr@20": mean * 1.5,
        "ndcg@20": mean,
        "coverage@20": 0.25,
        "popularity@20": 812.25,
    }
    return Result(model, metrics, per_user_table(ndcg))


def poster(colour: str, image_format: str = "JPEG") -> bytes:
    """A picture of one colour."""
    image = BytesIO()
    Image.new("RGB", (300, 450), colour).save(image, image_format)
    return image.getvalue()
