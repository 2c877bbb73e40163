"""Writing chosen values into params.yaml, where everything else stays as it is."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from mkg4rec.files import replacing
from mkg4rec.group import PARAMS_FILE


def write_tuned(dataset: str, model: str, values: dict[str, Any], remark: str, path: Path = PARAMS_FILE) -> None:
    """Set `values` under `tuned.<dataset>.<model>`, beside others that are there, with `remark` as the comment of the line."""
    yaml = _round_trip()
    params = yaml.load(path)
    models = params["tuned"].setdefault(dataset, CommentedMap())
    if not models:
        # What is written as `{}` has no place for a comment.
        models = params["tuned"][dataset] = CommentedMap()
    entry = CommentedMap({**models.get(model, {}), **values})
    entry.fa.set_flow_style()
    models[model] = entry
    models.yaml_add_eol_comment(remark, model)
    with replacing(path) as temporary:
        yaml.dump(params, temporary)


def _round_trip() -> YAML:
    """YAML that is written as it was read: comments, quotes, long lines, and `null` by its name."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    yaml.representer.add_representer(type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"))
    return yaml
