"""Constrained decoding: how long an answer's JSON Schema takes to be ready, and what each token costs, by library.

llguidance is what radrag uses (extra vlm); others are measured where they are installed:
``pip install --no-deps xgrammar apache-tvm-ffi outlines-core``. The tokenizer is SmolLM2's (49,152 tokens).
"""

import importlib.metadata
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from radrag.generation.answers import answer_schema
from radrag.generation.gguf_model import model_folder

SCHEMA = answer_schema(48)
SENTENCE = {"text": "The cardiomediastinal silhouette is normal in size and contour.", "evidence": [1, 12]}
ANSWER = json.dumps({"findings": [SENTENCE] * 5, "impression": [SENTENCE]})


def llguidance(tokenizer: Any, ids: list[int]) -> tuple[float, float]:
    from radrag.generation.constrained import TokenVocabulary

    vocabulary = TokenVocabulary(tokenizer, len(tokenizer), [tokenizer.eos_token_id])
    start = time.perf_counter()
    matcher = vocabulary.constrain(SCHEMA, 0)._matcher
    ready = time.perf_counter()
    for token in ids:
        matcher.compute_bitmask()
        assert matcher.consume_token(token)
    return ready - start, time.perf_counter() - ready


def xgrammar(tokenizer: Any, ids: list[int]) -> tuple[float, float]:
    import xgrammar as library

    compiler = library.GrammarCompiler(library.TokenizerInfo.from_huggingface(tokenizer))
    start = time.perf_counter()
    compiled = compiler.compile_json_schema(json.dumps(SCHEMA), any_whitespace=False)
    matcher = library.GrammarMatcher(compiled)
    ready = time.perf_counter()
    mask = library.allocate_token_bitmask(1, len(tokenizer))
    for token in ids:
        matcher.fill_next_token_bitmask(mask)
        assert matcher.accept_token(token)
    return ready - start, time.perf_counter() - ready


def outlines_core(tokenizer: Any, ids: list[int]) -> tuple[float, float]:
    from outlines_core import Guide, Index, Vocabulary
    from outlines_core.json_schema import build_regex_from_schema

    by_text: dict[str, list[int]] = {}
    for token in set(range(len(tokenizer))) - set(tokenizer.all_special_ids):
        by_text.setdefault(tokenizer.decode([token]), []).append(token)
    vocabulary = Vocabulary(tokenizer.eos_token_id, by_text)
    start = time.perf_counter()
    guide = Guide(Index(build_regex_from_schema(json.dumps(SCHEMA)), vocabulary))
    ready = time.perf_counter()
    for token in ids:
        guide.get_tokens()
        guide.advance(token)
    return ready - start, time.perf_counter() - ready


def main() -> None:
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as cache:
        tokenizer = AutoTokenizer.from_pretrained(model_folder("smollm2", Path(cache)))
    ids = tokenizer(ANSWER).input_ids
    print(f"{'library':<22} {'ready after, s':>14} {'a token, ms':>12}")
    for measure in (llguidance, xgrammar, outlines_core):
        name = measure.__name__.replace("_", "-")
        try:
            ready, walked = measure(tokenizer, ids)
        except ImportError:
            print(f"{name:<22} not installed")
        else:
            print(
                f"{name + ' ' + importlib.metadata.version(name):<22} {ready:>14.3f} {1000 * walked / len(ids):>12.2f}"
            )


if __name__ == "__main__":
    main()
