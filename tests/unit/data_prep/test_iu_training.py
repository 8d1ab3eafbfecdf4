"""Reports that may be trained on: R2Gen's training ids and no others."""

import json

import pytest

from data_prep.iu_training import SPLITS, training_reports
from radrag.errors import CorpusError


def test_only_listed_training_reports_come(tmp_path):
    splits = {"train": [{"id": "CXR1_IM-0001"}, {"id": "CXR2_IM-0652"}], "test": [{"id": "CXR3_IM-1384"}], "val": []}
    (tmp_path / SPLITS).write_text(json.dumps(splits))
    collection = training_reports(tmp_path, salt="s")
    assert collection.total == 2
    assert [case.case_id for case in collection.items] == ["iu-xray:CXR1", "iu-xray:CXR2"]


@pytest.mark.parametrize("content", [None, "[", '{"val": []}', '{"train": [1]}'])
def test_a_missing_or_strange_file_of_splits_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / SPLITS).write_text(content)
    with pytest.raises(CorpusError, match=SPLITS):
        training_reports(tmp_path, salt="s")
