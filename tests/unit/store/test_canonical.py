"""Equal values have equal checksums; what is not JSON is named by its place."""

import dataclasses
import math
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from store_support import any_draft, sample_case, sample_draft

from radrag.domain import Draft, Hit
from radrag.errors import StoreError
from radrag.store.canonical import case_sha256, draft_sha256, json_value, sha256, utc, utc_now


def test_json_value_takes_python_from_its_relatives():
    value = {"a": (1, np.int64(2)), "b": np.float32(0.5), "c": MappingProxyType({"d": None}), "e": [True, "x"]}
    assert json_value(value, "v") == {"a": [1, 2], "b": 0.5, "c": {"d": None}, "e": [True, "x"]}
    assert type(json_value(np.float64(1), "v")) is float


def test_json_value_names_the_place_not_the_value():
    with pytest.raises(StoreError, match=r"provenance\.x\[1\] is a set") as caught:
        json_value({"x": [0, {"secret"}]}, "provenance")
    assert "secret" not in str(caught.value)


def test_infinity_passes_only_where_it_may():
    assert json_value(math.inf, "v", finite=False) == math.inf
    with pytest.raises(StoreError, match="not a finite number"):
        json_value(math.inf, "v")


@given(any_draft)
def test_a_copy_of_a_draft_has_its_checksum(draft):
    assert draft_sha256(dataclasses.replace(draft)) == draft_sha256(draft)


def test_the_checksum_sees_every_field_of_a_draft():
    draft = sample_draft()
    changes = {
        "draft_id": "d2", "study": dataclasses.replace(draft.study, age=1), "sentences": draft.sentences[:1],
        "omissions": (), "hits": (), "image_findings": (), "warnings": (), "provenance": {},
    }  # fmt: skip
    assert set(changes) == {field.name for field in dataclasses.fields(Draft) if field.compare}
    sums = {draft_sha256(dataclasses.replace(draft, **{name: value})) for name, value in changes.items()}
    assert len(sums | {draft_sha256(draft)}) == len(changes) + 1


def test_a_number_has_one_checksum_whatever_its_type():
    draft = sample_draft()
    sums = {
        draft_sha256(dataclasses.replace(draft, hits=(Hit("c", 1, score, {}),)))
        for score in (1, 1.0, np.float32(1), np.float64(1))
    }
    assert len(sums) == 1


def test_the_checksum_of_a_case_sees_every_field():
    case, sentences = sample_case(1)
    finding = dataclasses.replace(sentences[0].findings[0], severity="severe")
    others = [
        (dataclasses.replace(case, **{name: value}), sentences)
        for name, value in {
            "case_id": "x", "corpus": "x", "patient_key": "x", "images": (), "sections": {}, "labels": (),
            "licence": "", "restricted": True,
        }.items()
    ]  # fmt: skip
    others += [(case, sentences[:1]), (case, (dataclasses.replace(sentences[0], findings=(finding,)), *sentences[1:]))]
    assert len({case_sha256(*pair) for pair in [*others, (case, sentences)]}) == len(others) + 1


def test_the_checksum_of_a_value_stays_what_it_was():
    assert sha256([1, "ü"]) == "1d98e2ac1110af2ce16a1bceacf96147d6be1f5115ba73e07aec8b40707fb71a"  # of [1,"\u00fc"]


def test_times_are_utc_and_sort():
    assert utc("2026-01-01T01:00:00+01:00") == "2026-01-01T00:00:00.000000+00:00"
    assert utc("2026-01-01T00:00:00") == "2026-01-01T00:00:00.000000+00:00"
    before = utc_now()
    assert before <= utc(None) <= utc("nonsense") <= utc_now()
    assert datetime.fromisoformat(before).tzinfo == UTC
