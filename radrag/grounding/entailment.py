"""A second judge of support: an inference model, which may lower what the rules found and never raise it.

The rules know labels; such a model reads whole sentences, and notices what no label names. It is also easily fooled,
so it has no say on what is supported: where it does not find support in the quotes, a supported sentence becomes
supported in part, and where it finds a contradiction, the reader is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from radrag.domain import DraftSentence, DraftWarning, Relation, Status
from radrag.encoders.devices import check_device
from radrag.encoders.huggingface_folder import CONFIG, read_json, weights_files
from radrag.errors import MissingModel, WeightsError
from radrag.models.weights import load_state

BATCH = 16
LONGEST = 512
"""Tokens of a pair; what is beyond is cut off the premise."""

QUOTES = 4
"""Supporting quotes that make up the premise, the strongest first."""

SURE = 0.5
"""Probability from which a judge's word counts; below, it keeps silent."""

CODE = "second_judge"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of one pair.

    Attributes:
        relation: None where the premise is silent on the hypothesis.
        probability: that the judge gives to this, in [0, 1].
    """

    relation: Relation | None
    probability: float


class Judge(Protocol):
    """Says whether a premise supports a hypothesis."""

    def judge(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Opinion]:
        """Return one opinion for each (premise, hypothesis), in order; the same pairs give the same opinions."""
        ...


def second_opinion(
    sentences: Sequence[DraftSentence], judge: Judge
) -> tuple[tuple[DraftSentence, ...], tuple[DraftWarning, ...]]:
    """Ask about every sentence that has support; return the sentences, some of them lowered, and a note for each doubt.

    Links stay: they are what the rules found, and the reader decides.
    """
    asked = [(place, premise) for place, one in enumerate(sentences) if (premise := _premise(one))]
    opinions = judge.judge([(premise, sentences[place].text) for place, premise in asked]) if asked else ()
    result = list(sentences)
    notes: list[DraftWarning] = []
    for (place, _), opinion in zip(asked, opinions, strict=True):
        sentence = sentences[place]
        if opinion.relation is Relation.SUPPORTS or opinion.probability < SURE:
            continue
        contradicts = opinion.relation is Relation.CONTRADICTS
        if sentence.status is not Status.SUPPORTED and not contradicts:
            continue
        if sentence.status is Status.SUPPORTED:
            result[place] = replace(sentence, status=Status.PARTIAL)
        said = "sees a contradiction" if contradicts else "finds no support"
        notes.append(
            DraftWarning(
                CODE, f"The second judge {said} in the evidence of “{sentence.text}” ({opinion.probability:.2f})."
            )
        )
    return tuple(result), tuple(notes)


def _premise(sentence: DraftSentence) -> str:
    """Return the strongest supporting quotes, each once; empty where there is no support."""
    supporting = [link for link in sentence.links if link.relation is Relation.SUPPORTS]
    best = sorted(supporting, key=lambda link: -link.strength)
    return " ".join(list(dict.fromkeys(link.quote for link in best))[:QUOTES])


class NliJudge:
    """Any sequence classification model of transformers that was trained for inference, from a folder on this machine.

    It is loaded when first asked. Which output means what is read from the configuration's ``id2label``:
    ``entailment``, ``contradiction`` and ``neutral``, or ``entailment`` and ``not_entailment``, in any order and case.
    """

    def __init__(self, folder: Path, *, device: str = "cpu", batch: int = BATCH) -> None:
        """Look at the configuration; the weights are left for later.

        Raises:
            MissingModel: there is no model in the folder.
            WeightsError: the configuration is damaged, or its outputs are not those of inference.
            UsageError: the device is not there.
        """
        check_device(device)
        if not (folder / CONFIG).is_file():
            raise MissingModel(f"{folder} is no folder with a Hugging Face model ({CONFIG}).", hint="Check the path.")
        self._relations = _relations(read_json(folder / CONFIG), folder.name)
        self._folder = folder
        self._device = device
        self._batch = batch
        self._loaded: tuple[Any, Any] | None = None

    def judge(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Opinion]:
        """Return one opinion for each (premise, hypothesis), in order.

        Raises:
            WeightsError: the weights are damaged or do not fit the configuration.
        """
        import torch

        if self._loaded is None:
            self._loaded = _load(self._folder, self._device)
        network, tokenizer = self._loaded
        longest = min(LONGEST, tokenizer.model_max_length)
        found: list[Opinion] = []
        for start in range(0, len(pairs), self._batch):
            premises, hypotheses = zip(*pairs[start : start + self._batch], strict=True)
            tokens = tokenizer(
                list(premises),
                list(hypotheses),
                truncation="only_first",
                max_length=longest,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                shares = torch.softmax(network(**tokens.to(self._device)).logits.float(), dim=-1)
            for row in shares.tolist():
                best = max(range(len(row)), key=row.__getitem__)
                found.append(Opinion(self._relations[best], row[best]))
        return found


_MEANINGS = {
    "entail": Relation.SUPPORTS,
    "contradict": Relation.CONTRADICTS,
    "neutral": None,
    "not_entail": None,
}


def _relations(config: dict[str, Any], name: str) -> tuple[Relation | None, ...]:
    """Return what each output means, in their order."""
    labels = config.get("id2label") or {}
    by_place = {
        int(place): [
            start for start in _MEANINGS if str(label).lower().replace("-", "_").replace(" ", "_").startswith(start)
        ]
        for place, label in labels.items()
        if str(place).isdigit()
    }
    found = [by_place.get(place, []) for place in range(len(labels))]
    meanings = {start for starts in found for start in starts}
    if not all(found) or "entail" not in meanings or len(meanings) != len(found):
        raise WeightsError(
            f"{name}: the outputs are not those of an inference model.",
            hint="id2label must name entailment, and contradiction and neutral or not_entailment.",
        )
    return tuple(_MEANINGS[starts[0]] for starts in found)


def _load(folder: Path, device: str) -> tuple[Any, Any]:
    """Return the network (float32, evaluation mode) and its tokenizer; nothing is fetched, no code is run."""
    import torch
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network_class: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{folder.name}: no sequence classification model.", hint="Get the folder again.") from error
    state: dict[str, torch.Tensor] = {}
    for path in weights_files(folder):
        state |= load_state(path)
    try:
        network, report = network_class.from_pretrained(
            None, config=config, state_dict=state, dtype=torch.float32, output_loading_info=True
        )
    except (RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(f"{folder.name}: the weights do not fit {CONFIG}.", hint="Get the folder again.") from error
    if report["missing_keys"] or report["mismatched_keys"]:
        raise WeightsError(f"{folder.name}: the weights do not fill the model.", hint="Get the folder again.")
    network.requires_grad_(requires_grad=False)
    return network.to(device).eval(), tokenizer
