"""Images of queries: encoded once, read from the cache afterwards, refusals kept apart."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image

from radrag.domain import ImageFinding, View
from radrag.encoders.base import ImageEncoding
from radrag.encoders.starter import StarterEncoder
from radrag.evaluation.encoding import encode_images
from radrag.evaluation.manifest import ManifestRow


@dataclass
class Encoder:
    """Counts the images that it sees; knows nothing of lateral ones."""

    card: object = field(default_factory=lambda: replace(StarterEncoder.card_of(), dimension=2))
    seen: int = 0

    def encode(self, images, views):
        self.seen += len(images)
        findings = tuple(
            (ImageFinding("Edema", float("nan") if view is View.LATERAL else 0.25, 0.5, view is not View.LATERAL),)
            for view in views
        )
        return ImageEncoding(np.tile(np.float32([0.6, 0.8]), (len(images), 1)), None, findings)


@pytest.fixture
def rows(tmp_path):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (300, 280), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return [ManifestRow(number, tmp_path / f"{number}.png", view=View.PA) for number in range(3)]


def encode(rows, encoder, tmp_path):
    steps = []
    found = encode_images(rows, encoder, tmp_path / "cache", salt="s", progress=steps.append)
    assert sum(steps) == len([row for row in rows if row.image])
    return found


def test_an_image_is_encoded_once_and_comes_back_the_same(rows, tmp_path):
    first, again = Encoder(), Encoder()
    fresh, _ = encode(rows, first, tmp_path)
    kept, _ = encode(rows, again, tmp_path)
    assert (first.seen, again.seen) == (3, 0)
    for line, image in fresh.items():
        assert kept[line].findings == image.findings
        assert kept[line].vector.tobytes() == image.vector.tobytes()
        assert (kept[line].view, kept[line].file_sha256) == (View.PA, image.file_sha256)


def test_other_weights_another_view_or_another_file_is_encoded_anew(rows, tmp_path):
    encode(rows, Encoder(), tmp_path)
    retrained = Encoder(replace(Encoder().card, sha256="0" * 64))
    encode(rows, retrained, tmp_path)
    assert retrained.seen == 3
    turned = Encoder()
    lateral, _ = encode([replace(rows[0], view=View.LATERAL)], turned, tmp_path)
    assert turned.seen == 1
    assert not lateral[0].findings[0].trained
    Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (256, 1))).save(rows[0].image)
    changed = Encoder()
    encode(rows, changed, tmp_path)
    assert changed.seen == 1


def test_a_damaged_cache_file_is_made_again(rows, tmp_path):
    encode(rows, Encoder(), tmp_path)
    for path in (tmp_path / "cache").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    again = Encoder()
    encode(rows, again, tmp_path)
    assert again.seen == 3


def test_a_missing_or_unreadable_file_is_refused_and_the_others_go_on(rows, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    lost = [ManifestRow(8, tmp_path / "gone.png"), ManifestRow(9, tmp_path / "text.png"), ManifestRow(10, None)]
    encoded, refused = encode([*rows, *lost], Encoder(), tmp_path)
    assert set(encoded) == {0, 1, 2}
    assert {line: refusal.code for line, refusal in refused.items()} == {8: "not_found", 9: "not_an_image"}
