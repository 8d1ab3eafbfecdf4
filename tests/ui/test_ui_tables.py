"""Tables of the review screen: image findings, study line, provenance."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import review_sample as sample

from radrag.domain import ImageFinding, Study
from ui import tables, when


def text_of(html):
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]*>", " ", html)))


def test_image_findings_come_highest_first_and_untrained_ones_last_without_a_number():
    findings = [
        ImageFinding("Fracture", float("nan"), 0.5, trained=False),
        ImageFinding("Edema", 0.1, 0.5),
        ImageFinding("Nodule <b>", 0.9, 0.5),
    ]
    text = text_of(tables.image_findings_table(findings))
    assert text.index("Nodule <b>") < text.index("Edema") < text.index("Fracture")
    assert "not trained for this label" in text
    assert "nan" not in text
    assert text.count("positive") == 1


def test_no_image_findings_are_said():
    assert "no findings" in tables.image_findings_table([])


def test_a_threshold_of_not_a_number_draws_no_tick_far_away():
    assert "left:0%" in tables.image_findings_table([ImageFinding("Edema", 0.2, float("nan"))])


def test_the_study_line_shows_the_short_key_and_no_empty_facts():
    draft = sample.draft()
    line = text_of(tables.study_line(draft, age_of_draft="2 h ago"))
    assert "a1b2c3d4" in line
    assert "a1b2c3d4e5" not in line
    assert "F 61 y" in line
    assert "cough <4 weeks>" in line
    bare = replace(draft, study=Study("2.25.3", ()))
    assert text_of(tables.study_line(bare, age_of_draft="")).split() == ["Patient", "unknown"]


def test_the_caption_says_view_size_and_that_it_is_preliminary():
    image = sample.draft().study.images[0]
    caption = text_of(tables.image_caption(image, hint=True))
    for words in ("PA", "1841 × 1955", "PRELIMINARY — research use", "scroll to zoom"):
        assert words in caption
    assert "scroll" not in tables.image_caption(image, hint=False)


def test_provenance_is_flat_and_escaped():
    values = {"a": {"b": {"c": 1}}, "list": ["x", "<y>"], "none": None}
    assert tables.flat(values) == [("a.b.c", "1"), ("list", "x, <y>"), ("none", "None")]
    assert "<y>" not in tables.provenance_table(values)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=30), "just now"),
        (timedelta(seconds=-30), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=2, hours=1), "2 days ago"),
    ],
)
def test_ages_are_said_in_the_largest_fitting_unit(passed, words):
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert when.ago((now - passed).isoformat(), now) == words


def test_what_is_no_time_has_no_age():
    assert when.ago("yesterday", datetime.now(UTC)) == ""
    assert when.instant("2026-01-05T10:00:00") == datetime(2026, 1, 5, 10, tzinfo=UTC)
