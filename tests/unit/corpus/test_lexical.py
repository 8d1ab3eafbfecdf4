"""BM25 over terms: shared words score, others do not, and a saved index is the same."""

import numpy as np
import pytest

from radrag.corpus.lexical import LexicalIndex
from radrag.errors import BadIndex

DOCUMENTS = [["left", "effusion"], ["no:effusion", "clear"], [], ["effusion", "effusion", "nodule"]]


def test_only_documents_that_share_a_term_score():
    scores = LexicalIndex.build(DOCUMENTS).scores(["effusion", "unheard"])
    assert scores.shape == (4,)
    assert [score > 0 for score in scores] == [True, False, False, True]


def test_a_rarer_term_counts_more():
    scores = LexicalIndex.build(DOCUMENTS).scores(["effusion", "left"])
    assert scores[0] == scores.max()


def test_unknown_terms_and_empty_collections_score_nothing():
    assert not LexicalIndex.build(DOCUMENTS).scores(["unheard"]).any()
    assert LexicalIndex.build([]).scores(["left"]).shape == (0,)
    assert not LexicalIndex.build([[], []]).scores([]).any()


def test_saved_and_loaded_it_scores_the_same(tmp_path):
    index = LexicalIndex.build(DOCUMENTS)
    index.save(tmp_path)
    again = LexicalIndex.load(tmp_path, len(index))
    assert np.array_equal(again.scores(["effusion", "clear"]), index.scores(["effusion", "clear"]))


def test_a_missing_index_is_refused(tmp_path):
    with pytest.raises(BadIndex, match="cannot be read"):
        LexicalIndex.load(tmp_path / "nothing", 4)
