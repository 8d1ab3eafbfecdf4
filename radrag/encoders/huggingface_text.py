"""Text towers of Hugging Face models: BERT and its kin, sentence-transformers, CXR-BERT, CLIP's and SigLIP's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from radrag.encoders.base import FloatArray
from radrag.encoders.devices import check_device
from radrag.encoders.huggingface_folder import CONFIG, card_facts, find_folder, load_network, read_json, weights_files
from radrag.encoders.openclip import OPEN_CLIP, is_open_clip, text_tower
from radrag.encoders.sentence_modules import SentenceModules, apply_dense, pool, read_modules
from radrag.encoders.text_batches import encode_distinct
from radrag.errors import MissingDependency, WeightsError
from radrag.models.card import ModelCard
from radrag.models.registry import TEXT_TASK
from radrag.models.weights import load_state

if TYPE_CHECKING:
    import torch

BERTS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra", "mpnet", "modernbert", "deberta-v2")
AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Model types that number positions from behind the padding token's number, and so have that many fewer."""
CXR_BERT = "cxr-bert"
"""Microsoft's CXR-BERT-specialized: BERT and a projection of the first token (arXiv 2204.09817, appendix)."""
EPSILON = 1e-12
"""Of the layer norm in its projection."""
_PARTS = ("weight", "bias")
CLIP, SIGLIP = "clip", "siglip"
NO_LIMIT = 1_000_000

Vectors = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""Token numbers int64 [n, t] and mask bool [n, t] → float32 [n, d]."""


class HuggingFaceTextEncoder:
    """Unit vectors of texts. Pooling is the folder's own; where it names none, the first token.

    The first token is what MedCPT's and CXR-BERT's authors use. For a CLIP-like folder the vectors lie in the space
    of its images: ``card.shared_space`` is that of the image encoder from the same folder.
    """

    def __init__(self, tokenizer: Any, vectors: Vectors, card: ModelCard, *, fill: bool, lower: bool) -> None:
        self._tokenizer = tokenizer
        self._vectors = vectors
        self._card = card
        self._fill = fill
        self._lower = lower

    @classmethod
    def load(cls, name: str, *, cache: Path, device: str = "cpu") -> Self:
        """Load ``hf:FOLDER``, or ``hf:OWNER/NAME`` if it was pulled or is in Hugging Face's own cache.

        Raises:
            MissingModel: it is not on this machine; the message has the command.
            MissingDependency: the model's tokenizer needs a package that is not installed.
            WeightsError: the folder is incomplete or damaged, holds code, or is of an unknown architecture.
            UsageError: the device is not there.
        """
        check_device(device)
        folder = find_folder(name, cache)
        modules = read_modules(folder) if (folder / "modules.json").is_file() else None
        tower = modules.network if modules else folder
        kind = OPEN_CLIP if is_open_clip(tower) else str(read_json(tower / CONFIG).get("model_type", ""))
        if kind not in (*BERTS, CXR_BERT, CLIP, SIGLIP, OPEN_CLIP) or (modules and kind not in BERTS):
            raise WeightsError(
                f"{folder.name}: {kind or 'nameless'!r} is no text tower that radrag knows.",
                hint=f"Known: {', '.join((*BERTS, CXR_BERT, CLIP, SIGLIP))}, and BiomedCLIP.",
            )
        tokenizer = _tokenizer(tower, kind)
        if kind == OPEN_CLIP:
            vectors, how, room = _open_clip(tower, device)
        else:
            network, config = load_network(tower, model_type="bert" if kind == CXR_BERT else "")
            room = _room(getattr(config, "text_config", config))
            vectors, how = _way(network.to(device), tower, kind, modules, device)
        longest = min(modules.longest if modules and modules.longest else NO_LIMIT, tokenizer.model_max_length, room)
        import torch

        with torch.inference_mode():
            probe = torch.full((1, longest if kind == SIGLIP else 2), tokenizer.pad_token_id or 0, device=device)
            dimension = vectors(probe, torch.ones_like(probe, dtype=torch.bool)).shape[1]
        facts = dict(card_facts(tower, name))
        facts["name"] = f"hf:{folder.resolve().name}" if tower != folder else facts["name"]
        card = ModelCard(
            **facts,
            task=TEXT_TASK,
            input_size=longest,
            value_range=(0.0, 0.0),
            polarity="",
            normalisation=f"the model's own tokenizer, cut after {longest} tokens, {how}, unit length",
            dimension=dimension,
            labels=(),
            trained=(),
            views=(),
            shared_space=facts["sha256"] if kind in (CLIP, SIGLIP, OPEN_CLIP) else "",
            data="see the model's own page",
            limits=(f"Words after token {longest} are not seen.",),
        )
        return cls(tokenizer, vectors, card, fill=kind == SIGLIP, lower=bool(modules and modules.lower))

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode texts; see :meth:`radrag.encoders.base.TextEncoder.encode`."""
        padding = self._tokenizer.pad_token_id or 0
        return encode_distinct(
            texts, ids_of=self._ids, vectors_of=self._vectors, dimension=self._card.dimension, padding=padding
        )

    def _ids(self, texts: list[str]) -> list[list[int]]:
        given = [text.lower() for text in texts] if self._lower else texts
        # SigLIP was trained with every text filled up to the full length, and sees the filling.
        padding = "max_length" if self._fill else False
        found = self._tokenizer(given, truncation=True, max_length=self._card.input_size, padding=padding)["input_ids"]
        return [list(ids) or [self._tokenizer.pad_token_id or 0] for ids in found]


def _room(config: Any) -> int:
    """Return how many tokens the network's position codes allow."""
    room = int(config.max_position_embeddings)
    return room - config.pad_token_id - 1 if config.model_type in AFTER_PADDING else room


def _tokenizer(folder: Path, kind: str) -> Any:
    import transformers

    library: Any = transformers
    # CXR-BERT's own class, code in its folder, is BERT's under another name; OpenCLIP's folders name none.
    reader = library.BertTokenizer if kind in {CXR_BERT, OPEN_CLIP} else library.AutoTokenizer
    try:
        return reader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:  # SigLIP's tokenizer in transformers is sentencepiece's
        raise MissingDependency(
            f"{folder.name}: its tokenizer needs a package that is not installed.", hint="pip install sentencepiece"
        ) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{folder.name}: the tokenizer cannot be read ({type(error).__name__}).",
            hint="Add the model's own tokenizer files; code from a model's folder is never run.",
        ) from error


def _open_clip(folder: Path, device: str) -> tuple[Vectors, str, int]:
    """Return how tokens become vectors in OpenCLIP's BERT, the same in words, and how many tokens it takes."""
    bert, projection, room = text_tower(folder)
    bert, projection = bert.to(device), projection.to(device)

    def vectors(tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = bert(input_ids=tokens.to(device), attention_mask=mask.long().to(device)).last_hidden_state
        found: torch.Tensor = projection(states[:, 0])
        return found

    return vectors, "projection of the first token", room


def _way(network: Any, folder: Path, kind: str, modules: SentenceModules | None, device: str) -> tuple[Vectors, str]:
    """Return how tokens become vectors, and the same in words."""
    if kind == CLIP:
        return (
            lambda tokens, mask: (
                network.get_text_features(
                    input_ids=tokens.to(device), attention_mask=mask.long().to(device)
                ).pooler_output
            ),
            "text projection",
        )
    if kind == SIGLIP:
        return lambda tokens, _: network.get_text_features(input_ids=tokens.to(device)).pooler_output, "text projection"

    def hidden(tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = network(
            input_ids=tokens.to(device), attention_mask=mask.long().to(device)
        ).last_hidden_state
        return states

    if kind == CXR_BERT:
        project = _projection(folder, device)
        return lambda tokens, mask: project(hidden(tokens, mask)[:, 0]), "projection of the first token"
    if modules is None:
        return lambda tokens, mask: hidden(tokens, mask)[:, 0], "first token"
    return lambda tokens, mask: apply_dense(
        modules, pool(modules.pooling, hidden(tokens, mask), mask.to(device)).cpu()
    ), modules.describe()


def _projection(folder: Path, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return CXR-BERT's projection head: dense, GELU, layer norm, dense."""
    from torch.nn.functional import gelu, layer_norm, linear

    state: dict[str, torch.Tensor] = {}
    for path in weights_files(folder):
        state |= load_state(path)
    names = [f"{part}.{kind}" for part in ("dense_to_hidden", "LayerNorm", "dense_to_output") for kind in _PARTS]
    lacking = [name for name in names if f"cls_projection_head.{name}" not in state]
    if lacking:
        raise WeightsError(f"{folder.name}: the projection head lacks {lacking[0]}.", hint="Get the folder again.")
    head = {name: state[f"cls_projection_head.{name}"].float().to(device) for name in names}

    def project(first: torch.Tensor) -> torch.Tensor:
        wide = gelu(linear(first, head["dense_to_hidden.weight"], head["dense_to_hidden.bias"]))
        scale, shift = head["LayerNorm.weight"], head["LayerNorm.bias"]
        return linear(
            layer_norm(wide, scale.shape, scale, shift, EPSILON),
            head["dense_to_output.weight"],
            head["dense_to_output.bias"],
        )

    return project
