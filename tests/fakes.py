"""Small values for tests: sentences, hits and image findings without files, models or a database."""

from radrag.domain import Finding, Hit, ImageFinding, Polarity, Sentence


def sentence(text, *findings, case="iu-xray:CXR1", section="findings", number=0, start=0):
    """Return a sentence; a finding given as a name is positive, with a leading "no " negative."""
    said = tuple(
        item
        if isinstance(item, Finding)
        else Finding(item.removeprefix("no "), Polarity.NEGATIVE if item.startswith("no ") else Polarity.POSITIVE)
        for item in findings
    )
    return Sentence(case, section, number, start, start + len(text), text, said)


def image_finding(label, probability, threshold=0.5, trained=True):
    """Return an image finding."""
    return ImageFinding(label, probability, threshold, trained)


def hit(case, rank=1):
    """Return a hit of the label channel."""
    return Hit(case, rank, 1 / rank, {"labels": (rank, 1.0)}, "shares")
