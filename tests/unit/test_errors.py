"""Errors travel between processes whole."""

import pickle

import pytest

from radrag.corpus.collection import ItemRejected, RejectionCode
from radrag.errors import CorpusError, FetchCode, FetchError, RefusalCode, StudyRefused

ERRORS = [
    CorpusError("It is gone.", hint="Look elsewhere."),
    StudyRefused(RefusalCode.NOT_CHEST, "a.dcm", "this is a knee.", hint="Take another."),
    FetchError(next(iter(FetchCode)), "It ended early.", hint="Again."),
    ItemRejected(RejectionCode.BAD_ROW, "t.csv:3", "the row is odd."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_from_another_process_as_it_was(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
