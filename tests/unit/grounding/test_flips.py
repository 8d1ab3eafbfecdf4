"""Flipping negation, side, place, severity or change of a report sentence is always noticed."""

import pytest

from radrag.domain import Status
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler

FLIPS = [
    ("There is a left pleural effusion.", "There is no left pleural effusion."),
    ("There is a left pleural effusion.", "There is a right pleural effusion."),
    ("No pneumothorax.", "Small apical pneumothorax."),
    ("No focal consolidation, effusion or pneumothorax.", "There is a pneumothorax."),
    ("No focal consolidation, effusion or pneumothorax.", "There is focal consolidation."),
    ("The heart is enlarged.", "The heart is normal in size."),
    ("The heart is normal in size.", "There is marked cardiomegaly."),
    ("The lungs are clear.", "There is right lower lobe pneumonia."),
    ("Right lower lobe pneumonia.", "Left lower lobe pneumonia."),
    ("Right upper lobe nodule.", "Right lower lobe nodule."),
    ("Small right pleural effusion.", "Large right pleural effusion."),
    ("Mild pulmonary edema.", "Severe pulmonary edema."),
    ("Severe pulmonary edema.", "No pulmonary edema."),
    ("The left effusion has increased.", "The left effusion has decreased."),
    ("Mild bibasilar atelectasis.", "No atelectasis."),
    ("Healed fracture of the left sixth rib.", "No rib fracture."),
    ("No acute cardiopulmonary abnormality.", "There is a large pneumothorax."),
    ("Large left pneumothorax.", "No acute cardiopulmonary abnormality."),
    ("Calcified granuloma in the left upper lobe.", "Calcified granuloma in the right upper lobe."),
    ("There is interstitial edema.", "There is no evidence of edema."),
    ("Hiatal hernia is present.", "No hiatal hernia."),
    ("Emphysema.", "No emphysema."),
    ("Right apical pneumothorax.", "Left apical pneumothorax."),
    ("Moderate left pleural effusion is unchanged.", "No pleural effusion."),
]


@pytest.fixture(scope="module")
def check():
    labeler = default_labeler()
    verifier = Verifier(labeler.label_text)

    def status(claim, evidence):
        found = labeler.label_section("c:1", "findings", evidence)
        return verifier.verify([("findings", claim)], found)[0].status

    return status


@pytest.mark.parametrize(("said", "flipped"), FLIPS)
def test_a_flip_is_contradicted_and_the_sentence_itself_supported(check, said, flipped):
    assert check(said, said) is Status.SUPPORTED
    assert check(flipped, flipped) is Status.SUPPORTED
    assert check(flipped, said) is Status.CONTRADICTED


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("Pleural effusion.", "Small left pleural effusion."),
        ("No pneumonia.", "The lungs are clear."),
        ("There is an opacity in the lung.", "Right lower lobe pneumonia."),
        ("Heart size is normal.", "Cardiac silhouette within normal limits."),
        ("Left pleural effusion.", "Bilateral pleural effusions."),
    ],
)
def test_evidence_that_says_it_in_other_words_or_more_exactly_supports(check, claim, evidence):
    assert check(claim, evidence) is Status.SUPPORTED


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("Left pleural effusion.", "Pleural effusion."),
        ("There is pneumonia.", "There is an opacity in the right lung."),
        ("There is pneumonia.", "Findings may represent pneumonia."),
        ("No pleural effusion.", "No large pleural effusion."),
        ("No pneumothorax.", "No apical pneumothorax."),
    ],
)
def test_evidence_that_says_less_supports_in_part(check, claim, evidence):
    assert check(claim, evidence) is Status.PARTIAL


@pytest.mark.parametrize("evidence", ["Heart size is normal.", "Sternotomy wires are intact.", "No rib fracture."])
def test_evidence_about_something_else_leaves_a_claim_unsupported(check, evidence):
    assert check("There is a left pleural effusion.", evidence) is Status.UNSUPPORTED
