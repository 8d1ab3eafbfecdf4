"""What every image encoder must do; subclass ``ImageEncoderContract`` and give it a fixture ``encoder``."""

import math

import numpy as np
import pytest
from safetensors.torch import save_file
from tiny_models import save_clip, save_dinov2, save_siglip, save_vit

from radrag.domain import View
from radrag.encoders import ImageEncoder, load_image_encoder
from radrag.errors import UsageError
from radrag.models.card import ModelCard

IMAGE = np.random.default_rng(0).random((97, 120), dtype=np.float32)


def picture(seed, rows=300, columns=260):
    """Two dark lungs on a bright ground, with noise: not a radiograph, but not flat either."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    lungs = sum(np.exp(-(((x - side) / 0.3) ** 2) - (y / 0.6) ** 2) for side in (-0.45, 0.45))
    noise = np.random.default_rng(seed).normal(0, 0.05, (rows, columns))
    return np.clip(0.8 - 0.6 * lungs + noise, 0, 1).astype(np.float32)


class ImageEncoderContract:
    """Claims that hold for every encoder of the registry."""

    def test_it_follows_the_protocol(self, encoder):
        assert isinstance(encoder, ImageEncoder)
        assert isinstance(encoder.card, ModelCard)
        assert set(encoder.card.trained) <= set(encoder.card.labels)
        assert set(encoder.card.thresholds) == set(encoder.card.trained)

    def test_shapes_and_types(self, encoder):
        result = encoder.encode([picture(0), picture(1, 200, 400), picture(2, 64, 64)])
        assert result.vectors.shape == (3, encoder.card.dimension)
        assert result.vectors.dtype == np.float32
        assert len(result.findings) == 3
        if result.feature_maps is not None:
            assert result.feature_maps.ndim == 4
            assert len(result.feature_maps) == 3
            assert result.feature_maps.dtype == np.float32
            assert np.isfinite(result.feature_maps).all()

    def test_vectors_have_unit_length_even_of_flat_images(self, encoder):
        flat = np.zeros((50, 50), np.float32)
        norms = np.linalg.norm(encoder.encode([picture(0), flat, flat + 1]).vectors, axis=1)
        np.testing.assert_allclose(norms, 1, atol=1e-5)

    def test_different_images_have_different_vectors(self, encoder):
        first, second = encoder.encode([picture(0), 1 - picture(1)]).vectors
        assert float(first @ second) < 0.9999

    def test_encoding_twice_gives_the_same_bytes(self, encoder):
        images = [picture(0), picture(1)]
        first, second = encoder.encode(images), encoder.encode(images)
        assert first.vectors.tobytes() == second.vectors.tobytes()
        assert repr(first.findings) == repr(second.findings)

    def test_the_batch_does_not_matter(self, encoder):
        images = [picture(seed, 100 + 10 * seed) for seed in range(18)]
        together = encoder.encode(images)
        for number in (0, 15, 16, 17):
            alone = encoder.encode([images[number]])
            np.testing.assert_allclose(alone.vectors[0], together.vectors[number], atol=1e-4)
            for one, other in zip(alone.findings[0], together.findings[number], strict=True):
                assert one.probability == pytest.approx(other.probability, abs=1e-4, nan_ok=True)

    def test_no_images_give_no_rows(self, encoder):
        result = encoder.encode([])
        assert result.vectors.shape == (0, encoder.card.dimension)
        assert result.findings == ()

    @pytest.mark.parametrize("view", [None, View.PA, View.AP, View.UNKNOWN])
    def test_findings_follow_the_card(self, encoder, view):
        (findings,) = encoder.encode([picture(0)], None if view is None else [view]).findings
        assert tuple(finding.label for finding in findings) == encoder.card.labels
        for finding in findings:
            assert finding.trained == (finding.label in encoder.card.trained)
            if finding.trained:
                assert 0 <= finding.probability <= 1
                assert finding.threshold == encoder.card.thresholds[finding.label]
            else:
                assert math.isnan(finding.probability)
                assert not finding.positive

    def test_regions_are_boxes_inside_the_image_of_findings_that_count(self, encoder):
        images = [picture(0), picture(1, 200, 400)]
        encoding = encoder.encode(images)
        assert len(encoding.activations) in {0, 2}
        for number, (image, findings) in enumerate(zip(images, encoding.findings, strict=True)):
            for finding in findings:
                if finding.region is None:
                    continue
                x0, y0, x1, y1 = finding.region
                assert finding.positive
                assert 0 <= x0 < x1 <= image.shape[1]
                assert 0 <= y0 < y1 <= image.shape[0]
                heat = encoding.activations[number][finding.label].heat_map()
                assert heat.shape == image.shape
                assert heat.dtype == np.float32
                assert 0 <= heat.min() < heat.max() <= 1

    def test_lateral_findings_are_masked_but_the_vector_is_there(self, encoder):
        frontal, lateral = encoder.encode([picture(0)] * 2, [View.PA, View.LATERAL]).findings
        assert any(finding.trained for finding in frontal) == bool(encoder.card.trained)
        assert tuple(finding.label for finding in lateral) == encoder.card.labels
        assert not any(finding.trained or finding.positive for finding in lateral)
        assert all(math.isnan(finding.probability) for finding in lateral)
        vectors = encoder.encode([picture(0)] * 2, [View.PA, View.LATERAL]).vectors
        np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-4)

    @pytest.mark.parametrize(
        ("image", "problem"),
        [
            (IMAGE.astype(np.float64), "dtype float64"),
            ((IMAGE * 255).astype(np.uint8), "dtype uint8"),
            (IMAGE[None], r"shape \[1, 97, 120\]"),
            (np.stack([IMAGE] * 3, axis=2), r"shape \[97, 120, 3\]"),
            (IMAGE[:1], r"shape \[1, 120\]"),
            (IMAGE[:0], r"shape \[0, 120\]"),
            (IMAGE * 255, "not in"),
            (IMAGE - 0.5, "not in"),
            (np.where(IMAGE > 0.9, np.float32("nan"), IMAGE), "NaN"),
            (np.where(IMAGE > 0.9, np.float32("inf"), IMAGE), "infinite"),
            (IMAGE.tolist(), "list"),
        ],
    )
    def test_a_wrong_image_is_named(self, encoder, image, problem):
        with pytest.raises(UsageError, match=problem) as caught:
            encoder.encode([IMAGE, image])
        assert "Image 2 of 2" in str(caught.value)

    def test_views_must_match_images(self, encoder):
        with pytest.raises(UsageError, match="2 images but 1 views"):
            encoder.encode([IMAGE, IMAGE], [View.PA])


class TestStarter(ImageEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls):
        return load_image_encoder("starter")


class TestHuggingFace(ImageEncoderContract):
    @pytest.fixture(scope="class", params=[save_vit, save_dinov2, save_clip, save_siglip])
    @classmethod
    def encoder(cls, request, tmp_path_factory):
        return load_image_encoder(f"hf:{request.param(tmp_path_factory.mktemp('model'))}")


class TestXrv(ImageEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, tmp_path_factory):
        import torch
        import torchxrayvision

        torch.manual_seed(0)
        path = tmp_path_factory.mktemp("xrv") / "random.safetensors"
        save_file(torchxrayvision.models.DenseNet(weights=None).state_dict(), path)
        return load_image_encoder("xrv:densenet121-res224-chex", weights=path)
