"""What readers do is kept at once, never lost between two of them, and cannot be altered unseen; on every database."""

import threading

import pytest
from sqlalchemy import text
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import sample_draft

from radrag.domain import DraftSentence, Role, Status
from radrag.errors import ReviewError, StoreError
from radrag.review.desk import Desk
from radrag.review.signoff import ATTESTATION
from radrag.review.values import Act, Reason
from radrag.store.repository import Store


def check(texts):
    """Stands for the checks against evidence: nothing supports what a reader writes."""
    return [DraftSentence(section, words, Status.UNSUPPORTED) for section, words in texts]


@pytest.fixture
def store(url):  # noqa: F811
    with Store.open(url, who="reader", origin="host") as opened:
        opened.save_draft(sample_draft())
        yield opened


def desk(store, who="adams", role=Role.READER):
    return Desk(store, store.draft("d1"), check, who=who, role=role)


def work(store, who="adams"):
    """Decide on everything, and add a sentence."""
    at = desk(store, who)
    review = at.review()
    first, *others = [item.key for item in review.items]
    review = at.act(review, Act.EDIT, item=first, text="There is no effusion.")
    for key in others:
        review = at.act(review, Act.REJECT, item=key, reason=Reason.NOT_SEEN)
    return at, at.act(review, Act.ADD, section="impression", text="No acute disease.")


def test_whoever_opens_the_draft_next_sees_what_was_decided(store):
    _, review = work(store)
    again = desk(store, "baker").review()
    assert again == review
    assert again.items[0].checked.status is Status.UNSUPPORTED
    assert again.items[-1].text == "No acute disease."


def test_a_signature_names_the_person_and_the_worklist_shows_it(store):
    at, review = work(store)
    assert store.drafts()[0].status == "preliminary"
    at.act(review, Act.SIGN, attestation=ATTESTATION)
    assert store.drafts()[0].status == "final"
    assert desk(store).review().signatures[0].who == "adams"
    assert store.audit_entries()[-1].who == "adams"


def test_two_readers_on_one_state_cannot_both_decide_and_nothing_is_lost(store):
    ours, theirs = desk(store, "adams"), desk(store, "baker")
    seen = ours.review()
    key = seen.items[0].key
    ours.act(seen, Act.ACCEPT, item=key)
    with pytest.raises(ReviewError) as error:
        theirs.act(seen, Act.REJECT, item=key, reason=Reason.NOT_SEEN)
    assert error.value.code == "changed"
    theirs.act(theirs.review(), Act.REOPEN, item=key)
    assert [event.who for event in store.review_events("d1")] == ["adams", "baker"]


def test_many_readers_at_once_leave_an_unbroken_line_of_events(store):
    done, refused = [], set()

    def decide(who):
        at = desk(store, who)
        for _ in range(5):
            try:
                review = at.review()
                at.act(review, Act.ACCEPT, item=review.items[0].key)
                done.append(who)
            except ReviewError as error:
                refused.add(error.code)

    threads = [threading.Thread(target=decide, args=(f"reader{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = [event.version for event in store.review_events("d1")]
    assert versions == list(range(1, len(done) + 1))
    assert refused <= {"changed"}
    assert store.verify_audit_log() == []
    assert store.altered_review_events() == []


def test_what_is_not_allowed_is_not_kept(store):
    at = desk(store, role=Role.TRAINEE)
    with pytest.raises(ReviewError):
        at.act(at.review(), Act.SIGN, attestation=ATTESTATION)
    assert store.review_events("d1") == []


def test_a_draft_that_is_gone_is_said_to_be(store):
    at = desk(store)
    review = at.review()
    with store._database.connection() as connection:
        connection.execute(text("DELETE FROM drafts"))
        connection.commit()
    with pytest.raises(StoreError, match="no draft"):
        at.act(review, Act.ACCEPT, item=review.items[0].key)


def test_the_record_of_an_act_says_by_what_the_draft_was_made_and_what_stood_before(store):
    work(store)
    entry = next(one for one in store.audit_entries() if one.what == "review.edit")
    assert entry.payload["encoder_name"] == store.draft("d1").provenance["encoder"]["name"]
    edit = store.review_events("d1")[0]
    assert edit.payload["before"] == {"text": store.draft("d1").sentences[0].text, "decision": "pending"}


def test_a_signature_keeps_what_the_review_took(store):
    store.record_opening("d1", "adams")
    assert store.first_opened("d1") == store.audit_entries()[-1].at
    at, review = work(store)
    at.act(review, Act.SIGN, attestation=ATTESTATION)
    effort = store.review_events("d1")[-1].payload["effort"]
    assert effort["seconds"] >= 0
    assert effort["edit_distance"] > 0


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE review_events SET who = 'someone else' WHERE position = 2",
        "UPDATE review_events SET payload = '{}' WHERE position = 2",
        "DELETE FROM review_events WHERE position = 2",
        "UPDATE review_events SET position = 99 WHERE position = 2",
    ],
)
def test_an_act_that_was_altered_outside_is_found(store, tampering):
    work(store)
    assert store.altered_review_events() == []
    with store._database.connection() as connection:
        connection.execute(text(tampering))
        connection.commit()
    assert ("d1", 2) in store.altered_review_events()
    assert store.verify_audit_log() == []  # the log itself is whole: it is what tells


def test_a_sentence_that_several_drafts_call_misleading_counts_once_and_can_be_trusted_again(store):
    at = desk(store)
    quoted = {"case_id": "c:1", "section": "findings", "sentence": 0}
    review = at.act(at.review(), Act.DISTRUST, **quoted)
    review = at.act(review, Act.DISTRUST, **{**quoted, "sentence": 1})
    assert store.misleading_sentences() == {"c:1": 2}
    at.act(review, Act.TRUST, **quoted)
    assert store.misleading_sentences() == {"c:1": 1}


def test_the_worklist_tells_urgent_findings_and_who_read_last(store):
    assert store.drafts(urgent=["Pneumothorax"])[0].reader == ""
    labels = {finding.label for one in store.draft("d1").sentences for finding in one.findings}
    work(store, "baker")
    (row,) = store.drafts(urgent=labels)
    assert row.reader == "baker"
    assert set(row.urgent) <= labels
