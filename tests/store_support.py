"""What the store's tests share: sample values, strategies for any draft, and writers in several processes."""

import math
import multiprocessing

from hypothesis import strategies as st

from radrag.domain import (
    Case,
    Change,
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
    Sentence,
    Severity,
    Side,
    Status,
    Study,
    StudyImage,
    View,
)
from radrag.store.values import CorpusInfo

DEMO = CorpusInfo("demo", title="Demonstration", licence="CC-BY-4.0", source="tests")


# Values


def sample_case(number: int = 1, corpus: str = "demo", text: str = "No effusion. Heart size is normal."):
    """Return a case of two sections with its sentences: the text's, split at '. ', and one impression."""
    case_id = f"{corpus}:{number:05d}"
    image = StudyImage(f"1.2.{number}", View.PA, 2000, 1800, "a.dcm", "ab", "2020-01-01")
    case = Case(
        case_id=case_id,
        corpus=corpus,
        patient_key=f"patient-{number // 2}",
        images=(image, StudyImage(f"1.2.{number}.1", View.LATERAL, 10, 10)),
        sections={"findings": text, "impression": "Effusion möglich."},
        labels=("effusion",),
        licence="CC-BY-4.0",
    )
    sentences, start = [], 0
    for index, part in enumerate(text.split(". ")):
        end = min(len(text), start + len(part) + 1)
        label = "effusion" if "ffusion" in part else "cardiomegaly"
        found = Finding(
            label, Polarity.NEGATIVE, Side.LEFT, "base", Severity.MILD, Change.STABLE, start, start + len(part)
        )
        sentences.append(Sentence(case_id, "findings", index, start, end, text[start:end], (found,)))
        start = end + 1
    possible = (Finding("effusion", Polarity.UNCERTAIN, start=0, end=8), Finding("edema", start=0, end=0))
    sentences.append(Sentence(case_id, "impression", 0, 0, 17, "Effusion möglich.", possible))
    return case, tuple(sentences)


def sample_draft(draft_id: str = "d1", *, created_at: str = "2026-01-02T03:04:05+00:00", **study) -> Draft:
    """Return a draft in which every field holds something."""
    link = EvidenceLink("demo:00001", "findings", 0, 0, 12, "No effusion.", Relation.SUPPORTS, 0.1 + 0.2)
    against = EvidenceLink("demo:00002", "impression", 0, 0, 8, "Effusion", Relation.CONTRADICTS, 1.0)
    images = (StudyImage("1.2.3", View.PA, 20, 30), StudyImage("1.2.4", View.LATERAL, 20, 30))
    finding = Finding("effusion", Polarity.NEGATIVE, Side.BILATERAL, "", Severity.NONE, Change.NONE, 3, 11)
    return Draft(
        draft_id=draft_id,
        study=Study("1.2", images, **{"accession": "A1", "patient_key": "pk", "sex": "F", "age": 61.5} | study),
        sentences=(
            DraftSentence("findings", "No effusion.", Status.SUPPORTED, (finding,), (link, against), ("effusion",)),
            DraftSentence("impression", "Normal.", Status.UNSUPPORTED),
        ),
        omissions=(Omission("edema", "image says so"), Omission("mass", "evidence agrees", (link,))),
        hits=(Hit("demo:00001", 1, 1 / 3, {"image": (1, 0.7), "text": (3, math.inf)}, "same finding"),),
        image_findings=(
            ImageFinding("effusion", 0.12345678901234567, 0.5, True, (0.0, 1.5, 20.0, 30.0)),
            ImageFinding("mass", math.nan, 0.5, False),
        ),
        warnings=(DraftWarning("no_prior", "No prior study was given."),),
        provenance={"created_at": created_at, "seed": 0, "encoder": {"name": "starter", "x": None}, "list": [1, 2.5]},
    )


# Strategies

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
counts = st.integers(0, 2**31 - 1)
reals = st.floats(allow_nan=False) | st.just(math.nan)
findings = st.builds(
    Finding,
    label=texts,
    polarity=st.sampled_from(Polarity),
    side=st.sampled_from(Side),
    location=texts,
    severity=st.sampled_from(Severity),
    change=st.sampled_from(Change),
    start=counts,
    end=counts,
)
images = st.builds(
    StudyImage,
    sop_instance_uid=texts,
    view=st.sampled_from(View),
    rows=counts,
    columns=counts,
    path=texts,
    pixel_sha256=texts,
    acquired_at=texts,
)
bounds = st.tuples(counts, counts).map(sorted)
links = st.builds(
    lambda case_id, section, sentence, bound, quote, relation, strength: EvidenceLink(
        case_id, section, sentence, *bound, quote, relation, strength
    ),
    texts,
    texts,
    counts,
    bounds,
    texts,
    st.sampled_from(Relation),
    reals,
)


def some(values: st.SearchStrategy) -> st.SearchStrategy:
    """Return tuples of up to three values."""
    return st.lists(values, max_size=3).map(tuple)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
any_draft = st.builds(
    Draft,
    draft_id=texts,
    study=st.builds(
        Study,
        study_instance_uid=texts,
        images=some(images),
        accession=texts,
        patient_key=texts,
        sex=st.sampled_from(["M", "F", "O", ""]),
        age=st.none() | st.floats(0, 130),
        studied_at=texts,
        indication=texts,
    ),
    sentences=some(
        st.builds(
            DraftSentence,
            section=texts,
            text=texts,
            status=st.sampled_from(Status),
            findings=some(findings),
            links=some(links),
            image_findings=some(texts),
        )
    ),
    omissions=some(st.builds(Omission, label=texts, why=texts, links=some(links))),
    hits=some(
        st.builds(
            Hit,
            case_id=texts,
            rank=counts,
            score=reals,
            channels=st.dictionaries(texts, st.tuples(counts, reals), max_size=3),
            why=texts,
        )
    ),
    image_findings=some(
        st.builds(
            ImageFinding,
            label=texts,
            probability=reals,
            threshold=reals,
            trained=st.booleans(),
            region=st.none() | st.tuples(*[st.floats(-1e6, 1e6)] * 4),
        )
    ),
    warnings=some(st.builds(DraftWarning, code=texts, message=texts)),
    provenance=st.dictionaries(texts, json_values, max_size=3),
)


# Several processes


def write_as_a_process(url: str, worker: int) -> None:
    """Open the store and write cases and drafts of our own, and others that every worker writes."""
    from radrag.store.repository import Store

    with Store.open(url, who=f"worker {worker}") as store:
        for first in range(0, 20, 5):
            own = [sample_case(1000 * (worker + 1) + number) for number in range(first, first + 5)]
            common = [sample_case(number) for number in range(first, first + 5)]
            store.add_cases([*own, *common], corpus=DEMO, batch=4)
            store.save_draft(sample_draft(f"own-{worker}-{first}"))
            store.save_draft(sample_draft(f"common-{first}"))


def write_from_four_processes(url: str) -> None:
    """Run :func:`write_as_a_process` four times at once, from an empty database on."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=write_as_a_process, args=(url, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]


def check_what_four_processes_wrote(url: str) -> None:
    """Nothing is lost, nothing is there twice, and the audit log tells it in one chain."""
    from radrag.store.repository import Store

    with Store.open(url) as store:
        expected = {f"demo:{1000 * worker + number:05d}" for worker in range(5) for number in range(20)}
        found = [case.case_id for case in store.iter_cases()]
        assert len(found) == len(set(found)) == 100
        assert set(found) == expected
        assert store.verify_corpus("demo") == []
        assert store.count_drafts() == 4 * 4 + 4
        entries = store.audit_entries(limit=1000)
        assert sum(entry.payload["added"] for entry in entries if entry.what == "corpus.changed") == 100
        assert sum(entry.what == "draft.saved" for entry in entries) == 20
        assert {entry.who for entry in entries} == {f"worker {number}" for number in range(4)}
        assert store.verify_audit_log() == []
