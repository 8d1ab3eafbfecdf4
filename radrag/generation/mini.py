"""The small generator: SmolLM2-135M with learned updates that sees the image's feature map; trained by radrag."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.errors import GenerationCode, GenerationError, WeightsError
from radrag.generation.answers import SECTIONS
from radrag.generation.base import GeneratedReport, GenerationRequest, GeneratorCard, RewriteTask
from radrag.generation.constrained import TokenVocabulary
from radrag.generation.gguf_model import SMOLLM2, SMOLLM2_SHA256, model_folder
from radrag.generation.local_network import Loaded, load_network
from radrag.generation.local_weights import memory_errors
from radrag.generation.mini_prompt import at_thresholds, evidence_for, mini_prompt
from radrag.generation.mini_weights import SHIPPED, TRAINING, MiniCard, read_card, read_state
from radrag.generation.model import ModelGenerator
from radrag.generation.plan import make_plan
from radrag.generation.prompt import Prompt

if TYPE_CHECKING:
    import numpy as np
    import torch

    from radrag.encoders.base import ImageEncoder
    from radrag.generation.mini_network import Projector

NAME = "mini"
MAX_NEW_TOKENS = 480
"""Of an answer: ten sentences take about 200."""
TEMPERATURE = 0.7
"""Of second attempts, which sample."""


class MiniModel:
    """A :class:`radrag.generation.model.Model` that decodes greedily with a cache of keys and values.

    Args:
        loaded: the language model, its updates merged.
        projector: feature map to image tokens.
        look: pictures → feature map float32 [channels, h, w] of the first.
    """

    def __init__(
        self,
        loaded: Loaded,
        projector: Projector,
        card: GeneratorCard,
        look: Callable[[Sequence[np.ndarray]], np.ndarray],
        *,
        device: str = "cpu",
    ) -> None:
        from radrag.generation.mini_network import MARK

        self.card = card
        self._network, self._tokenizer, self._ends = loaded.network, loaded.tokenizer, loaded.ends
        self._projector = projector
        self._look = look
        self._device = device
        self._mark = int(loaded.tokenizer.convert_tokens_to_ids(MARK))
        width = loaded.network.get_output_embeddings().weight.shape[0]
        self._vocabulary = TokenVocabulary(loaded.tokenizer, width, self._ends)
        self._turn = threading.Lock()

    def complete(self, prompt: Prompt, schema: Mapping[str, Any], pictures: Sequence[np.ndarray], seed: int) -> str:
        """Return the whole answer; see :meth:`radrag.generation.model.Model.complete`. Seed 0 takes the likeliest.

        Raises:
            GenerationError: ``cut_off`` or ``out_of_memory``.
        """
        import torch

        from radrag.generation.mini_network import embedded, prompt_ids
        from radrag.generation.mini_writing import write

        ids = prompt_ids(self._tokenizer, prompt.system, prompt.user, image=bool(pictures))
        constraint = self._vocabulary.constrain(schema, len(ids))
        with self._turn, memory_errors(self._device), torch.inference_mode():
            image = self._image(pictures) if pictures else None
            whole = torch.tensor([ids], device=self._device)
            embeddings = embedded(self._network, whole, self._mark, image)
            chooser = self._sampling(seed) if seed else likeliest
            expected = self._tokenizer(prompt.expected, add_special_tokens=False)["input_ids"]
            write(
                self._network,
                constraint,
                embeddings,
                whole,
                chooser,
                ends=self._ends,
                most=MAX_NEW_TOKENS,
                expected=expected,
            )
        if not constraint.complete:
            raise GenerationError(
                GenerationCode.CUT_OFF, f"The answer was not finished after {MAX_NEW_TOKENS:,} tokens."
            )
        return constraint.text

    def _image(self, pictures: Sequence[np.ndarray]) -> torch.Tensor:
        import torch

        maps = torch.from_numpy(self._look(pictures)).to(self._device)
        tokens: torch.Tensor = self._projector(maps[None].float())[0]
        return tokens

    def _sampling(self, seed: int) -> Callable[[torch.Tensor], torch.Tensor]:
        import torch

        generator = torch.Generator(self._device).manual_seed(seed)
        return lambda scores: torch.multinomial((scores / TEMPERATURE).softmax(-1), 1, generator=generator)


def likeliest(scores: torch.Tensor) -> torch.Tensor:
    """Take the token with the highest score."""
    return scores.argmax(-1, keepdim=True)


class MiniGenerator(ModelGenerator):
    """Writes along the plan by what image and evidence show; loads its weights when it first writes.

    Args:
        folder: with the run's ``mini.safetensors`` and ``mini.json``; None for the shipped ones.
        cache: folder where the language model is kept as safetensors.
        encoder: gives the image encoder whose feature maps it was trained on.

    Raises:
        MissingModel: the weights are not there; the message has the command that trains them.
        WeightsError: the card is damaged, or of another language model.
    """

    def __init__(
        self, folder: Path | None, *, cache: Path, encoder: Callable[[], ImageEncoder], device: str = "cpu"
    ) -> None:
        self._folder = folder or SHIPPED
        self._about = read_card(self._folder)
        if (self._about.base, self._about.base_sha256) != (SMOLLM2, SMOLLM2_SHA256):
            raise WeightsError(
                f"The weights of {NAME} belong to another language model.", hint=f"Train them: {TRAINING}"
            )
        self._cache, self._encoder, self._device = cache, encoder, device
        self._loaded: MiniModel | None = None
        self._loading = threading.Lock()

    @property
    def card(self) -> GeneratorCard:
        """Who writes."""
        return _card(self._about)

    def generate(self, request: GenerationRequest) -> GeneratedReport:
        """Write a report; empty where it says nothing of the plan, without loading anything where there is none.

        Raises:
            GenerationError: the model answered nothing of use twice, or memory ran out.
            WeightsError: the weights are not those of the card, or the encoder is not the one of the training.
            MissingModel: the package with the language model is not installed.
        """
        findings = at_thresholds(request.image_findings, self._about.thresholds)
        request = replace(request, image_findings=findings)
        plan = make_plan(request)
        evidence = evidence_for(request, plan) if plan.statements else ()
        if not evidence:
            return GeneratedReport(())
        self._model = self._ready()
        prompt = mini_prompt(findings, plan, evidence)
        return self._asked(prompt, SECTIONS, request, may_be_empty=True)  # it learned to leave a section empty

    def rewrite(self, request: GenerationRequest, task: RewriteTask) -> GeneratedReport:  # noqa: ARG002 - the protocol's
        """Write nothing: it was not trained to reword, so what does not stand is dropped."""
        return GeneratedReport(())

    def _ready(self) -> MiniModel:
        with self._loading:
            if self._loaded is None:
                self._loaded = load_mini(self._folder, self._about, self._cache, self._encoder(), self._device)
            return self._loaded


def load_mini(folder: Path, about: MiniCard, cache: Path, encoder: ImageEncoder, device: str) -> MiniModel:
    """Load language model, updates and projector.

    Raises:
        WeightsError: a part is not what the card says.
        MissingModel: the package with the language model is not installed.
    """
    import numpy as np

    from radrag.generation.mini_network import PROJECTOR, Projector, merge_low_rank

    if encoder.card.card_hash != about.encoder_card_hash:
        raise WeightsError(
            f"{NAME} was trained on feature maps of {about.encoder}, not on these of {encoder.card.name} "
            f"{encoder.card.version}.",
            hint=f"Use --encoder {about.encoder}, or train it anew: {TRAINING}",
        )
    state = read_state(folder, about)
    loaded = load_network(model_folder(about.base, cache), "float32", device)
    projector = Projector(about.channels, loaded.network.config.hidden_size)
    try:
        merge_low_rank(loaded.network, state, about.alpha / about.rank)
        own = {name.removeprefix(PROJECTOR): one.float() for name, one in state.items() if name.startswith(PROJECTOR)}
        projector.load_state_dict(own)
    except (RuntimeError, KeyError, AttributeError) as error:
        raise WeightsError(f"The weights of {NAME} do not fit its network.", hint=f"Train them: {TRAINING}") from error

    def look(pictures: Sequence[np.ndarray]) -> np.ndarray:
        maps = encoder.encode([pictures[0].astype(np.float32) / np.float32(255)]).feature_maps
        if maps is None or maps.shape[1] != about.channels:
            raise WeightsError(
                f"The image encoder gives {NAME} no feature map of {about.channels} channels.",
                hint=f"Use --encoder {about.encoder}",
            )
        first: np.ndarray = maps[0]
        return first

    return MiniModel(loaded, projector.eval().to(device), _card(about), look, device=device)


def _card(about: MiniCard) -> GeneratorCard:
    parameters = {
        "base": about.base,
        "base_sha256": about.base_sha256,
        "encoder": about.encoder,
        "thresholds": dict(about.thresholds),
        "max_new_tokens": MAX_NEW_TOKENS,
        "temperature": TEMPERATURE,
    }
    return GeneratorCard(NAME, about.version, about.sha256, parameters, sees=True)
