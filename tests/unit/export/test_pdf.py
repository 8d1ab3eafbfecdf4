"""The PDF opens in other readers, has its fonts in it, marks what nobody signed, and loses no letter unseen."""

import io

import pypdf
import pytest
from export_support import SECRETS, SENDER, outgoing, study, with_sentences
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.domain import ReportState
from radrag.export.fonts import settable
from radrag.export.identity import without_identity
from radrag.export.outgoing import Outgoing, Sender
from radrag.export.pictures import pictures


def read(one):
    return pypdf.PdfReader(io.BytesIO(one.pdf), strict=True)


def words(one):
    """The text of all pages, white space as single blanks."""
    return " ".join(" ".join(page.extract_text() for page in read(one).pages).split())


def test_sentences_evidence_and_identity_are_on_the_pages(tmp_path):
    text = words(outgoing(ReportState.FINAL, tmp_path))
    assert "There is a small left pleural effusion." in text
    assert "[2] contradicts 0.40 · iu-xray:CXR2, findings: “No effusion.”" in text
    assert "Doe Jane Q" in text
    assert "FINAL. Signed by Dr. Ada Adams on 2026-03-02 11:30 UTC." in text


@pytest.mark.parametrize("state", list(ReportState))
def test_every_page_of_what_nobody_signed_is_marked_and_no_page_of_what_is(state):
    many = with_sentences(outgoing(state), *(f"Sentence number {number} of many." for number in range(200)))
    pages = [page.extract_text() for page in read(many).pages]
    assert len(pages) > 3
    marked = ["PRELIMINARY - UNVERIFIED" in page and page.count("PRELIMINARY") >= 2 for page in pages]
    assert all(marked) if not state.signed else not any(marked)


def test_pages_are_numbered_of_how_many():
    pages = read(with_sentences(outgoing(), *(f"Sentence number {number}." for number in range(200)))).pages
    assert [f"Page {number} of {len(pages)}" in page.extract_text() for number, page in enumerate(pages, 1)]


def test_all_fonts_are_embedded(tmp_path):
    fonts = {}
    for page in read(outgoing(folder=tmp_path)).pages:
        fonts |= {
            str(font.get_object()["/BaseFont"]): font.get_object() for font in page["/Resources"]["/Font"].values()
        }
    assert fonts
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts.values())


def test_language_title_and_time_are_told_and_no_patient(tmp_path):
    document = read(outgoing(ReportState.FINAL, tmp_path))
    assert document.root_object["/Lang"] == "en"
    assert document.metadata.title == "Chest radiograph report"
    assert document.metadata.author == SENDER.institution
    assert document.metadata.creation_date.isoformat() == "2026-03-02T11:30:00+00:00"
    assert not [secret for secret in SECRETS if secret in str(document.metadata)]


def test_the_same_report_gives_the_same_bytes(tmp_path):
    assert outgoing(folder=tmp_path).pdf == outgoing(folder=tmp_path).pdf


def test_images_are_shown_and_missing_ones_are_said_to_be_missing(tmp_path):
    assert len(list(read(outgoing(folder=tmp_path)).pages[0].images)) == 2
    without = outgoing(folder=tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    assert not list(read(without).pages[0].images)
    assert "PA: not available" in words(without)


def test_without_identity_no_image_is_shown_since_a_name_may_be_in_the_pixels(tmp_path):
    named = outgoing(folder=tmp_path)
    nobody = Outgoing.of(named.report, without_identity(named.draft.study), SENDER)
    assert not list(read(nobody).pages[0].images)
    assert "PA: not shown without identity" in words(nobody)


def test_a_place_is_framed_on_the_first_image_in_shares_of_its_sides(tmp_path):
    first, second = pictures(study(tmp_path), (("Mass", (24.0, 32.0, 48.0, 64.0)),))
    assert first.boxes == (("Mass", (0.25, 0.25, 0.5, 0.5)),)
    assert second.boxes == ()


def test_a_file_that_holds_another_image_now_is_not_shown(tmp_path):
    drafted = study(tmp_path)
    (tmp_path / "image0.dcm").write_bytes((tmp_path / "image1.dcm").read_bytes())
    assert [bool(one.jpeg) for one in pictures(drafted)] == [False, True]


def test_letter_paper():
    one = outgoing()
    page = read(Outgoing(one.report, one.identity, Sender(paper="Letter"))).pages[0]
    assert (float(page.mediabox.width), float(page.mediabox.height)) == (612, 792)


def test_letters_with_accents_greek_and_cyrillic_are_set_as_they_are():
    text = "Ödème léger ñ ř ő; Сердце не увеличено; Πνεύμονες καθαροί"
    assert settable(text) == text
    assert text in words(with_sentences(outgoing(), text))


def test_letters_that_cannot_be_set_become_code_points():
    assert settable("心臓 ok") == "[U+5FC3 U+81D3] ok"
    assert settable("قلب") == "[U+0642 U+0644 U+0628]"
    assert settable("🫁") == "[U+1FAC1]"
    assert settable("e\u0301") == "é"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=60), max_size=4))
def test_any_text_can_be_printed(texts):
    assert read(with_sentences(outgoing(), *texts)).pages


def test_markup_in_a_sentence_is_text():
    assert "<b>x</b> & <a href='y'>z</a>" in words(with_sentences(outgoing(), "<b>x</b> & <a href='y'>z</a>"))


@pytest.mark.parametrize("texts", [(), ("word " * 2000,), ("x" * 10_000,), tuple(f"Sentence {n}." for n in range(40))])
def test_empty_long_and_many_are_printed(texts):
    assert read(with_sentences(outgoing(), *texts)).pages
