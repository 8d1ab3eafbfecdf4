"""The gate for restricted data, and the ways around it that must be closed."""

from dataclasses import replace

import pytest
from store_support import sample_case

from radrag.domain import StudyImage, View
from radrag.errors import RestrictedData
from radrag.release import Destination, require_release
from radrag.store.repository import Store
from radrag.store.values import Arrival, CorpusInfo

SECRET = CorpusInfo("secret", restricted=True)
FREE = CorpusInfo("free")
OUT = [Destination.NETWORK, Destination.EXPORT]


def held(number, **values):
    """An image of which everything is known."""
    return replace(
        StudyImage(f"1.2.{number}", View.PA, 10, 10, f"/data/{number}.dcm"),
        **({"pixel_sha256": f"pixels{number}", "file_sha256": f"file{number}"} | values),
    )


def case(corpus, number, *, restricted):
    made, sentences = sample_case(number, corpus)
    image = held(number if corpus == "secret" else 1000 + number)
    return replace(made, restricted=restricted, images=(image,)), sentences


@pytest.fixture
def store():
    with Store.open("sqlite://") as opened:
        opened.add_cases([case("secret", n, restricted=True) for n in (1, 2)], corpus=SECRET)
        opened.add_cases([case("free", n, restricted=False) for n in (1, 2)], corpus=FREE)
        yield opened


def refused(store, destination=Destination.NETWORK, **what):
    with pytest.raises(RestrictedData) as error:
        require_release(store, destination, **what)
    message = f"{error.value} {error.value.hint}"
    assert "effusion" not in message.lower()
    assert "/data" not in message
    assert "patient" not in message
    return message


class TestCases:
    @pytest.mark.parametrize("destination", OUT)
    def test_a_restricted_case_goes_nowhere_and_is_named(self, store, destination):
        message = refused(store, destination, case_ids=["secret:00001"])
        assert "secret:00001" in message
        assert f"the destination is {destination.value}" in message

    @pytest.mark.parametrize("destination", OUT)
    def test_free_cases_go_anywhere(self, store, destination):
        require_release(store, destination, case_ids=["free:00001", "free:00002"], images=[held(1001)])
        require_release(store, destination)

    @pytest.mark.parametrize(
        "ids",
        [
            ["free:00001", "secret:00002"],
            ["secret:00002", "free:00001"],
            ["secret:00002", "secret:00002"],
            ["free:00001"] * 1200 + ["secret:00001"],
            [f"gone:{n}" for n in range(1200)] + ["secret:00001"],
        ],
    )
    def test_company_order_and_number_of_ids_change_nothing(self, store, ids):
        refused(store, case_ids=ids)
        refused(store, case_ids=iter(ids))

    def test_one_restricted_id_is_named_once_and_of_many_the_first_three(self, store):
        assert refused(store, case_ids=["secret:00002"] * 3).count("secret:00002") == 1
        store.add_cases([case("secret", n, restricted=True) for n in range(1, 7)], corpus=SECRET)
        message = refused(store, case_ids=[f"secret:{n:05d}" for n in range(1, 7)])
        assert "secret:00003 and 3 more" in message
        assert "secret:00004" not in message

    def test_local_use_is_free(self, store):
        require_release(store, Destination.LOCAL, case_ids=["secret:00001"], images=[held(1)])


class TestDestinations:
    @pytest.mark.parametrize(
        "destination", ["local", "Local", "LOCAL", "network", "", None, 0, False, type("Near", (str,), {})("local")]
    )
    def test_what_is_not_the_local_destination_itself_does_not_pass_for_it(self, store, destination):
        refused(store, destination, case_ids=["secret:00001"])

    def test_one_that_claims_to_equal_everything_does_not_pass_either(self, store):
        class Anything(str):
            __slots__ = ()
            __hash__ = str.__hash__

            def __eq__(self, other):
                return True

        refused(store, Anything("local"), case_ids=["secret:00001"])


class TestMarks:
    def test_the_mark_of_the_case_alone_holds(self, store):
        store.add_cases([case("free", 3, restricted=True)], corpus=FREE)
        refused(store, case_ids=["free:00003"])
        require_release(store, Destination.NETWORK, case_ids=["free:00001"])

    def test_the_mark_of_the_corpus_alone_holds(self, store):
        """Cases that were there before the corpus was marked are restricted, whatever they say."""
        store.begin_addition(replace(FREE, restricted=True))
        assert not store.case("free:00001").restricted
        refused(store, case_ids=["free:00001"])
        refused(store, images=[held(1001)])

    def test_adding_the_corpus_again_as_free_opens_nothing(self, store):
        again = [case("secret", n, restricted=False) for n in (1, 2, 3)]
        store.add_cases(again, corpus=replace(SECRET, restricted=False))
        assert store.corpora()[1].restricted
        for number in (1, 2, 3):
            refused(store, case_ids=[f"secret:{number:05d}"])
        store.begin_addition(replace(SECRET, restricted=False))
        store.finish_addition("secret", run="r")
        refused(store, case_ids=["secret:00001"])

    def test_adding_a_case_again_as_free_opens_nothing(self, store):
        made, sentences = case("free", 3, restricted=True)
        store.write_batch(FREE, [Arrival(made, sentences)], [], run="a")
        opened = replace(made, restricted=False)
        for _ in range(2):
            store.write_batch(FREE, [Arrival(opened, sentences)], [], run="b")
            store.write_batch(FREE, [Arrival(replace(opened, sex="F"), sentences)], [], run="b")
        assert store.case("free:00003") == replace(made, sex="F")
        assert store.verify_corpus("free") == []
        refused(store, case_ids=["free:00003"])

    def test_a_mark_that_comes_later_holds_from_then_on(self, store):
        require_release(store, Destination.EXPORT, case_ids=["free:00001"])
        store.add_cases([case("free", 1, restricted=True)], corpus=FREE)
        refused(store, Destination.EXPORT, case_ids=["free:00001"])

    def test_a_removed_corpus_stays_restricted_for_drafts_that_quote_it(self, store):
        store.remove_corpus("secret")
        refused(store, Destination.EXPORT, case_ids=["secret:00001"])
        refused(store, Destination.EXPORT, case_ids=["secret:never-seen"])
        require_release(store, Destination.NETWORK, case_ids=["free:00001", "free:never-seen"], images=[held(1)])

    def test_cases_added_under_other_terms_after_a_removal_are_judged_by_those(self, store):
        store.remove_corpus("secret")
        store.add_cases([case("secret", 1, restricted=False)], corpus=replace(SECRET, restricted=False))
        require_release(store, Destination.NETWORK, case_ids=["secret:00001"])


class TestImages:
    @pytest.mark.parametrize(
        "image",
        [
            held(1),
            held(1, sop_instance_uid="9.9", path="/elsewhere/x.png", file_sha256="other"),
            held(1, sop_instance_uid="9.9", path="/elsewhere/x.png", pixel_sha256="other"),
            held(1, path="", pixel_sha256="", file_sha256=""),
            held(1, sop_instance_uid="", path="", file_sha256=""),
        ],
        ids=["the same", "same pixels", "same file", "same UID", "pixels alone"],
    )
    @pytest.mark.parametrize("destination", OUT)
    def test_a_copy_is_known_by_uid_file_or_pixels_under_any_name(self, store, image, destination):
        assert "secret:00001" in refused(store, destination, images=[image])
        refused(store, destination, images=[held(77), image, held(1001)])
        refused(store, destination, images=iter([held(n) for n in range(100, 1000)] + [image]))

    def test_what_is_unknown_of_two_images_is_nothing_in_common(self, store):
        bare = StudyImage("", View.PA, 10, 10)
        made, sentences = case("secret", 3, restricted=True)
        store.add_cases([(replace(made, images=(bare,)), sentences)], corpus=SECRET)
        require_release(store, Destination.NETWORK, images=[bare, replace(bare, path="/data/1.dcm")])

    def test_an_image_that_a_free_corpus_has_too_stays_restricted(self, store):
        made, sentences = case("free", 3, restricted=False)
        store.add_cases([(replace(made, images=(held(1),)), sentences)], corpus=FREE)
        refused(store, images=[held(1)])
        refused(store, case_ids=["free:00003"], images=[held(1)])
