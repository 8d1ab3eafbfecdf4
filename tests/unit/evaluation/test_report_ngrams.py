"""N-gram measures come out as published ones do: the package's numbers, R2Gen's cleaning."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import missing

from radrag.evaluation.report_ngrams import Cider, bleu, bleu_statistics, rouge_l
from radrag.evaluation.report_text import Cleaning, tokens_of

REFERENCES = [
    "the heart is enlarged . there is a small left pleural effusion .",
    "the lungs are clear . no pneumothorax .",
    "there is a right lower lobe opacity . the heart is normal in size .",
    "no focal consolidation pleural effusion or pneumothorax .",
]
PREDICTIONS = [
    "the heart is enlarged . no pleural effusion .",
    "the lungs are clear . there is no pneumothorax or effusion .",
    "",
    "no focal consolidation .",
]


def scores(references, predictions):
    pairs = list(zip(references, predictions, strict=True))
    cider = Cider(references)
    return (
        bleu(np.array([bleu_statistics(*pair) for pair in pairs]).sum(axis=0)),
        [rouge_l(*pair) for pair in pairs],
        [cider.score(place, prediction) for place, (_, prediction) in enumerate(pairs)],
    )


def test_scores_are_those_of_pycocoevalcap_1_2():
    bleus, rouge, cider = scores([tuple(t.split()) for t in REFERENCES], [tuple(t.split()) for t in PREDICTIONS])
    assert bleus == pytest.approx([0.3741331415779968, 0.3215448239590394, 0.273056095107989, 0.2208807951287276])
    assert rouge == pytest.approx([0.7041847, 0.82993197, 0, 0.62886598], abs=1e-7)
    assert cider == pytest.approx([3.76874065, 4.26050635, 0, 3.06490468], abs=1e-7)


WORDS = st.lists(st.sampled_from(["the", "heart", "lungs", "clear", "no", "effusion", "."]), min_size=1, max_size=14)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=2, max_size=6))
def test_scores_are_the_packages_on_any_texts(pairs):
    if find_spec("pycocoevalcap") is None:
        missing("pycocoevalcap (extra dev)")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider as TheirCider
    from pycocoevalcap.rouge.rouge import Rouge

    right = {place: [" ".join(reference)] for place, (reference, _) in enumerate(pairs)}
    given_ = {place: [" ".join(prediction)] for place, (_, prediction) in enumerate(pairs)}
    bleus, rouge, cider = scores([tuple(one) for one, _ in pairs], [tuple(one) for _, one in pairs])
    assert bleus == pytest.approx(Bleu(4).compute_score(right, given_, verbose=0)[0])
    assert rouge == pytest.approx(list(Rouge().compute_score(right, given_)[1]))
    assert cider == pytest.approx(list(TheirCider().compute_score(right, given_)[1]), abs=1e-9)


def test_cleaning_is_r2gens():
    text = '1. Heart size is normal..  2. No effusion/edema; "clear" (well-expanded). XXXX, T8 is 50% lower.'
    assert " ".join(tokens_of(text)) == (
        "heart size is normal . . no effusionedema clear well-expanded . xxxx t8 is 50 lower ."
    )
    assert " ".join(tokens_of("Heart\nsize __ is  normal... ", Cleaning.R2GEN_MIMIC)) == "heart size is normal ."


def test_cleaning_a_clean_text_changes_nothing_and_a_blank_one_has_no_tokens():
    clean = tokens_of("The lungs are clear. No effusion.")
    assert tokens_of(" ".join(clean)) == clean
    assert tokens_of(" \n") == ()
    assert tokens_of("The lungs are clear.", limit=2) == ("the", "lungs")
    assert tokens_of("Clear LUNGS , no effusion.", Cleaning.LOWER) == ("clear", "lungs", ",", "no", "effusion.")
