"""A reader decides on every sentence by itself; nothing is decided by default, and nothing already decided is lost."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_support import Reader, checked, draft, event

from radrag.domain import ReportState, Status
from radrag.errors import ReviewError
from radrag.review.decisions import LONGEST, apply, begin, bulk_acceptable, replay
from radrag.review.signoff import ATTESTATION
from radrag.review.values import Act, Decision, Reason, sentence_from_plain, sentence_to_plain


def refused(code, call, *arguments, **payload):
    with pytest.raises(ReviewError) as error:
        call(*arguments, **payload)
    assert error.value.code == code


def test_a_new_review_decides_nothing_and_makes_no_report():
    review = begin(draft())
    assert len(review.pending) == 4
    assert review.text() == {}


def test_what_is_accepted_edited_and_added_makes_the_report_and_what_is_rejected_does_not():
    reader = Reader()
    reader(Act.ACCEPT, item="d0")
    reader(Act.REJECT, item="d1", reason=Reason.NOT_SEEN)
    reader.edit("d2", "The heart is enlarged.", "Cardiomegaly")
    reader.add("Old rib fracture.", "Fracture")
    assert reader.review.text() == {"findings": "There is a pleural effusion. The heart is enlarged. Old rib fracture."}
    assert [item.decision.value for item in reader.review.items] == [
        "accepted", "rejected", "edited", "added", "pending",
    ]  # fmt: skip


def test_an_edited_sentence_carries_what_the_evidence_says_of_its_new_words():
    reader = Reader()
    reader.edit("d1", "There is a pleural effusion.", "Pleural Effusion")
    assert reader.item("d1").checked.status is Status.SUPPORTED
    assert reader.item("d1").drafted == "There is a nodule."


def test_an_edit_back_to_the_drafts_words_is_an_acceptance():
    reader = Reader()
    reader.edit("d2", "The heart is enlarged.", "Cardiomegaly")
    reader.edit("d2", "Heart size is normal.")
    assert reader.item("d2").decision is Decision.ACCEPTED


def test_a_decision_can_be_taken_back():
    reader = Reader()
    reader(Act.REJECT, item="d0", reason=Reason.OTHER, note="blurred")
    reader(Act.REOPEN, item="d0")
    assert (reader.item("d0").decision, reader.item("d0").reason) == (Decision.PENDING, "")


def test_an_edited_sentence_that_was_rejected_and_is_accepted_again_keeps_the_readers_words():
    reader = Reader()
    reader.edit("d2", "The heart is enlarged.", "Cardiomegaly")
    reader(Act.REJECT, item="d2", reason=Reason.OTHER)
    reader(Act.ACCEPT, item="d2")
    assert (reader.item("d2").decision, reader.item("d2").text) == (Decision.EDITED, "The heart is enlarged.")


def test_together_only_fully_supported_sentences_are_accepted():
    reader = Reader()
    assert [item.key for item in bulk_acceptable(reader.review)] == ["d0", "d2", "d3"]
    refused("not_in_bulk", reader, Act.ACCEPT, items=["d0", "d1"])
    assert len(reader.review.pending) == 4  # nothing of it was done
    reader(Act.ACCEPT, items=["d0", "d2", "d3"])
    assert [item.key for item in reader.review.pending] == ["d1"]
    refused("not_in_bulk", reader, Act.ACCEPT, items=["d0"])  # decided already


@pytest.mark.parametrize("section", ["findings", "impression"])
def test_a_sentence_is_added_behind_another_or_at_the_end_of_its_section(section):
    reader = Reader()
    reader.add("One.", section=section)
    assert [item.section for item in reader.review.items] == sorted(item.section for item in reader.review.items)
    reader.add("Two.", after="d0", source="omission:Edema")
    assert [item.key for item in reader.review.items][:2] == ["d0", "a2"]
    assert reader.item("a2").source == "omission:Edema"


def test_sentences_are_moved_within_their_section_only():
    reader = Reader()
    reader(Act.MOVE, item="d2", after="")
    assert [item.key for item in reader.review.items] == ["d2", "d0", "d1", "d3"]
    reader(Act.MOVE, item="d2", after="d0")
    assert [item.key for item in reader.review.items] == ["d0", "d2", "d1", "d3"]
    refused("no_such_sentence", reader, Act.MOVE, item="d2", after="d3")
    refused("no_such_sentence", reader, Act.MOVE, item="d2", after="d2")


def test_what_cannot_be_meant_is_refused_with_its_code():
    reader = Reader()
    refused("no_such_sentence", reader, Act.ACCEPT, item="d9")
    refused("no_reason", reader, Act.REJECT, item="d0")
    refused("no_reason", reader, Act.REJECT, item="d0", reason="because")
    refused("no_text", reader.edit, "d0", "   ")
    refused("no_text", reader.edit, "d0", "x" * (LONGEST + 1))
    refused("no_text", reader, Act.EDIT, item="d0", text="A.", checked=sentence_to_plain(checked("B.")))
    refused("no_text", reader.add, "Elsewhere.", section="history")
    refused("no_such_sentence", reader.add, "Here.", section="impression", after="d0")
    assert reader.review == begin(reader.draft)


def test_two_readers_who_decide_on_the_same_state_collide_and_the_second_is_told():
    first = event(begin(draft()), Act.ACCEPT, item="d0")
    second = event(begin(draft()), Act.REJECT, item="d0", reason=Reason.NOT_SEEN)
    review = apply(begin(draft()), first)
    with pytest.raises(ReviewError) as error:
        apply(review, second)
    assert error.value.code == "changed"


def test_a_checked_sentence_comes_back_from_plain_values_as_it_was():
    sentence = draft().sentences[0]
    assert sentence_from_plain(sentence_to_plain(sentence)) == sentence


TEXT = st.text(alphabet="abc .\u0627\U0001f600", max_size=20)
KEYS = st.sampled_from(["d0", "d1", "d2", "d3", "a1", "a2", "a5", "nonsense", ""])
ACTS = st.tuples(st.sampled_from(list(Act)), KEYS, KEYS, TEXT, st.sampled_from(["findings", "impression", "x"]))


@given(st.lists(ACTS, max_size=25))
@settings(max_examples=200, deadline=None)
def test_any_acts_end_in_a_review_that_its_events_alone_give_again(acts):
    reader = Reader(checked("One."), checked("Two.", status=Status.PARTIAL), checked("Three.", section="impression"))
    signed = None
    for act, item, after, text, section in acts:
        payload = {
            "item": item, "after": after, "text": text, "section": section, "reason": Reason.OTHER,
            "attestation": ATTESTATION, "sentences": [sentence_to_plain(checked(text))], "label": "Pneumothorax",
            "to": text, "how": text,
            "checked": sentence_to_plain(checked(text, section=section)), "case_id": text, "sentence": 0,
        }  # fmt: skip
        with contextlib.suppress(ReviewError):
            reader(act, **payload)
        if signed is not None:
            assert reader.review.items == signed  # a signed report's sentences never change
        elif reader.review.state.signed:
            signed = reader.review.items
    review = reader.review
    assert replay(reader.draft, reader.events) == review
    assert review.version == len(reader.events)
    keys = [one.key for one in review.items]
    assert len(keys) == len(set(keys))
    assert [one.section for one in review.items] == sorted(one.section for one in review.items)
    if review.state in (ReportState.FINAL, ReportState.ADDENDED):
        assert review.signatures[-1].text == review.text()
        assert not review.pending
