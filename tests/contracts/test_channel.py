"""What every Channel must do; an implementation subclasses ChannelContract and says how one is made."""

import numpy as np
import pytest
from tiny_alignments import tiny_alignment

from radrag.corpus.catalogue import CatalogueBuilder
from radrag.corpus.lexical import LexicalIndex
from radrag.domain import Case
from radrag.index.cases import part_id
from radrag.index.exact_index import ExactIndex
from radrag.reports.vocabulary import NAMES
from radrag.retrieval.channels.findings import FindingsChannel
from radrag.retrieval.channels.image import ImageChannel
from radrag.retrieval.channels.lexical import LexicalChannel
from radrag.retrieval.channels.profile import ProfileChannel
from radrag.retrieval.channels.shared import SharedChannel
from radrag.retrieval.channels.text import TextChannel
from radrag.retrieval.query import Query

CASES = 60
LABELS = ("Mass", "Edema", "Pleural Effusion", "Hernia")
WORDS = ("effusion", "mass", "edema", "hernia", "left", "right")


def catalogue():
    """Return cases whose ids are in another order than their rows, many of them alike."""
    random = np.random.default_rng(0)
    builder = CatalogueBuilder()
    for number in random.permutation(CASES):
        labels = {name: 1.0 for name in LABELS if random.random() < 0.4} or {"No Finding": 1.0}
        builder.add(Case(f"c:{number:02d}", "c", f"p{number}", (), {}), labels, [str(number)])
    return builder.catalogue()


def few_vectors(count):
    """Return unit vectors of which many are the same."""
    directions = np.random.default_rng(1).standard_normal((count // 4, 8)).astype(np.float32)
    vectors = directions[np.arange(count) % len(directions)]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def cases():
    return catalogue()


class Encoder:
    """Gives every text the same vector."""

    def encode(self, texts):
        return np.tile(few_vectors(8)[:1], (len(texts), 1))


class ChannelContract:
    query: Query

    def made(self, cases):
        raise NotImplementedError

    @pytest.fixture
    def channel(self, cases):
        return self.made(cases)

    def test_it_has_a_name_of_its_own(self, channel):
        assert channel.name == self.name

    def test_the_best_come_first_and_equal_ones_by_id(self, channel, cases):
        found = channel.search(self.query, CASES)
        order = [(-round(score, 6), cases.ids[row]) for row, score in zip(found.rows, found.scores, strict=True)]
        assert order == sorted(order)
        assert len(set(found.rows.tolist())) == len(found) > 10
        assert found.scores.max() <= 1.00001

    @pytest.mark.parametrize("k", [1, 7, 30])
    def test_fewer_are_the_first_of_more_and_what_is_not_allowed_is_never_found(self, channel, k):
        everything = channel.search(self.query, 2 * CASES)
        assert channel.search(self.query, k).rows.tolist() == everything.rows.tolist()[:k]
        allowed = np.random.default_rng(k).random(CASES) < 0.3
        wanted = [row for row in everything.rows.tolist() if allowed[row]]
        assert channel.search(self.query, k, allowed).rows.tolist() == wanted[:k]
        assert not len(channel.search(self.query, k, np.zeros(CASES, dtype=bool)))

    def test_a_query_with_nothing_for_it_finds_nothing(self, channel):
        assert not len(channel.search(Query({}, ""), 5))


class TestFindingsChannel(ChannelContract):
    name = "labels"
    query = Query({}, "", probabilities=dict.fromkeys(NAMES[:14], 0.05) | {"Mass": 0.8, "Edema": 0.3}, normal=0.1)

    def made(self, cases):
        return FindingsChannel(cases)


class TestProfileChannel(ChannelContract):
    name = "profile"
    query = TestFindingsChannel.query

    def made(self, cases):
        return ProfileChannel(cases)


class TestLexicalChannel(ChannelContract):
    name = "lexical"
    query = Query({}, "left effusion, no hernia")

    def made(self, cases):
        random = np.random.default_rng(2)
        terms = [[word for word in WORDS if random.random() < 0.5] for _ in cases]
        return LexicalChannel(LexicalIndex.build(terms), cases)

    def test_cases_without_a_shared_word_are_not_found(self, channel):
        assert not len(channel.search(Query({}, "scoliosis"), 5))


class TestTextChannel(ChannelContract):
    name = "text"
    query = Query({}, "left effusion")

    def made(self, cases):
        index = ExactIndex(8)
        index.add(cases.ids, few_vectors(len(cases)))
        return TextChannel(index, Encoder(), cases)


class TestImageChannel(ChannelContract):
    name = "image"
    query = Query({}, "", image=few_vectors(8)[0])

    def made(self, cases):
        index = ExactIndex(8)
        names = [part_id(name, str(part)) for name in cases.ids for part in range(2)]
        index.add(names, few_vectors(2 * len(cases)))
        return ImageChannel(index, cases)

    def test_cases_without_an_image_are_not_found(self, cases):
        index = ExactIndex(8)
        index.add([part_id(name, "0") for name in cases.ids[:5]], few_vectors(8)[:5])
        assert sorted(ImageChannel(index, cases).search(self.query, CASES).rows.tolist()) == [0, 1, 2, 3, 4]


class TestSharedChannel(ChannelContract):
    """An image asks for reports."""

    name = "shared"
    query = Query({}, "", image=few_vectors(8)[0], probabilities={"Pleural Effusion": 0.8})

    def made(self, cases):
        alignment = tiny_alignment()
        reports, images = ExactIndex(6), ExactIndex(6)
        reports.add(cases.ids, alignment.text_vectors(few_vectors(len(cases))))
        names = [part_id(name, str(part)) for name in cases.ids for part in range(2)]
        images.add(names, alignment.image_vectors(few_vectors(2 * len(cases)), [{}] * len(names)))
        return SharedChannel(reports, images, alignment, Encoder(), cases)


class TestSharedChannelForWords(TestSharedChannel):
    """Words ask for images."""

    query = Query({}, "left effusion")

    def test_where_no_images_are_held_words_find_nothing(self, cases):
        alignment = tiny_alignment()
        reports = ExactIndex(6)
        reports.add(cases.ids, alignment.text_vectors(few_vectors(len(cases))))
        assert not len(SharedChannel(reports, None, alignment, Encoder(), cases).search(self.query, 5))
