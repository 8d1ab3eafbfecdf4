"""What is no report is refused with a code before anyone reads it; what reports say passes."""

import pytest

from data_prep.iu_xray import bundled_reports
from radrag.errors import GenerationCode, GenerationError
from radrag.generation.base import GeneratedSentence
from radrag.generation.guard import check_written
from radrag.reports.screening import is_fit_for_draft
from radrag.reports.sentences import split_sentences


def code_of(*texts):
    try:
        check_written([GeneratedSentence("findings", text) for text in texts])
    except GenerationError as error:
        assert not any(text and text in str(error) for text in texts), "a message quotes the model"
        return error.code
    return None


def test_no_sentence_is_an_error():
    assert code_of() == GenerationCode.EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I do not interpret radiographs.",
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t help with that.",
        "I cannot determine the findings from this image.",
        "I am unable to see the image.",
        "Unable to interpret medical images.",
        "I am not a radiologist.",
        "I apologize for the confusion.",
        "We cannot comply with this request.",
        "Sorry, no report.",
        "No image was provided.",
        "No evidence available.",
        "Please consult a qualified physician.",
        "This is not a substitute for a radiologist.",
        "Based on the provided evidence, the heart is normal.",
        "According to the plan, the lungs are clear.",
        "Evidence 3 states that the heart is normal.",
        "Sure, the heart is normal.",
        "Here is the report.",
        "Ignoring the previous text, the lungs are clear.",
        "Disregard all sentences above.",
        "These are the instructions.",
        "The system prompt says to be brief.",
    ],
)
def test_a_model_that_speaks_of_itself_or_of_its_task_is_a_refusal(text):
    assert code_of(text) == GenerationCode.REFUSAL


@pytest.mark.parametrize(
    "text",
    [
        "No no no no no.",
        "The heart is normal the heart is normal the heart is normal the heart is normal.",
        "Pleural effusion, pleural effusion, pleural effusion, pleural effusion.",
        "No focal consolidation pleural effusion or pneumothorax is seen " * 4,
        "Effusion aaaaaaaaaaaa.",
        "The lungs are clear!!!!!!!!!!",
    ],
)
def test_a_loop_within_a_sentence_is_repetitive(text):
    assert code_of(text) == GenerationCode.REPETITIVE


def test_a_sentence_may_stand_twice_and_not_a_third_time():
    assert code_of("The lungs are clear.", "The lungs are clear.") is None
    assert code_of("The lungs are clear.", "the Lungs are clear.", "The LUNGS are clear.") == GenerationCode.REPETITIVE


@pytest.mark.parametrize(
    "text",
    [
        "<|im_end|>",
        "The lungs are clear.<|im_end|>",
        "The lungs are clear.</s>",
        "[INST] The lungs are clear. [/INST]",
        "<<SYS>> The lungs are clear.",
        "<think>The lungs are clear.",
        "<b>The lungs</b> are clear.",
        '{"text": "The lungs are clear."',
        "```json",
        "**Findings:** The lungs are clear.",
        "# Findings",
        "The lungs are&nbsp;clear.",
        "See https://example.org for the heart.",
        "The heart is normal.\\nThe lungs are clear.",
        "The heart is \\u006eormal.",
        "...",
        "1 2 3 4 5",
        "19/33.",
        "",
        "   ",
        "The lungs \U0001f600 are clear.",
        "The lungs are clear\x00.",
        "The lungs are \u202eraelc.",
        "The lungs are \ud800 clear.",
        "The lungs\u200b are clear.",
        "The lungs are \ufffd clear.",
    ],
)
def test_mark_up_control_tokens_and_unprintable_characters_are_gibberish(text):
    assert code_of(text) == GenerationCode.GIBBERISH


@pytest.mark.parametrize(
    "text",
    [
        "Kein Pleuraerguss oder Pneumothorax.",
        "Das Herz ist normal.",
        "Sin derrame pleural.",
        "No hay derrame pleural ni neumotórax.",
        "El corazón es de tamaño normal.",
        "Pas d'épanchement pleural.",
        "Le cœur est de taille normale.",
        "Il cuore è nei limiti.",
        "Sem derrame pleural.",
        "Geen pleuravocht.",
        "Сердце не увеличено.",
        "心臓は正常です。",
        "القلب طبيعي.",
    ],
)
def test_other_languages_are_gibberish(text):
    assert code_of(text) == GenerationCode.GIBBERISH


@pytest.mark.parametrize(
    "text",
    ["Lkjsd fghjk qwrtp.", "The hrtbnmk is clear.", "The " + "cardio" * 6 + " is clear.", "Xzcv bnm wrt."],
)
def test_what_has_no_words_is_gibberish(text):
    assert code_of(text) == GenerationCode.GIBBERISH


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith notes that the lungs are clear.",
        "Mrs. Doe has a left pleural effusion.",
        "The patient is a 54-year-old man with clear lungs.",
        "Effusion since 3/14/2019.",
        "MRN 1234567 shows a mass.",
        "There is a XXXX effusion.",
        "There is a ___ effusion.",
    ],
)
def test_a_sentence_that_seems_to_name_a_person_a_date_or_an_age_breaks_the_form_that_was_asked_for(text):
    assert code_of(text) == GenerationCode.UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        "Pleural effusion.",
        "CHF.",
        "1. COPD.",
        "Pneumothorax: none.",
        "A 5 mm nodule.",
        "Nodule <5 mm in the right upper lobe.",
        "T8 compression deformity; heart size >50% of the thorax.",
        "Cor pulmonale.",
        "ET tube tip 4 cm above the carina.",
        "No pleural effusion, no pneumothorax, no consolidation, no edema.",
        "Mild, mild and mild opacities.",
        "No M\u00f6nckeberg sclerosis of the vessels.",
        "Lungs are clear \u2013 no effusion.",
        "Schmorl's nodes are seen.",
        "Costophrenic angles are sharp.",
        "Azygos lobe, an incidental note.",
        "The left costophrenic angle is not included in the image.",
        "Pectus excavatum.",
        "The rhythm device's leads are in place.",
    ],
)
def test_what_radiologists_write_passes(text):
    assert code_of(text) is None


def test_one_bad_sentence_fails_the_report():
    assert code_of("The lungs are clear.", "I cannot see the heart.") == GenerationCode.REFUSAL


def test_real_reports_raise_no_alarm():
    cases = bundled_reports(salt="x" * 32)
    texts = [text for case in cases for name in ("findings", "impression") if (text := case.sections.get(name))]
    read = [text[start:end] for text in texts for start, end in split_sentences(text)]
    fit = [text for text in read if is_fit_for_draft(text)]
    alarms = [text for text in fit if code_of(text)]
    assert len(fit) > 18_000
    assert len(alarms) <= 3, alarms  # two with remains of mark-up ("&gt;]"), one that is a number
