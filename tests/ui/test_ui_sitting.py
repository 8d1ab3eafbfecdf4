"""A reader's place in a draft and what each act does to it, without widgets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_support import LINK, checked, draft

from radrag.domain import DraftSentence, ImageFinding, Omission, Role, Status
from radrag.errors import StoreError, UsageError
from radrag.review.desk import Desk
from radrag.review.values import Act, Decision, Reason
from radrag.store.repository import Store
from ui.sitting import Mode, Sitting


def check(texts):
    return [DraftSentence(section, text, Status.UNSUPPORTED) for section, text in texts]


def reword(sentence, hint):
    if hint == "nonsense":
        raise UsageError("The hint does not say what the sentence is to say.")
    return f"{sentence.text} ({hint})"


@pytest.fixture
def store():
    with Store.open("sqlite://") as opened:
        yield opened


def sit(store, drafted=None, who="adams"):
    drafted = drafted or draft()
    store.save_draft(drafted)
    return Sitting(drafted, Desk(store, drafted, check, who=who, role=Role.READER), check=check, reword=reword)


def with_omissions(*labels):
    base = draft()
    omissions = tuple(Omission(label, "evidence agrees", (LINK,)) for label in labels)
    return type(base)(base.draft_id, base.study, base.sentences, omissions, (), (), ())


def decisions(sitting):
    return [item.decision for item in sitting.review.items]


def test_the_first_sentence_that_waits_is_in_focus(store):
    sitting = sit(store)
    assert sitting.focus == "d0"
    sitting.accept()
    assert sit(store).focus == "d1"


def test_a_decision_goes_on_to_the_next_that_waits_and_from_the_end_to_the_first(store):
    sitting = sit(store)
    sitting.go("d2")
    sitting.accept()
    assert sitting.focus == "d3"
    sitting.accept()
    assert sitting.focus == "d0"


def test_steps_stay_at_the_ends(store):
    sitting = sit(store, with_omissions("Nodule"))
    sitting.step(-1)
    assert sitting.focus == "d0"
    for _ in range(9):
        sitting.step(1)
    assert sitting.focus == "o0"
    assert sitting.omission.label == "Nodule"


def test_all_that_is_supported_is_accepted_together_and_nothing_else(store):
    sitting = sit(store)
    sitting.accept_supported()
    assert decisions(sitting) == [Decision.ACCEPTED, Decision.PENDING, Decision.ACCEPTED, Decision.ACCEPTED]
    assert sitting.focus == "d1"


def test_an_omission_is_added_once_as_a_sentence_of_the_findings(store):
    sitting = sit(store, with_omissions("Nodule", "Mass"))
    sitting.go("o0")
    sitting.accept()
    assert sitting.item.text == "There is a pulmonary nodule."
    assert sitting.item.source == "omission:Nodule"
    assert "o0" not in sitting.stops()
    assert "o1" in sitting.stops()


def test_an_added_sentence_stands_behind_the_one_in_focus(store):
    sitting = sit(store)
    sitting.go("d0")
    sitting.begin(Mode.ADD)
    sitting.add("findings", "  A line is in place. ")
    assert [item.text for item in sitting.review.items][1] == "A line is in place."
    assert sitting.mode is Mode.READ
    sitting.add("impression", "A line.")
    assert sitting.review.items[-1].text == "A line."


def test_a_hint_fills_the_editor_and_keeps_nothing(store):
    sitting = sit(store)
    sitting.begin(Mode.REWORD)
    turn = sitting.turn
    sitting.reword("left")
    assert (sitting.mode, sitting.proposal) == (Mode.EDIT, "There is a pleural effusion. (left)")
    assert sitting.turn > turn  # the editor is a fresh one
    assert sitting.preview.text == sitting.proposal
    assert sitting.review.version == 0


def test_a_hint_that_cannot_be_read_is_said_and_leaves_the_question_open(store):
    sitting = sit(store)
    sitting.begin(Mode.REWORD)
    sitting.reword("nonsense")
    assert "does not say" in sitting.complaint
    assert sitting.mode is Mode.REWORD


def test_words_that_are_not_taken_stay_in_the_editor(store):
    sitting = sit(store)
    sitting.begin(Mode.EDIT)
    turn = sitting.turn
    sitting.edit("   ")
    assert "needs words" in sitting.complaint
    assert (sitting.mode, sitting.turn) == (Mode.EDIT, turn)


def test_what_someone_else_decided_meanwhile_is_seen_and_said(store):
    ours, theirs = sit(store), sit(store, who="baker")
    theirs.reject(Reason.NOT_SEEN)
    ours.accept()
    assert "changed by someone else" in ours.complaint
    assert decisions(ours)[0] is Decision.REJECTED
    ours.go("d1")
    ours.accept()
    assert ours.complaint == ""


def test_a_database_that_cannot_be_written_loses_no_place(store, monkeypatch):
    sitting = sit(store)

    def locked(*_, **__):
        raise StoreError("The database is locked.", hint="Try again.")

    monkeypatch.setattr(store, "add_review_event", locked)
    sitting.accept()
    assert "locked" in sitting.complaint
    assert (sitting.focus, decisions(sitting)[0]) == ("d0", Decision.PENDING)
    monkeypatch.undo()
    sitting.accept()
    assert (sitting.complaint, decisions(sitting)[0]) == ("", Decision.ACCEPTED)


def test_regions_are_shown_one_after_another_and_then_none(store):
    base = draft(DraftSentence("findings", "Both.", Status.SUPPORTED, (), (LINK,), ("Mass", "Nodule", "Hernia")))
    findings = tuple(ImageFinding(label, 0.9, 0.5, region=(0, 0, 1, 1)) for label in ("Mass", "Nodule"))
    sitting = sit(store, type(base)(base.draft_id, base.study, base.sentences, (), (), findings, ()))
    shown = []
    for _ in range(4):
        sitting.locate()
        shown.append(sitting.located)
    assert shown == ["Mass", "Nodule", "", "Mass"]


def test_a_place_on_the_image_leads_to_the_sentence_that_speaks_of_it(store):
    sitting = sit(store, with_omissions("Mass"))
    sitting.go_to_finding("Nodule")
    assert sitting.focus == "d1"
    sitting.go_to_finding("Mass")
    assert sitting.focus == "o0"
    sitting.go_to_finding("Hernia")
    assert sitting.focus == "o0"


DOES = st.sampled_from(
    ["accept", "accept_supported", "reopen", "reject", "edit", "add", "up", "down", "next", "previous", "refresh"]
)


@given(st.lists(DOES, max_size=20))
@settings(max_examples=30, deadline=None)
def test_whatever_a_reader_does_the_focus_is_somewhere_and_the_store_holds_it_all(acts):
    with Store.open("sqlite://") as store:
        drafted = with_omissions("Nodule")
        sitting = sit(store, drafted)
        for act in acts:
            match act:
                case "reject":
                    sitting.reject(Reason.OTHER)
                case "edit":
                    sitting.edit("Other words.")
                case "add":
                    sitting.add("findings", "More words.")
                case "up" | "down":
                    sitting.move(-1 if act == "up" else 1)
                case "next" | "previous":
                    sitting.step(1 if act == "next" else -1)
                case _:
                    getattr(sitting, act)()
            assert sitting.focus in sitting.stops()
            assert sitting.focused is not None
        assert sit(store, drafted).review == sitting.review


def test_moving_keeps_a_sentence_in_its_section(store):
    sitting = sit(store)
    sitting.go("d2")
    sitting.move(1)  # the last of the findings
    assert [item.key for item in sitting.review.items] == ["d0", "d1", "d2", "d3"]
    sitting.move(-1)
    sitting.move(-1)
    assert [item.key for item in sitting.review.items] == ["d2", "d0", "d1", "d3"]
    assert store.review_events("d")[-1].act == Act.MOVE


def test_an_empty_draft_has_nothing_in_focus(store):
    empty = type(draft())("d", draft().study, (), (), (), (), ())
    sitting = sit(store, empty)
    assert (sitting.focus, sitting.focused) == ("", None)
    sitting.step(1)
    sitting.add("findings", "Clear.")
    assert sitting.item.text == "Clear."
    assert checked("x").status is Status.SUPPORTED
