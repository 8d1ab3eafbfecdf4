"""What a review took: words changed, time to sign, and what became of the sentences."""

from review_support import Reader

from radrag.review.effort import effort_of
from radrag.review.values import Act, Reason

OPENED, SIGNED = "2026-01-01T00:00:00.000000+00:00", "2026-01-01T00:01:30.500000+00:00"


def test_a_draft_signed_as_it_is_took_no_words():
    reader = Reader()
    effort = effort_of(reader.accept_all(), OPENED, SIGNED)
    assert (effort.seconds, effort.edit_distance) == (90.5, 0)
    assert effort.decisions == {"pending": 0, "accepted": 4, "edited": 0, "rejected": 0, "added": 0}


def test_each_changed_dropped_and_added_word_counts():
    reader = Reader()
    reader.edit("d0", "There is a left pleural effusion.")  # one word more
    reader(Act.REJECT, item="d1", reason=Reason.NOT_SEEN)  # "There is a nodule." is five tokens
    reader.accept_all()
    reader.add("No pneumothorax.")  # three tokens
    assert effort_of(reader.review, OPENED, SIGNED).edit_distance == 1 + 5 + 3


def test_a_clock_set_back_or_an_opening_off_record_gives_no_time():
    review = Reader().accept_all()
    assert effort_of(review, SIGNED, OPENED).seconds is None
    assert effort_of(review, None, SIGNED).seconds is None
