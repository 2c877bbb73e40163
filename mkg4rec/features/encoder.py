"""CLIP models: made from an architecture, loaded by tag, kept as a folder.

CLIP (Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020) maps images and texts into one space,
where a picture lies near its caption. The models are those of open_clip
(https://github.com/mlfoundations/open_clip) and, beside them, those of the folder `architectures`.
"""

import difflib
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import open_clip
import requests
import torch
import torch.nn.functional as F
from huggingface_hub.errors import LocalEntryNotFoundError
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH
from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor
from torchvision.transforms import Compose
from torchvision.transforms.functional import pil_to_tensor

from mkg4rec.errors import PipelineError
from mkg4rec.features.chunks import POOLING
from mkg4rec.features.contents import Content
from mkg4rec.features.provenance import Provenance
from mkg4rec.files import sha256_of
from mkg4rec.media.images import FORMATS, as_shown
from mkg4rec.tables import Modality

PREPROCESSING_VERSIONS = {Modality.VISUAL: 3, Modality.TEXT: 1, Modality.WEB: 1}
"""To be raised when `Encoder.prepare` makes another input of the same content."""

_LEAST_REDUCED = 2
"""How many times as wide and high as the encoder's input a JPEG file is at least, when it is made smaller while it is decoded."""

_LONGEST = 16
"""How many times as long as wide an image may be before it is shortened ahead of its resizing, which would blow it up to gigabytes."""

_ARCHITECTURES = Path(__file__).with_name("architectures")
_WEIGHTS, _ARCHITECTURE = "weights.safetensors", "architecture.json"
_REACH_SECONDS = 10


@dataclass(frozen=True)
class Architecture:
    """All that it takes to build a model, but for its weights; the last two in open_clip's own form.

    Attributes:
        name: of the model.
        pretrained: the tag of the weights that it started from, or None.
        model_cfg: widths, layers, image size, context length.
        preprocess_cfg: how an image is resized and normalised.
    """

    name: str
    pretrained: str | None
    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any]


class Encoder:
    """A CLIP model with what turns contents into its input.

    Attributes:
        architecture: how it was built.
        model: open_clip's module.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Build the model, with random weights from torch's generator."""
        self.architecture = architecture
        settings = dict(architecture.model_cfg)
        model_class = open_clip.CustomTextCLIP if settings.pop("custom_text", False) else open_clip.CLIP
        self.model = model_class(**settings)
        preprocessing = PreprocessCfg(**architecture.preprocess_cfg)
        # Without the last two steps, conversion to floats and normalisation: `encode` does both on the device, to a quarter of the bytes.
        self._resize = Compose(image_transform_v2(preprocessing, is_train=False).transforms[:-2])
        self._least_side = _LEAST_REDUCED * int(np.max(preprocessing.size))
        self._squashes = preprocessing.resize_mode == "squash"
        self._mean = torch.tensor(preprocessing.mean).view(3, 1, 1)
        self._std = torch.tensor(preprocessing.std).view(3, 1, 1)
        text = settings["text_cfg"]
        self._tokenize = open_clip.SimpleTokenizer(
            context_length=text.get("context_length", DEFAULT_CONTEXT_LENGTH), **text.get("tokenizer_kwargs", {})
        )

    @property
    def name(self) -> str:
        """The model's name, followed by `/tag` where its weights were published."""
        tag = self.architecture.pretrained
        return f"{self.architecture.name}/{tag}" if tag else self.architecture.name

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return int(self.architecture.model_cfg["embed_dim"])

    @property
    def most_tokens(self) -> int:
        """How many tokens of a text the model reads, those that mark its begin and its end aside."""
        return int(self._tokenize.context_length) - 2

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has, all of it."""
        return len(self._tokenize.encode(text))

    def to(self, device: torch.device) -> "Encoder":
        """Move the model to `device`."""
        self.model.to(device)
        return self

    def prepare(self, modality: Modality, content: Content) -> Tensor:
        """The model's input of one content: pixels (3, height, width) uint8, or tokens (context length,) int64.

        A large JPEG file is decoded at a half, a quarter or an eighth of its size, which takes a third of the time (libjpeg's
        scaled inverse transform, a mean over pixels), as long as there is twice as much left as the encoder reads. An image is seen
        as it is shown: upright, and grey values of 16 bits as such.

        Raises:
            PipelineError: the content is no image.
        """
        if modality is not Modality.VISUAL:
            tokens: Tensor = self._tokenize(content.data.decode())
            return tokens[0]
        try:
            with Image.open(BytesIO(content.data), formats=FORMATS) as picture:
                picture.draft(None, (self._least_side, self._least_side))
                pixels: Tensor = pil_to_tensor(self._resize(self._shortened(as_shown(picture))))
        # On damaged bytes the decoders raise whatever they stumble over.
        except Exception as error:
            raise PipelineError(
                f"{content.label} (sha256 {content.sha256[:12]}…) does not decode ({error}); it did when it was fetched, "
                "so the table of posters is damaged: delete it and run `dvc repro`."
            ) from error
        return pixels

    def _shortened(self, picture: Image.Image) -> Image.Image:
        """`picture`, of a very long one as much as the encoder can see: all of it with fewer pixels along it, else its middle."""
        short, long = sorted(picture.size)
        if long <= _LONGEST * short:
            return picture
        width, height = picture.size
        if self._squashes:
            factor = max(long // max(self._least_side, _LONGEST * short), 1)
            return picture.reduce((factor, 1) if width > height else (1, factor))
        # Of an even number less, so that the middle stays where it is.
        cut = (long - _LONGEST * short) // 2
        return picture.crop((cut, 0, width - cut, height) if width > height else (0, cut, width, height - cut))

    def encode(self, modality: Modality, batch: Tensor) -> Tensor:
        """(B, …) prepared contents as (B, D) unit vectors, in float32."""
        if modality is not Modality.VISUAL:
            features = self.model.encode_text(batch)
        else:
            pixels = (batch.float() / 255 - self._mean.to(batch.device)) / self._std.to(batch.device)
            features = self.model.encode_image(pixels)
        return F.normalize(features.float(), dim=-1)

    def provenance(self, modality: Modality, weights_sha256: str, precision: torch.dtype) -> Provenance:
        """How the vectors that this encoder makes came about."""
        settings = self.architecture.model_cfg["text_cfg"].get("tokenizer_kwargs", {})
        text = {"tokenizer": "clip", "context_length": self._tokenize.context_length, **settings}
        preprocessing = {
            Modality.VISUAL: self.architecture.preprocess_cfg,
            Modality.TEXT: text,
            Modality.WEB: {**text, "pages": POOLING},
        }
        return Provenance(
            modality,
            self.name,
            weights_sha256,
            json.dumps({"version": PREPROCESSING_VERSIONS[modality], **preprocessing[modality]}, sort_keys=True),
            str(precision).removeprefix("torch."),
            self.dimension,
        )

    def save(self, folder: Path) -> None:
        """Write weights.safetensors and architecture.json into the existing `folder`."""
        (folder / _WEIGHTS).write_bytes(to_bytes(self.model.state_dict()))
        text = json.dumps(asdict(self.architecture), indent=2) + "\n"
        (folder / _ARCHITECTURE).write_text(text, encoding="utf-8")


def load(folder: Path) -> Encoder:
    """The encoder that `Encoder.save` wrote.

    Raises:
        PipelineError: a file is missing or damaged.
    """
    try:
        architecture = Architecture(**json.loads((folder / _ARCHITECTURE).read_text(encoding="utf-8")))
        encoder = Encoder(architecture)
        encoder.model.load_state_dict(load_file(folder / _WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise PipelineError(f"{folder}: not a readable encoder ({_first_line(error)}); delete it and run `dvc repro`.") from error
    encoder.model.eval()
    return encoder


def weights_sha256(folder: Path) -> str:
    """sha256 of the weights of the encoder in `folder`."""
    return sha256_of(folder / _WEIGHTS)


def create(name: str) -> Encoder:
    """The model `name` with random weights from torch's generator, to be trained.

    Raises:
        PipelineError: there is no such model, or its tokenizer is not CLIP's own.
    """
    # Posters stand upright: a square cut from the middle, which published weights expect, would lose a third of each.
    return Encoder(_architecture(name, None, {"resize_mode": "squash"}))


def download(name: str, tag: str) -> Encoder:
    """The model `name` with the published weights `tag`.

    They are loaded without the network where the cache of huggingface_hub has them (`HF_HOME`).

    Raises:
        PipelineError: there is no such model or tag, its tokenizer is not CLIP's own, or the weights cannot be downloaded.
    """
    _settings(name)
    published = open_clip.get_pretrained_cfg(name, tag)
    if not published:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise PipelineError(f"encoder.pretrained: there are no weights {tag!r} of the model {name}; there are: {known}.")
    architecture = _architecture(name, tag, published)
    weights = _weights_file(name, tag, published)
    encoder = Encoder(architecture)
    try:
        open_clip.load_checkpoint(encoder.model, weights)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise PipelineError(f"{weights}: not the weights of {name} ({_first_line(error)}); delete the file and run again.") from error
    encoder.model.eval()
    return encoder


def _architecture(name: str, tag: str | None, published: Mapping[str, Any]) -> Architecture:
    """The model's architecture, adjusted to the weights: some were trained with another activation (QuickGELU) than its default."""
    settings = _settings(name)
    if published.get("quick_gelu"):
        settings["quick_gelu"] = True
    size = {"size": settings["vision_cfg"]["image_size"]}
    return Architecture(name, tag, settings, merge_preprocess_dict(PreprocessCfg(), {**published, **size}))


def _settings(name: str) -> dict[str, Any]:
    """open_clip's configuration of the model `name`."""
    _register_architectures()
    names = open_clip.list_models()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else f". There are: {', '.join(names)}."
        raise PipelineError(f"encoder.model: open_clip has no model {name!r}{meant}")
    settings: dict[str, Any] = open_clip.get_model_config(name)
    if {"hf_model_name", "hf_tokenizer_name"} & settings["text_cfg"].keys() or "multimodal_cfg" in settings:
        raise PipelineError(
            f"encoder.model: {name} reads text in another way than CLIP, which is not supported; "
            "take a model with CLIP's own tokenizer and text tower, such as ViT-B-32."
        )
    return settings


@cache
def _register_architectures() -> None:
    open_clip.add_model_config(_ARCHITECTURES)


def _weights_file(name: str, tag: str, published: Mapping[str, Any]) -> str:
    """The path of published weights, downloaded where they are not there yet."""
    repository, _, file = published["hf_hub"].rpartition("/")
    for candidate in [file] if file else [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME]:
        try:
            return str(huggingface_hub.hf_hub_download(repository, candidate, local_files_only=True))
        except LocalEntryNotFoundError:
            continue
    endpoint = huggingface_hub.constants.ENDPOINT
    try:
        # huggingface_hub tries for most of a minute before it gives up.
        requests.head(endpoint, timeout=_REACH_SECONDS)
        return str(open_clip.download_pretrained(dict(published)))
    except requests.RequestException as error:
        problem = f"{endpoint} cannot be reached"
        raise PipelineError(f"encoder.pretrained: the weights {tag} of {name} cannot be downloaded: {problem}.") from error
    except (OSError, RuntimeError) as error:
        problem = _first_line(error)
        raise PipelineError(f"encoder.pretrained: the weights {tag} of {name} cannot be downloaded: {problem}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
