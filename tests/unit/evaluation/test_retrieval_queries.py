"""Queries of a manifest: truth from the right place, and no case of the patient's own among what may be found."""

import numpy as np
import pytest

from radrag.corpus.catalogue import IndexedCase
from radrag.dicom.deidentify import patient_key
from radrag.domain import ImageFinding, View
from radrag.errors import RefusalCode, StudyRefused
from radrag.evaluation.encoding import EncodedImage
from radrag.evaluation.manifest import ManifestRow, QueryManifest
from radrag.evaluation.queries import EMPTY_ROW, QueryBuilder
from radrag.reports.findings import default_labeler

SALT = "salt"
KEYS = {
    "pairs:a": patient_key(SALT, "pairs:7"),
    "pairs:b": patient_key(SALT, "pairs:7"),
    "pairs:c": patient_key(SALT, "pairs:8"),
    "ward:d": patient_key(SALT, "7"),
    "ward:e": "key of a header",
    "ward:f": "",
}


@pytest.fixture
def build():
    """Build the query of one row; ``image`` marks rows whose image was encoded."""

    def call(row, labels=("Edema",), image=None, refusal=None, holders=(), **how):
        cases = {case_id: IndexedCase(key, {}) for case_id, key in KEYS.items()}
        builder = QueryBuilder(
            cases, default_labeler(), salt=SALT, collections=["pairs", "iu-xray"], holders={"hash": holders}, **how
        )
        manifest = QueryManifest((row,), labels, ())
        images = {row.line: image} if image else {}
        return builder.build(manifest, images, {row.line: refusal} if refusal else {})[0]

    return call


def encoded(key=""):
    findings = (ImageFinding("Edema", 0.9, 0.5), ImageFinding("Pneumothorax", 0.1, 0.5))
    return EncodedImage(np.ones(1, np.float32), findings, View.PA, "hash", key)


def row(tmp_path=None, **values):
    return ManifestRow(2, tmp_path and tmp_path / "a.png", **{"patient": "7", "truth": {"Edema": 1.0}, **values})


def test_the_patients_own_cases_are_left_out_whatever_collection_made_their_key(build, tmp_path):
    query = build(row(tmp_path), image=encoded())
    assert query.excluded == query.search.exclude_cases == {"pairs:a", "pairs:b", "ward:d"}


def test_an_image_is_searched_by_its_vector_only_where_the_same_encoder_made_the_index(build, tmp_path):
    assert build(row(tmp_path), image=encoded()).search.image is None
    search = build(row(tmp_path), image=encoded(), same_encoder=True).search
    assert search.image.tolist() == [1.0]
    assert search.views == {View.PA}


def test_a_header_tells_whose_an_image_is(build, tmp_path):
    query = build(row(tmp_path, patient=""), image=encoded("key of a header"))
    assert (query.excluded, query.patient) == ({"ward:e"}, "key of a header")


def test_the_named_case_and_holders_of_the_image_are_own_and_bring_their_patients_others(build, tmp_path):
    query = build(row(tmp_path, patient="99", case="pairs:a"), image=encoded(), holders=["pairs:c"])
    assert query.own_cases == ("pairs:a", "pairs:c")
    assert query.excluded == {"pairs:a", "pairs:b", "pairs:c"}
    assert not query.open_search.exclude_cases  # the own case may be found


def test_a_named_case_without_known_patient_is_left_out_alone(build, tmp_path):
    assert build(row(tmp_path, patient="", case="ward:f"), image=encoded()).excluded == {"ward:f"}


def test_a_case_that_the_index_does_not_hold_is_no_pair(build, tmp_path):
    assert build(row(tmp_path, case="pairs:gone"), image=encoded()).own_cases == ()


def test_an_image_is_searched_by_its_findings_and_never_by_its_report(build, tmp_path):
    query = build(row(tmp_path, text="Bilateral pneumothorax.", indication="dyspnea"), image=encoded())
    assert query.search.weights["Edema"] > 0 > query.search.weights["Pneumothorax"]
    assert "dyspnea" in query.search.text
    assert "Bilateral" not in query.search.text


def test_words_are_searched_where_there_is_no_image_and_a_question_is_no_finding(build):
    query = build(row(text="Left pleural effusion.", indication="pneumonia?"))
    assert query.search.text == "pneumonia? Left pleural effusion."
    assert query.search.weights["Pleural Effusion"] > 0 > query.search.weights["Pneumonia"]
    assert query.own_cases == ()


def test_columns_are_the_truth_and_the_text_only_where_there_are_none(build, tmp_path):
    said = row(tmp_path, text="Large hernia. No edema.")
    assert build(said, image=encoded()).truth == {"Edema": 1.0}
    of_text = build(said, labels=(), image=encoded()).truth
    assert (of_text["Hernia"], of_text["Edema"]) == (1, 0)


def test_a_refused_image_stays_a_query_that_fails(build, tmp_path):
    refusal = StudyRefused(RefusalCode.NOT_FOUND, "a.png", "there is no such file.")
    query = build(row(tmp_path, text="Edema."), refusal=refusal)
    assert (query.search, query.open_search, query.failure) == (None, None, "not_found")
    assert query.truth == {"Edema": 1.0}


def test_a_row_with_nothing_to_search_fails(build):
    assert build(row()).failure == EMPTY_ROW


def test_queries_of_unknown_patients_are_each_their_own(build):
    assert build(row(text="Edema.", patient="")).patient == "line000002"
