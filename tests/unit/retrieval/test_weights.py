"""Weights fitted to an index lie beside it and are read back; without a file the shipped ones count."""

import json

import pytest

from radrag.domain import ImageFinding
from radrag.errors import BadIndex
from radrag.retrieval.query import joined, query_from_image, query_from_text
from radrag.retrieval.weights import WEIGHTS, Weights, load_weights, save_weights, weights_file

FITTED = Weights({"labels": 1.0}, {"text": 0.5}, {"queries": 12, "name": "nih"})


def test_what_was_saved_is_read_and_the_index_itself_stays_untouched(tmp_path):
    index = tmp_path / "abc"
    index.mkdir()
    assert load_weights(index) == WEIGHTS
    assert save_weights(index, FITTED) == tmp_path / "abc.weights.json"
    assert load_weights(index) == FITTED
    assert not list(index.iterdir())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "radrag.weights/1"}', json.dumps({"schema": "other", "image": {}})]
)
def test_a_file_that_is_no_weights_is_refused(tmp_path, text):
    weights_file(tmp_path / "abc").write_text(text)
    with pytest.raises(BadIndex, match="holds no weights"):
        load_weights(tmp_path / "abc")


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_a_weight_below_zero_is_refused(tmp_path, weight):
    save_weights(tmp_path / "abc", Weights({"labels": weight}, {}))
    with pytest.raises(BadIndex):
        load_weights(tmp_path / "abc")


def test_words_that_only_repeat_an_images_findings_are_not_typed():
    image = query_from_image([ImageFinding("Mass", 0.9, 0.5, True)])
    assert FITTED.of(image) == {"labels": 1.0}
    assert FITTED.of(query_from_text("mass")) == {"text": 0.5}
    assert FITTED.of(joined(image, query_from_text("mass"))) == {"text": 0.5}


def test_an_image_without_assessed_findings_is_searched_by_its_indication():
    unseen = query_from_image([ImageFinding("Mass", 0.5, 0.5, False)], indication="Chest pain")
    assert FITTED.of(unseen) == {"text": 0.5}
