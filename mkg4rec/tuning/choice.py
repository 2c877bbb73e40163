"""Writing chosen values into params.yaml, where everything else stays as it is."""

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.util import load_yaml_guess_indent

from mkg4rec.files import replacing
from mkg4rec.group import PARAMS_FILE


def write_tuned(dataset: str, model: str, values: dict[str, Any], remark: str, path: Path = PARAMS_FILE) -> None:
    """Set `values` under `tuned.<dataset>.<model>`, beside others that are there, with `remark` as the comment of the line."""
    yaml = _round_trip(path)
    params = yaml.load(path)
    models = params["tuned"].setdefault(dataset, CommentedMap())
    # What is written on one line, or as `{}`, has no place for a comment.
    for mapping in (params["tuned"], models):
        mapping.fa.set_block_style()
    if model not in models:
        models[model] = CommentedMap()
        models[model].fa.set_flow_style()
    _set(models[model], values)
    models.yaml_add_eol_comment(remark, model)
    written = io.StringIO()
    yaml.dump(params, written)
    with replacing(path) as temporary:
        temporary.write_text(written.getvalue(), encoding="utf-8", newline="\r\n" if b"\r\n" in path.read_bytes() else "\n")


def _set(entry: CommentedMap, values: dict[str, Any]) -> None:
    """Put `values` into an entry that is written on one line, or on one for each value."""
    for key, value in values.items():
        if key in entry:
            entry[key] = value
        else:
            # After the last line stands what is said of the next entry.
            entry.insert(len(entry) if entry.fa.flow_style() else 0, key, value)


def _round_trip(path: Path) -> YAML:
    """YAML written as `path` has it: comments, marks, quotes, long lines, `null` by its name, and how far lists stand to the right."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    text = path.read_text(encoding="utf-8")
    # The marks of a document's begin and end, which stand alone at the begin of a line.
    yaml.explicit_start, yaml.explicit_end = (re.search(rf"^{mark}\s*(#|$)", text, re.MULTILINE) is not None for mark in ("---", r"\.\.\."))
    _, indent, offset = load_yaml_guess_indent(text)
    if offset:
        yaml.indent(mapping=2, sequence=indent, offset=offset)
    yaml.representer.add_representer(type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"))
    return yaml
