"""Cards are pure HTML: every text of others is escaped, and the highlight is the quote, to the letter."""

import re
from dataclasses import replace
from html import unescape

import pytest
import review_sample as sample
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import (
    DraftSentence,
    DraftWarning,
    EvidenceLink,
    Finding,
    Hit,
    Omission,
    Polarity,
    Relation,
    Severity,
    Side,
    Status,
)
from radrag.review.values import Decision, Item
from ui import cards, review_cards

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def link_to(text: str, start: int, end: int) -> EvidenceLink:
    return EvidenceLink("demo:1", "findings", 0, start, end, text[start:end], Relation.SUPPORTS, 0.5)


@given(st.text(min_size=1).flatmap(lambda t: st.tuples(st.just(t), st.integers(0, len(t) - 1), st.integers(1, len(t)))))
def test_the_highlight_is_the_quote_within_the_whole_section(drawn):
    text, start, length = drawn
    end = min(len(text), start + length)
    html = cards.highlighted(text, link_to(text, start, end))
    before, _, rest = html.partition("<mark>")
    quote, _, after = rest.partition("</mark>")
    assert [unescape(part) for part in (before, quote, after)] == [text[:start], text[start:end], text[end:]]
    assert "<" not in before + quote + after


@given(st.text())
def test_no_text_of_others_becomes_markup(text):
    hit = Hit(text, 1, 0.5, {text: (1, 0.5)}, text)
    link = EvidenceLink(text, text, 0, 0, max(1, len(text)), text, Relation.CONTRADICTS, 0.5)
    finding = Finding(text, location=text)
    sentence = DraftSentence(text, text, Status.PARTIAL, (finding,), (link,), (text,))
    pieces = [
        lambda t, s, f, h: review_cards.item_card(1, Item(t, t, t, s), focused=True, reasons={}),
        lambda t, s, f, h: review_cards.item_card(
            1, Item(t, t, t, s, Decision.REJECTED, reason=t, note=t or "x"), focused=True, reasons={t: t}
        ),
        lambda t, s, f, h: review_cards.preview_card(s),
        lambda t, s, f, h: review_cards.obstacles([t]),
        lambda t, s, f, h: review_cards.context(t or "x", {t: t}),
        lambda t, s, f, h: cards.focus_card(t, s),
        lambda t, s, f, h: cards.evidence_card(s.links[0], corpus=t, section_text=t, hit=h, picture=t),
        lambda t, s, f, h: cards.evidence_card(s.links[0], corpus=t, section_text=None, hit=None, picture=""),
        lambda t, s, f, h: cards.omission_row(Omission(t, t), focused=False),
        lambda t, s, f, h: cards.omission_focus_card(Omission(t, t)),
        lambda t, s, f, h: cards.warnings_card([DraftWarning(t, t)]),
        lambda t, s, f, h: cards.notice(t, t),
        lambda t, s, f, h: cards.section_title(t),
    ]
    plain = "x" * max(1, len(text))
    harmless = replace(sentence, section=plain, text=plain, image_findings=(plain,))
    harmless_link = replace(link, case_id=plain, section=plain, quote=plain)
    harmless = replace(harmless, links=(harmless_link,), findings=(Finding(plain, location=plain),))
    for piece in pieces:
        tags = re.findall(r"<[^>]*>", piece(text, sentence, finding, hit))
        expected = re.findall(r"<[^>]*>", piece(plain, harmless, None, Hit(plain, 1, 0.5, {plain: (1, 0.5)}, plain)))
        marks = {"<mark>", "</mark>", '<p class="rr-gone">', "</em>", "<em>", '<span class="rr-chip">'}
        assert [t for t in tags if t not in marks and "</" not in t] == [
            t for t in expected if t not in marks and "</" not in t
        ]


@pytest.mark.parametrize("status", Status)
def test_a_status_is_said_in_words_and_by_a_shape_of_its_own(status):
    html = cards.badge(status)
    assert cards.STATUS_WORDS[status] in html
    assert f"rr-icon-{status.value}" in html


def test_a_section_that_changed_since_drafting_is_never_marked_at_a_guess():
    link = sample.link("demo:1", "Heart size is normal.")
    changed = "X" + sample.NODULES
    assert cards.highlighted(changed, link) is None
    html = cards.evidence_card(link, corpus="demo", section_text=changed, hit=None, picture="")
    assert "has changed since drafting" in html
    assert "<mark>Heart size is normal.</mark>" in html
    assert "X" not in re.sub("<[^>]*>", "", html)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (5, 2), (0, 10_000)])
def test_offsets_outside_the_section_are_no_highlight(start, end):
    quote = sample.NODULES[start:end] if start >= 0 else ""
    link = EvidenceLink("demo:1", "findings", 0, start, end, quote, Relation.SUPPORTS, 1.0)
    assert cards.highlighted(sample.NODULES, link) is None


def test_an_evidence_card_tells_source_relation_strength_rank_and_channels():
    draft = sample.draft()
    html = cards.evidence_card(
        draft.sentences[0].links[0], corpus="demo", section_text=sample.NODULES, hit=draft.hits[0], picture=""
    )
    text = unescape(re.sub("<[^>]*>", " ", html))
    for words in ("Supports", "strength 0.97", "demo:1", "findings", "Case rank 1", "rank 2, score 0.913"):
        assert words in text
    assert "nearest by text" in text
    assert "image not held" in text


def test_a_case_of_a_removed_corpus_keeps_its_quote():
    html = cards.evidence_card(
        sample.link("demo:1", "Heart size is normal."), corpus="demo", section_text=None, hit=None, picture=""
    )
    assert "no longer held" in html
    assert "<mark>Heart size is normal.</mark>" in html
    assert "Not among the retrieved cases" in html


def test_only_a_png_data_uri_becomes_a_picture():
    link = sample.link("demo:1", "Heart size is normal.")
    shown = cards.evidence_card(
        link, corpus="demo", section_text=sample.NODULES, hit=None, picture="data:image/png;base64,AAAA"
    )
    refused = cards.evidence_card(
        link, corpus="demo", section_text=sample.NODULES, hit=None, picture="https://example.org/x.png"
    )
    assert '<img class="rr-thumb"' in shown
    assert "<img" not in refused
    assert "example.org" not in refused


def test_strength_of_not_a_number_draws_an_empty_bar():
    assert "width:0%" in cards.strength(float("nan"))
    assert "width:100%" in cards.strength(7.0)


def test_evidence_is_counted_by_report():
    draft = sample.draft()
    said = [cards.links_in_words(sentence.links) for sentence in draft.sentences]
    assert said == ["reports: 2 for", "reports: 2 against", "reports: 1 for", "no evidence"]
    first, second = draft.sentences[:2]
    assert cards.links_in_words(first.links + first.links + second.links) == "reports: 2 for, 2 against"


def test_a_status_is_explained_and_evidence_of_the_other_kind_is_not_hidden():
    supported, contradicted, partial, unsupported = sample.draft().sentences
    assert cards.meaning(supported) == "Retrieved reports say the same."
    assert "Read it against the image." in cards.meaning(unsupported)
    assert "some of it" in cards.meaning(partial)
    assert "Others" not in cards.meaning(contradicted)
    mixed = supported.links + contradicted.links
    assert "Others say the opposite" in cards.meaning(replace(supported, links=mixed))
    assert "Others agree" in cards.meaning(replace(contradicted, links=mixed))


def test_groups_of_links_count_sentences_and_reports():
    one, two = sample.draft().sentences[0].links
    assert "1 sentence of 1 report supports<" in cards.group_title(Relation.SUPPORTS, [one])
    assert "3 sentences of 2 reports contradict<" in cards.group_title(Relation.CONTRADICTS, [one, two, two])


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (Finding("edema"), "edema"),
        (Finding("effusion", Polarity.NEGATIVE), "no effusion"),
        (Finding("edema", Polarity.UNCERTAIN, Side.RIGHT, "base", Severity.MILD), "possible mild edema, right base"),
    ],
)
def test_findings_read_as_a_radiologist_says_them(finding, words):
    assert cards.finding_in_words(finding) == words


def test_the_focused_row_is_announced_and_others_are_not():
    item = Item("d0", "findings", "Clear.", sample.draft().sentences[0])
    assert 'aria-current="true"' in review_cards.item_card(1, item, focused=True, reasons={})
    assert "aria-current" not in review_cards.item_card(1, item, focused=False, reasons={})


def test_no_warnings_take_no_room():
    assert cards.warnings_card([]) == ""


def test_markup_in_a_report_is_shown_as_letters():
    sentence = DraftSentence("findings", MARKUP, Status.UNSUPPORTED)
    html = review_cards.item_card(1, Item("d0", "findings", MARKUP, sentence), focused=False, reasons={})
    assert "<script" not in html
    assert "<img" not in html
    assert MARKUP in unescape(html)
    assert cards.text(MARKUP) in html


def test_changed_words_are_told_from_kept_ones():
    html = review_cards.word_diff("There is no effusion.", "There is a small effusion.")
    assert html == "There is <del>no</del><ins>a small</ins> effusion."
