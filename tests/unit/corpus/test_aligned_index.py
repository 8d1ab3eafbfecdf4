"""An index with an alignment: images find reports in it, it keeps what it was built with, and fits its encoders."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import image_finding, sentence
from PIL import Image
from tiny_alignments import LOOKS, tiny_alignment

from radrag.cli.index import build
from radrag.corpus.building import build_snapshot, drop_corpus
from radrag.corpus.snapshot import ALIGNMENT, SHARED, SHARED_IMAGES, current_index, encoder_identity, load_snapshot
from radrag.domain import Case, StudyImage, View
from radrag.encoders.base import ImageEncoding, unit_rows
from radrag.errors import UsageError, WeightsError
from radrag.index.manifest import verify_content
from radrag.retrieval.engine import Retriever
from radrag.retrieval.query import Query, query_from_image
from radrag.settings import load_settings
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo

TEXTS = ("Heart size is normal.", "Small left effusion.", "No pneumothorax.")


class Reader:
    """A text encoder of eight numbers from a text's checksum."""

    card = replace(LOOKS, name="reader", task="text-encoder")

    def encode(self, texts):
        sums = [list(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        return unit_rows(np.array(sums, np.float32).reshape(-1, 8) - 128)


class Looks:
    """An image encoder that sees how bright an image is."""

    card = LOOKS

    def encode(self, images, views=None):
        vectors = unit_rows(np.array([[image.mean(), 1, 2, 3, 4, 5, 6, 7] for image in images], np.float32))
        return ImageEncoding(vectors, None, ((image_finding("Pleural Effusion", 0.7),),) * len(images))


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(path)
    film = StudyImage("", View.PA, 64, 64, path=str(path))
    with Store.open("sqlite://") as opened:
        for corpus in ("kept", "gone"):
            cases = []
            for number, text in enumerate(TEXTS):
                case_id = f"{corpus}:{number}"
                images = (film,) if number == 1 else ()
                case = Case(case_id, corpus, f"patient-{case_id}", images, {"findings": text})
                cases.append((case, [sentence(text, case=case_id)]))
            opened.add_cases(cases, corpus=CorpusInfo(corpus))
        yield opened


def built(store, folder, **changes):
    given = {"image_encoder": Looks(), "alignment": tiny_alignment(Reader.card)} | changes
    build_snapshot(store, Reader(), folder, **given)
    return load_snapshot(current_index(folder))


def test_an_image_finds_every_report_and_words_find_images(store, tmp_path):
    snapshot = built(store, tmp_path / "indexes")
    channel = {one.name: one for one in Retriever(snapshot, Reader()).channels}["shared"]
    looked = query_from_image((image_finding("Pleural Effusion", 0.7),), vector=unit_rows(np.ones((1, 8)))[0])
    assert len(channel.search(looked, 10)) == 6
    found = channel.search(Query({}, "small effusion"), 10)
    assert {snapshot.cases.ids[row] for row in found.rows.tolist()} == {"kept:1", "gone:1"}
    assert dict(snapshot.manifest.image_encoder) == encoder_identity(Looks())


def test_it_explains_hits_and_orders_them_only_where_it_has_a_weight(store, tmp_path):
    retriever = Retriever(built(store, tmp_path / "indexes"), Reader())
    looked = query_from_image((image_finding("Pleural Effusion", 0.7),), vector=unit_rows(np.ones((1, 8)))[0])
    assert "shared" in retriever.rankings(looked, 3)
    assert all("shared" not in hit.channels for hit in retriever.search(looked, 3))


def test_what_is_dropped_leaves_both_of_its_parts_and_the_alignment_stays(store, tmp_path):
    folder = tmp_path / "indexes"
    before = built(store, folder)
    assert drop_corpus(store, folder, "gone") == 1
    after = load_snapshot(current_index(folder))
    assert {SHARED: len(after.vectors[SHARED]), SHARED_IMAGES: len(after.vectors[SHARED_IMAGES])} == {
        SHARED: 3,
        SHARED_IMAGES: 1,
    }
    assert after.alignment.card == before.alignment.card
    verify_content(current_index(folder))


def test_the_same_alignment_gives_the_same_index_and_a_damaged_one_is_found(store, tmp_path):
    folder = tmp_path / "indexes"
    assert built(store, folder).manifest.index_id == built(store, folder).manifest.index_id
    weights = current_index(folder) / ALIGNMENT / "align.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(WeightsError):
        load_snapshot(current_index(folder))


def test_other_encoders_and_none_are_refused(store, tmp_path):
    with pytest.raises(WeightsError, match="learned behind"):
        built(store, tmp_path, alignment=tiny_alignment(replace(Reader.card, version="2")))
    with pytest.raises(UsageError, match="needs its image encoder"):
        built(store, tmp_path, image_encoder=None)


def test_the_command_refuses_an_alignment_without_images(tmp_path):
    found = CliRunner().invoke(
        build, ["--alignment", str(tmp_path), "--no-images"], obj=load_settings(workspace=tmp_path)
    )
    assert isinstance(found.exception, UsageError)
