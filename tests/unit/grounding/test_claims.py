"""Entailment between findings: labels, polarity, side, place, severity, change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Change, Finding, Polarity, Relation, Severity, Side
from radrag.grounding.claims import FULL_SUPPORT, judge
from radrag.reports.vocabulary import NAMES

P, N, U = Polarity.POSITIVE, Polarity.NEGATIVE, Polarity.UNCERTAIN
FINDINGS = st.builds(
    Finding,
    label=st.sampled_from(NAMES),
    polarity=st.sampled_from(Polarity),
    side=st.sampled_from(Side),
    location=st.sampled_from(["", "right upper lobe", "left base", "apex", "perihilar"]),
    severity=st.sampled_from(Severity),
    change=st.sampled_from(Change),
)


def effusion(polarity=P, **attributes):
    return Finding("Pleural Effusion", polarity, **attributes)


SUPPORTS = [
    (effusion(), effusion()),
    (effusion(), effusion(side=Side.LEFT, severity=Severity.SEVERE)),
    (effusion(side=Side.LEFT), effusion(side=Side.BILATERAL)),
    (effusion(N), effusion(N)),
    (effusion(N, side=Side.LEFT), effusion(N)),
    (effusion(N), effusion(N, side=Side.BILATERAL)),
    (effusion(U), effusion(P)),
    (Finding("Lung Opacity"), Finding("Pneumonia")),
    (Finding("Enlarged Cardiomediastinum"), Finding("Cardiomegaly")),
    (Finding("Pneumonia", N), Finding("Lung Opacity", N)),
    (Finding("No Finding"), Finding("No Finding")),
]
IN_PART = [
    (effusion(side=Side.LEFT), effusion()),
    (effusion(side=Side.BILATERAL), effusion(side=Side.LEFT)),
    (effusion(), effusion(U)),
    (effusion(N), effusion(N, side=Side.LEFT)),
    (effusion(N), effusion(N, severity=Severity.SEVERE)),
    (Finding("Pneumothorax", N), Finding("Pneumothorax", N, location="apex")),
    (Finding("Pneumonia"), Finding("Lung Opacity")),
    (Finding("Lung Opacity", N), Finding("Pneumonia", N)),
    (effusion(severity=Severity.MODERATE), effusion(severity=Severity.SEVERE)),
    (effusion(change=Change.NEW), effusion()),
    (effusion(severity=Severity.MILD), effusion()),
    (Finding("Nodule", location="right upper lobe"), Finding("Nodule")),
]
CONTRADICTS = [
    (effusion(), effusion(N)),
    (effusion(N), effusion()),
    (effusion(N), effusion(U)),
    (effusion(U), effusion(N)),
    (effusion(side=Side.LEFT), effusion(side=Side.RIGHT)),
    (effusion(side=Side.LEFT), effusion(N)),
    (effusion(side=Side.BILATERAL), effusion(N, side=Side.LEFT)),
    (effusion(N), effusion(side=Side.RIGHT)),
    (effusion(severity=Severity.MILD), effusion(severity=Severity.SEVERE)),
    (effusion(change=Change.WORSE), effusion(change=Change.BETTER)),
    (Finding("Nodule", location="right upper lobe"), Finding("Nodule", location="right lower lobe")),
    (Finding("Pneumonia"), Finding("Lung Opacity", N)),
    (Finding("Lung Opacity", N), Finding("Pneumonia")),
    (Finding("No Finding"), Finding("Pneumothorax")),
    (Finding("Pneumothorax"), Finding("No Finding")),
]
SILENT = [
    (effusion(), Finding("Pneumothorax")),
    (Finding("Lung Opacity"), Finding("Pneumonia", N)),
    (Finding("Pneumonia", N), Finding("Lung Opacity")),
    (effusion(N, side=Side.LEFT), effusion(side=Side.RIGHT)),
    (effusion(N, side=Side.LEFT), effusion(N, side=Side.RIGHT)),
    (effusion(side=Side.RIGHT), effusion(N, side=Side.LEFT)),
    (effusion(N, severity=Severity.SEVERE), effusion(severity=Severity.MILD)),
    (effusion(severity=Severity.MILD), effusion(N, severity=Severity.SEVERE)),
    (Finding("Cardiomegaly"), Finding("Enlarged Cardiomediastinum", N)),
    (Finding("Enlarged Cardiomediastinum", N), Finding("Cardiomegaly")),
    (Finding("Cardiomegaly", N), Finding("Enlarged Cardiomediastinum", N)),
    (effusion(), effusion(N, side=Side.LEFT)),
    (effusion(N, side=Side.LEFT), effusion()),
    (effusion(), effusion(N, severity=Severity.SEVERE)),
    (Finding("Lung Opacity"), Finding("Lung Opacity", N, location="base")),
    (Finding("Nodule", location="right upper lobe"), Finding("Lung Opacity", N, location="left base")),
    (Finding("No Finding"), Finding("Scoliosis")),
    (Finding("No Finding"), effusion(N)),
]


@pytest.mark.parametrize(("claim", "evidence"), SUPPORTS)
def test_evidence_that_says_as_much_or_more_supports(claim, evidence):
    judgement = judge(claim, evidence)
    assert judgement is not None
    assert judgement.relation is Relation.SUPPORTS
    assert judgement.strength >= FULL_SUPPORT


@pytest.mark.parametrize(("claim", "evidence"), IN_PART)
def test_evidence_that_says_less_supports_in_part(claim, evidence):
    judgement = judge(claim, evidence)
    assert judgement is not None
    assert judgement.relation is Relation.SUPPORTS
    assert 0 < judgement.strength < FULL_SUPPORT


@pytest.mark.parametrize(("claim", "evidence"), CONTRADICTS)
def test_evidence_that_says_otherwise_contradicts(claim, evidence):
    judgement = judge(claim, evidence)
    assert judgement is not None
    assert judgement.relation is Relation.CONTRADICTS


@pytest.mark.parametrize(("claim", "evidence"), SILENT)
def test_evidence_about_something_else_is_silent(claim, evidence):
    assert judge(claim, evidence) is None


@given(FINDINGS)
def test_every_finding_fully_supports_itself(finding):
    judgement = judge(finding, finding)
    assert judgement is not None
    assert judgement.relation is Relation.SUPPORTS
    assert judgement.strength == 1.0


@given(FINDINGS, FINDINGS)
def test_strength_is_a_share(claim, evidence):
    judgement = judge(claim, evidence)
    assert judgement is None or 0 < judgement.strength <= 1


@given(FINDINGS)
def test_flipping_the_polarity_of_the_evidence_never_leaves_support(finding):
    from dataclasses import replace

    flipped = {P: N, N: P, U: N}[finding.polarity]
    judgement = judge(finding, replace(finding, polarity=flipped))
    assert judgement is not None
    assert judgement.relation is Relation.CONTRADICTS
