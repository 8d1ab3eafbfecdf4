"""One case-base and one draft, small enough to read, with every kind of status, link and gap."""

from pathlib import Path

from radrag.domain import (
    Case,
    Draft,
    DraftSentence,
    DraftWarning,
    EvidenceLink,
    Finding,
    Hit,
    ImageFinding,
    Omission,
    Polarity,
    Relation,
    Side,
    Status,
    Study,
    StudyImage,
    View,
)

DRAFT_ID = "d-0001"
NODULES = "There are multiple rounded opacities in both lungs. No pleural effusion is seen. Heart size is normal."
NORMAL = "The heart is normal in size. The lungs are clear. There is no pneumothorax or pleural effusion."
TRICKY = "Nodules <b>persist</b> & are stable; see *prior* $x$."


def cases() -> list[Case]:
    """Three cases without images; one text that would be markup if it were not escaped."""
    texts = {"demo:1": {"findings": NODULES}, "demo:2": {"findings": NORMAL}, "demo:3": {"impression": TRICKY}}
    return [Case(name, "demo", f"key-{name[-1]}", (), sections, licence="CC0-1.0") for name, sections in texts.items()]


def link(case_id: str, quote: str, relation: Relation = Relation.SUPPORTS, strength: float = 0.9) -> EvidenceLink:
    """Link to ``quote`` in the only section of a case above."""
    (section, text), *_ = next(case for case in cases() if case.case_id == case_id).sections.items()
    start = text.index(quote)
    return EvidenceLink(case_id, section, 0, start, start + len(quote), quote, relation, strength)


def draft(path: Path | str = "", *, draft_id: str = DRAFT_ID, pixel_sha256: str = "") -> Draft:
    """Return a draft of one PA view whose file is ``path``."""
    image = StudyImage("2.25.1", View.PA, 1955, 1841, str(path), pixel_sha256)
    study = Study("2.25.2", (image,), patient_key="a1b2c3d4e5f6", sex="F", age=61, indication="cough <4 weeks>")
    nodules = Finding("Lung Lesion", Polarity.POSITIVE, Side.BILATERAL)
    sentences = (
        DraftSentence(
            "findings",
            "There are multiple rounded opacities in both lungs.",
            Status.SUPPORTED,
            (nodules,),
            (
                link("demo:1", "There are multiple rounded opacities in both lungs.", strength=0.97),
                link("demo:3", TRICKY, strength=0.61),
            ),
            ("Lung Lesion",),
        ),
        DraftSentence(
            "findings",
            "The cardiac silhouette is mildly enlarged.",
            Status.CONTRADICTED,
            (Finding("Cardiomegaly"),),
            (
                link("demo:2", "The heart is normal in size.", Relation.CONTRADICTS, 0.93),
                link("demo:1", "Heart size is normal.", Relation.CONTRADICTS, 0.88),
            ),
        ),
        DraftSentence(
            "findings",
            "No pleural effusion or pneumothorax.",
            Status.PARTIAL,
            (Finding("Pleural Effusion", Polarity.NEGATIVE), Finding("Pneumothorax", Polarity.NEGATIVE)),
            (link("demo:1", "No pleural effusion is seen.", strength=0.74),),
        ),
        DraftSentence("impression", "Old granulomatous disease.", Status.UNSUPPORTED),
    )
    return Draft(
        draft_id,
        study,
        sentences,
        (Omission("Lung Opacity", "the image encoder gives 0.81 (threshold 0.50)", (link("demo:3", TRICKY),)),),
        (
            Hit("demo:1", 1, 0.0325, {"image": (2, 0.913), "text": (1, 0.774)}, "nearest by text"),
            Hit("demo:2", 2, 0.0161, {"image": (1, 0.944)}),
        ),
        (
            ImageFinding("Lung Lesion", 0.81, 0.5, region=(300.0, 1100.0, 700.0, 1500.0)),
            ImageFinding("Pneumothorax", 0.04, 0.3),
            ImageFinding("Fracture", float("nan"), 0.5, trained=False),
        ),
        (DraftWarning("no_prior", "No prior study was given: nothing is said about change."),),
        {
            "radrag": "0.1.0",
            "encoder": {"name": "starter", "version": "1"},
            "pixel_sha256": ["00ff", "11ee"],
            "created_at": "2026-01-02T03:04:05+00:00",
        },
    )
