"""What every text encoder must do; subclass ``TextEncoderContract`` and give it a fixture ``encoder``."""

import numpy as np
import pytest
from tiny_models import save_bert, save_clip, save_cxr_bert, save_sentence_transformer, save_siglip

from radrag.encoders import TextEncoder, load_text_encoder
from radrag.errors import UsageError
from radrag.models.card import ModelCard

TEXTS = [
    "No pleural effusion.",
    "",
    "The heart is enlarged. " * 120,
    "Ünïcode, 肺, \x00 and \n newlines",
    "Small left pleural effusion is seen.",
]


class TextEncoderContract:
    """Claims that hold for every encoder of the registry."""

    def test_it_follows_the_protocol(self, encoder):
        assert isinstance(encoder, TextEncoder)
        assert isinstance(encoder.card, ModelCard)

    def test_shape_type_and_unit_length(self, encoder):
        vectors = encoder.encode(TEXTS)
        assert vectors.shape == (len(TEXTS), encoder.card.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_no_texts_give_no_rows(self, encoder):
        assert encoder.encode([]).shape == (0, encoder.card.dimension)

    def test_encoding_twice_gives_the_same_bytes(self, encoder):
        assert encoder.encode(TEXTS).tobytes() == encoder.encode(TEXTS).tobytes()

    def test_order_and_batch_do_not_matter(self, encoder):
        together = encoder.encode(TEXTS)
        np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], together, atol=1e-5)
        for number, text in enumerate(TEXTS):
            np.testing.assert_allclose(encoder.encode([text])[0], together[number], atol=1e-5)

    def test_one_string_is_refused(self, encoder):
        with pytest.raises(UsageError, match="list of texts"):
            encoder.encode("No effusion.")

    def test_what_is_no_text_is_named(self, encoder):
        with pytest.raises(UsageError, match="Text 2 of 2 is a int"):
            encoder.encode(["No effusion.", 3])


class TestMiniLM(TextEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, tmp_path_factory):
        return load_text_encoder("minilm", cache=tmp_path_factory.mktemp("cache"))

    def test_like_meanings_lie_closer_than_unlike_ones(self, encoder):
        effusion, fluid, fracture = encoder.encode(
            ["There is a pleural effusion.", "Fluid in the pleural space.", "Old rib fracture on the right."]
        )
        assert effusion @ fluid > effusion @ fracture


class TestHuggingFace(TextEncoderContract):
    @pytest.fixture(scope="class", params=[save_bert, save_cxr_bert, save_clip, save_siglip, save_sentence_transformer])
    @classmethod
    def encoder(cls, request, tmp_path_factory):
        folder = request.param(tmp_path_factory.mktemp("model"))
        return load_text_encoder(f"hf:{folder}", cache=folder / "cache")
