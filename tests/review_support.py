"""Small drafts and events for tests of the review."""

from radrag.domain import Draft, DraftSentence, EvidenceLink, Finding, Relation, Role, Status, Study
from radrag.review.decisions import apply as apply_event
from radrag.review.decisions import begin
from radrag.review.signoff import ATTESTATION
from radrag.review.values import Act, sentence_to_plain
from radrag.store.values import ReviewEvent

LINK = EvidenceLink("c:1", "findings", 0, 0, 9, "Effusion.", Relation.SUPPORTS, 0.9)


def checked(text, *labels, section="findings", status=Status.SUPPORTED):
    """A checked sentence that states findings."""
    links = (LINK,) if status is Status.SUPPORTED else ()
    return DraftSentence(section, text, status, tuple(Finding(label) for label in labels), links)


def draft(*sentences):
    """A draft of an empty study; without arguments, of four sentences of which one is unsupported."""
    given = sentences or (
        checked("There is a pleural effusion.", "Pleural Effusion"),
        checked("There is a nodule.", "Nodule", status=Status.UNSUPPORTED),
        checked("Heart size is normal."),
        checked("Pleural effusion.", "Pleural Effusion", section="impression"),
    )
    return Draft("d", Study("1", ()), tuple(given), (), (), (), ())


def event(review, act, *, role=Role.READER, who="adams", **payload):
    """The next event of a review."""
    return ReviewEvent(
        review.version + 1, f"2026-01-01T00:00:{review.version:02d}.000000+00:00", who, role, act, payload
    )


class Reader:
    """Carries events out one after another; ``review`` is where they lead."""

    def __init__(self, *sentences, role=Role.READER):
        self.draft = draft(*sentences)
        self.review = begin(self.draft)
        self.role = role
        self.events = []

    def __call__(self, act, **payload):
        done = event(self.review, act, **{"role": self.role, **payload})
        self.review = apply_event(self.review, done)
        self.events.append(done)
        return self.review

    def edit(self, item, text, *labels):
        section = next(one.section for one in self.review.items if one.key == item)
        return self(Act.EDIT, item=item, text=text, checked=sentence_to_plain(checked(text, *labels, section=section)))

    def add(self, text, *labels, section="findings", **payload):
        plain = sentence_to_plain(checked(text, *labels, section=section, status=Status.UNSUPPORTED))
        return self(Act.ADD, section=section, text=text, checked=plain, **payload)

    def accept_all(self):
        for item in self.review.pending:
            self(Act.ACCEPT, item=item.key)
        return self.review

    def sign(self, **payload):
        return self(Act.SIGN, **{"attestation": ATTESTATION, **payload})

    def item(self, key):
        return next(item for item in self.review.items if item.key == key)
