"""The pipeline merges views, drops comparisons, warns of what the reader must know, and records what it used."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import hit, image_finding, sentence

from radrag.corpus.catalogue import CatalogueBuilder
from radrag.corpus.report_labels import report_labels
from radrag.dicom.geometry import Geometry
from radrag.dicom.read import LoadedStudy
from radrag.domain import PRIOR, Case, DraftWarning, Finding, Side, Status, Study, StudyImage, View
from radrag.drafting import Drafter, combine
from radrag.errors import GenerationCode, GenerationError, RefusalCode, RestrictedData, StudyRefused, UsageError
from radrag.generation.base import GeneratedReport, GeneratedSentence, GeneratorCard
from radrag.generation.compose import ComposeGenerator
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler
from radrag.retrieval.novelty import Unusual
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo

SHA = "ab" * 32
EVIDENCE = {
    "c:1": (sentence("Left effusion.", Finding("Pleural Effusion", side=Side.LEFT), case="c:1"),),
    "c:2": (sentence("No fracture.", "no Fracture", case="c:2"),),
}
FOR_CLAIMS = {
    "c:3": (sentence("Mass in the left lung.", "Mass", case="c:3"),),
    "c:4": (sentence("No mass.", "no Mass", case="c:4"),),
}
"""Cases that only a search for a claim finds."""


def indexed():
    builder = CatalogueBuilder()
    for case_id, said in (EVIDENCE | FOR_CLAIMS).items():
        builder.add(Case(case_id, "c", "", (), {}), report_labels(said), [one.text for one in said])
    return builder.catalogue()


class Encoder:
    card = SimpleNamespace(name="fake", version="1", sha256=SHA, card_hash=SHA, views=())

    def __init__(self, *findings):
        self.findings = findings

    def encode(self, images, views):
        lateral = tuple(image_finding(f.label, math.nan, math.nan, trained=False) for f in self.findings)
        found = tuple(lateral if view is View.LATERAL else self.findings for view in views)
        vectors = np.eye(4, dtype=np.float32)[[0] * len(views)]
        return SimpleNamespace(findings=found, vectors=vectors)


class Retriever:
    manifest = SimpleNamespace(index_id="i", sha256=SHA, rows=2, image_encoder={})

    def search(self, query, k):
        if query.image is None and set(query.weights) == {"Mass"}:
            found = [case for case in FOR_CLAIMS if case not in query.exclude_cases]
        else:
            self.query = query
            found = list(EVIDENCE)
        return tuple(hit(case, rank) for rank, case in enumerate(found, start=1))[:k]


class Generator:
    def __init__(self, *texts, remote=False, rewrites=()):
        self.card = GeneratorCard("fake", "1", SHA, {"a": 1}, remote=remote)
        self.texts = texts
        self.rewrites = rewrites
        self.request = None
        self.tasks = []

    def generate(self, request):
        self.request = request
        return GeneratedReport(tuple(GeneratedSentence("findings", text) for text in self.texts))

    def rewrite(self, request, task):
        self.tasks.append(task)
        return GeneratedReport(tuple(GeneratedSentence(task.section, text) for text in self.rewrites[:1]))


def study(*views, refusals=(), **values):
    geometry = Geometry(rows=4, columns=4, display_rows=4, display_columns=4)
    images = tuple(
        SimpleNamespace(
            image=StudyImage(f"1.{i}", view, 4, 4, pixel_sha256=SHA),
            pixels=np.zeros((4, 4), np.float32),
            geometry=geometry,
            warnings=(DraftWarning("view_unknown", "…"),) if view is View.UNKNOWN else (),
        )
        for i, view in enumerate(views)
    )
    return LoadedStudy(Study("1", tuple(one.image for one in images), **values), images, tuple(refusals))


class NoTerms:
    """Nothing is restricted."""

    def restricted_cases(self, case_ids):
        return frozenset()

    def restricted_images(self, images):
        return frozenset()


def make(generator, terms, hits=5, **parts):
    return Drafter(
        encoder=Encoder(image_finding("Pleural Effusion", 0.9)),
        retriever=Retriever(),
        cases=indexed(),
        sentences_of=lambda cases: {case: (EVIDENCE | FOR_CLAIMS)[case] for case in cases},
        generator=generator,
        labeler=default_labeler(),
        verifier=Verifier(default_labeler().label_text),
        terms=terms,
        hits=hits,
        seed=3,
        **parts,
    )


def draft(*texts, of=None, **parts):
    drafter = make(Generator(*texts), NoTerms(), **parts)
    return drafter.draft(of or study(View.PA)), drafter


def codes(drafted):
    return [warning.code for warning in drafted.warnings]


def test_sentences_are_checked_against_the_evidence_of_the_hits():
    drafted, _ = draft("There is a pleural effusion.", "No fracture.", rounds=0)
    assert [item.status for item in drafted.sentences] == [Status.SUPPORTED, Status.SUPPORTED]
    assert codes(drafted) == ["not_assessed"]
    assert drafted.provenance["feedback"] == drafted.provenance["revisions"] == []


def test_what_neither_image_nor_evidence_carries_is_dropped_and_logged():
    drafted, _ = draft("There is a pleural effusion.", "There is a mass.", rounds=0)
    assert [item.text for item in drafted.sentences] == ["There is a pleural effusion."]
    assert codes(drafted) == ["claim_dropped"]
    (revision,) = drafted.provenance["revisions"]
    assert (revision["before"], revision["status"], revision["after"]) == ("There is a mass.", "unsupported", "")


def test_a_sentence_that_the_evidence_speaks_against_is_written_anew_by_that_evidence():
    generator = Generator("There is a fracture.", rewrites=["No fracture."])
    drafted = make(generator, NoTerms()).draft(study(View.PA))
    assert [item.text for item in drafted.sentences] == ["No fracture."]
    assert [one.text for one in generator.tasks[0].evidence] == ["No fracture."]
    assert "rewritten" in codes(drafted)


def test_what_the_image_says_stays_although_no_report_says_it_and_the_reader_is_told():
    drafter = make(Generator("There is a nodule."), NoTerms())
    drafter._encoder = Encoder(image_finding("Nodule", 0.9))
    drafted = drafter.draft(study(View.PA))
    assert [(item.text, item.status) for item in drafted.sentences] == [("There is a nodule.", Status.UNSUPPORTED)]
    assert codes(drafted) == ["weak_evidence"]


def test_a_draft_in_which_nothing_stands_is_empty_and_says_why():
    drafted, _ = draft("There is a fracture.", "There is a nodule.")
    assert drafted.sentences == ()
    assert codes(drafted) == ["abstained", "claim_dropped"]
    assert "none of the 2" in drafted.warnings[0].message


class TestBadInput:
    """Each ends as a draft that says what is wrong with it, or as an error with a code; never as report text."""

    @pytest.fixture
    def composed(self):
        def drafted(evidence, *image, of=None):
            drafter = make(ComposeGenerator(), NoTerms())
            drafter._encoder = Encoder(*(image or (image_finding("Pleural Effusion", 0.9),)))
            drafter._retriever = SimpleNamespace(
                manifest=Retriever.manifest,
                search=lambda query, k: tuple(hit(case, rank) for rank, case in enumerate(evidence, start=1)),
            )
            drafter._sentences_of = lambda cases: {case: evidence.get(case, ()) for case in cases}
            drafter._rounds = 0
            return drafter.draft(of or study(View.PA))

        return drafted

    def test_no_case_at_all(self, composed):
        drafted = composed({})
        assert drafted.sentences == ()
        assert [omission.label for omission in drafted.omissions] == ["Pleural Effusion"]
        assert "no case was retrieved" in dict((one.code, one.message) for one in drafted.warnings)["abstained"]

    def test_cases_that_say_nothing_of_the_image(self, composed):
        drafted = composed({"c:1": (sentence("Trachea midline.", case="c:1"),)})
        assert codes(drafted) == ["abstained"]
        assert "none of the 1 retrieved reports" in drafted.warnings[0].message

    def test_evidence_that_only_contradicts_the_image(self, composed):
        drafted = composed(
            {f"c:{i}": (sentence("No effusion.", "no Pleural Effusion", case=f"c:{i}"),) for i in (1, 2)}
        )
        assert [one.text for one in drafted.sentences if one.status is Status.SUPPORTED] == []
        assert [omission.label for omission in drafted.omissions] == ["Pleural Effusion"]

    def test_a_report_of_20_000_words(self, composed):
        words = "Mild left effusion is seen at the base. " * 2500
        text = sentence(words, "Pleural Effusion", case="c:1")
        drafted = composed({"c:1": (text, sentence("Effusion.", "Pleural Effusion", case="c:1", number=1))})
        assert max(len(one.text) for one in drafted.sentences) < 300

    @pytest.mark.parametrize(
        "indication", ["", "Тупая боль в груди 😀", "胸痛", "MRN 1234567, Dr. Adams asks", "a " * 9000]
    )
    def test_any_indication(self, composed, indication):
        evidence = {"c:1": (sentence("Effusion.", "Pleural Effusion", case="c:1"),)}
        drafted = composed(evidence, of=study(View.PA, indication=indication))
        assert [one.text for one in drafted.sentences if one.section == "findings"] == ["There is a pleural effusion."]

    def test_a_generator_that_fails_gives_its_code_and_no_draft(self):
        class Failing(Generator):
            def generate(self, request):
                raise GenerationError(GenerationCode.TIMED_OUT, "The server did not answer.")

        with pytest.raises(GenerationError) as error:
            make(Failing(), NoTerms()).draft(study(View.PA))
        assert error.value.code == "timed_out"

    def test_a_rewrite_that_fails_drops_the_sentence_and_says_why(self):
        class Failing(Generator):
            def rewrite(self, request, task):
                raise GenerationError(GenerationCode.EMPTY, "The model answered nothing.")

        drafted = make(Failing("There is a pleural effusion.", "There is a fracture."), NoTerms()).draft(study(View.PA))
        assert [one.text for one in drafted.sentences] == ["There is a pleural effusion."]
        assert [one["failure"] for one in drafted.provenance["revisions"]] == ["empty_output"]


class TestPrior:
    def drafted(self, *texts):
        drafter = make(Generator(*texts), NoTerms())
        prior = drafter.prior(sections={"findings": "Large left pleural effusion. No nodule."})
        return drafter.draft(study(View.PA), prior=prior), drafter

    def test_a_comparison_stands_when_prior_and_evidence_carry_it_and_quotes_the_prior(self):
        drafted, drafter = self.drafted("There is again a pleural effusion.")
        (sentence_,) = drafted.sentences
        assert sentence_.status is Status.SUPPORTED
        link = sentence_.links[0]
        assert (link.case_id, link.quote) == (PRIOR, "Large left pleural effusion.")
        sections = drafted.provenance["prior"]["sections"]
        assert sections[link.section][link.start : link.end] == link.quote
        assert drafter._generator.request.prior

    def test_a_comparison_that_the_prior_does_not_carry_is_dropped(self):
        drafted, _ = self.drafted("There is again a nodule.", "There is a new fracture.", "It is unchanged.")
        assert drafted.sentences == ()
        assert "claim_dropped" in codes(drafted)

    def test_a_comparison_that_the_prior_speaks_against_shows_both_sides(self):
        drafted, _ = self.drafted("There is a new pleural effusion.")
        (sentence_,) = drafted.sentences  # the image says so: the reader decides
        assert sentence_.status is Status.CONTRADICTED
        assert {(link.case_id, link.relation.value) for link in sentence_.links} == {
            ("c:1", "supports"),
            (PRIOR, "contradicts"),
        }

    def test_what_the_encoder_finds_on_prior_images_can_be_quoted_too(self):
        drafter = make(Generator("There is again a pleural effusion."), NoTerms())
        prior = drafter.prior(study=study(View.PA))
        drafted = drafter.draft(study(View.PA), prior=prior)
        assert "image encoder: 0.90" in drafted.sentences[0].links[0].quote
        assert drafted.provenance["prior"]["pixel_sha256"] == [SHA]


class TestNotes:
    def first(self, *texts, rewrites=()):
        generator = Generator(*texts, rewrites=rewrites)
        drafter = make(generator, NoTerms())
        return drafter.draft(study(View.PA)), drafter

    def test_a_note_changes_a_sentence_which_is_checked_and_the_rest_stays(self):
        drafted, drafter = self.first("There is a pleural effusion.", "No fracture.")
        revised = drafter.revise(drafted, "1: left")
        assert [one.text for one in revised.sentences] == ["There is a left pleural effusion.", "No fracture."]
        assert revised.sentences[0].status is Status.SUPPORTED
        assert revised.sentences[1] == drafted.sentences[1]
        assert revised.draft_id != drafted.draft_id == revised.provenance["revises"]
        assert revised.provenance["notes"][0]["note"] == "1: left"

    def test_what_a_reader_adds_stays_without_evidence_and_is_marked_as_such(self):
        drafted, drafter = self.first("There is a pleural effusion.")
        revised = drafter.revise(drafted, "add a small right pneumothorax")
        assert revised.sentences[-1].text == "There is a mild right pneumothorax."
        assert revised.sentences[-1].status is Status.UNSUPPORTED
        assert "weak_evidence" in codes(revised)

    def test_a_later_note_works_on_what_an_earlier_one_made(self):
        drafted, drafter = self.first("There is a pleural effusion.", "No fracture.")
        revised = drafter.revise(drafter.revise(drafted, "1: left"), "2: drop")
        assert [one.text for one in revised.sentences] == ["There is a left pleural effusion."]
        assert [one["note"] for one in revised.provenance["notes"]] == ["1: left", "2: drop"]

    def test_what_the_rules_cannot_read_the_generator_is_asked_to_do(self):
        drafted, drafter = self.first("There is a pleural effusion.", rewrites=["Left effusion."])
        revised = drafter.revise(drafted, "1: make it shorter")
        assert revised.sentences[0].text == "Left effusion."
        assert drafter._generator.tasks[-1].problem == "A reader asks: 1: make it shorter"
        with pytest.raises(UsageError, match="names neither"):
            drafter.revise(drafted, "make it shorter")


def test_a_claim_without_evidence_is_looked_up_on_both_sides_and_supported_in_part_at_most():
    drafted, _ = draft("There is a pleural effusion.", "There is a mass.")
    assert [item.status for item in drafted.sentences] == [Status.SUPPORTED, Status.PARTIAL]
    assert [(one.case_id, one.rank) for one in drafted.hits] == [("c:1", 1), ("c:2", 2), ("c:3", 3), ("c:4", 4)]
    assert drafted.hits[2].why.startswith("found for the claim “mass”")
    assert {link.case_id for link in drafted.sentences[1].links} == {"c:3", "c:4"}
    claim = {"label": "Mass", "polarity": "positive", "side": "none"}
    assert drafted.provenance["feedback"] == [{"claim": claim, "round": 1, "cases": ["c:3", "c:4"]}]
    assert codes(drafted) == ["looked_up"]


def test_generator_and_reader_get_what_the_cases_found_for_the_image_say():
    drafted, drafter = draft("There is a mass.")
    counts = {one.label: one for one in drafter._generator.request.neighbourhood}
    assert (counts["Fracture"].support, counts["Fracture"].against) == ((), ("c:2",))
    assert counts["Pleural Effusion"].lift == pytest.approx(0.5 / 0.25)
    assert "Mass" not in counts  # found for the claim, not for the image
    assert [one["label"] for one in drafted.provenance["neighbourhood"]] == list(counts)


def test_an_index_whose_images_another_encoder_saw_is_searched_without_them_and_the_reader_told():
    drafter = make(Generator("There is a pleural effusion."), NoTerms())
    manifest = SimpleNamespace(**vars(Retriever.manifest) | {"image_encoder": {"name": "other", "version": "7"}})
    drafter._retriever.manifest = manifest
    drafted = drafter.draft(study(View.PA))
    assert codes(drafted) == ["images_not_searched"]
    assert "other 7" in drafted.warnings[0].message


def test_an_unusual_image_is_drafted_and_the_reader_told():
    def novelty(vector, hashes):
        assert vector is None  # the index was made by another encoder
        return Unusual(None, 0.995, upside_down=True)

    drafted, _ = draft("There is a pleural effusion.", novelty=novelty)
    assert codes(drafted) == ["unusual_image", "upside_down"]
    assert drafted.provenance["novelty"] == {"vector": None, "layout": 0.995, "upside_down": True}


def test_a_sentence_that_compares_is_dropped_and_the_reader_told():
    drafted, _ = draft("Effusion is unchanged.", "There is a pleural effusion.")
    assert [item.text for item in drafted.sentences] == ["There is a pleural effusion."]
    assert codes(drafted) == ["comparison_removed"]


def test_advice_of_a_model_is_not_passed_on_and_the_reader_told():
    drafted, _ = draft("There is a pleural effusion.", "Follow-up CT is recommended for the effusion.")
    assert [item.text for item in drafted.sentences] == ["There is a pleural effusion."]
    assert codes(drafted) == ["advice_removed"]


def test_the_patient_and_the_indication_reach_the_query():
    _, drafter = draft(of=study(View.PA, patient_key="key", indication="Cough."))
    assert drafter._retriever.query.exclude_patient == "key"
    assert drafter._retriever.query.text == "Cough. Pleural effusion."
    assert drafter._generator.request.indication == "Cough."


def test_a_denial_the_encoder_cannot_judge_and_one_it_judges_otherwise_are_named():
    drafter = make(Generator("No fracture.", "There is no mass."), NoTerms())
    drafter._encoder = Encoder(image_finding("Mass", 0.9))
    drafted = drafter.draft(study(View.PA))
    messages = {warning.code: warning.message for warning in drafted.warnings}
    assert "Fracture" in messages["not_assessed"]
    assert "denies Mass" in messages["image_disagrees"]
    assert "Mass" in [omission.label for omission in drafted.omissions]


def test_a_study_without_a_frontal_image_says_so():
    drafted, _ = draft(of=study(View.LATERAL))
    assert codes(drafted) == ["no_frontal"]
    assert not drafted.image_findings[0].trained


def test_warnings_of_images_and_refused_files_reach_the_draft_once():
    refusal = StudyRefused(RefusalCode.TRUNCATED, "/home/doe^jane.dcm", "the file is cut off.")
    drafted, _ = draft(of=study(View.UNKNOWN, View.UNKNOWN, refusals=[refusal]))
    assert codes(drafted) == ["view_unknown", "image_refused", "abstained"]
    assert "doe" not in drafted.warnings[1].message


def test_provenance_names_every_part_and_changes_with_the_input():
    first, _ = draft("There is a pleural effusion.")
    again, _ = draft("There is a pleural effusion.")
    other, _ = draft("There is a pleural effusion.", of=study(View.PA, indication="Cough."))
    made = first.provenance
    assert (made["encoder"]["name"], made["index"]["size"], made["seed"]) == ("fake", 2, 3)
    assert made["generator"]["parameters"] == {"a": 1, "hits": 5}
    assert made["pixel_sha256"] == [SHA]
    assert made["prompt_sha256"] == again.provenance["prompt_sha256"] != other.provenance["prompt_sha256"]
    assert first.draft_id != again.draft_id


def test_views_are_averaged_where_the_encoder_was_trained_for_them():
    frontal = (image_finding("Mass", 0.2), image_finding("Edema", 0.8))
    other = (image_finding("Mass", 0.6), image_finding("Edema", math.nan, math.nan, trained=False))
    merged = combine([frontal, other])
    assert [finding.probability for finding in merged] == pytest.approx([0.4, 0.8])
    assert all(finding.trained for finding in merged)


class TestTheGate:
    """Evidence of the hits ``c:1`` and ``c:2``, images of the study: with a real store that knows their terms."""

    @pytest.fixture
    def store(self):
        with Store.open("sqlite://") as opened:
            yield opened

    def put(self, store, *numbers, restricted, corpus="c", image=None, mark_corpus=True):
        cases = [
            Case(f"{corpus}:{number}", corpus, "", (image,) if image else (), {}, restricted=restricted)
            for number in numbers
        ]
        info = CorpusInfo(corpus, restricted=restricted and mark_corpus)
        store.add_cases([(case, ()) for case in cases], corpus=info)

    def refused(self, store, *, of=None, hits=5):
        generator = Generator("There is a pleural effusion.", remote=True)
        with pytest.raises(RestrictedData) as error:
            make(generator, store, hits).draft(of or study(View.PA))
        assert generator.request is None  # nothing was asked of the remote generator
        message = f"{error.value} {error.value.hint}"
        for text in ("effusion", "fracture"):
            assert text not in message.lower()
        return message

    def passes(self, store, *, remote=True, of=None, hits=5):
        generator = Generator("There is a pleural effusion.", remote=remote)
        drafted = make(generator, store, hits).draft(of or study(View.PA))
        assert generator.request is not None
        return drafted

    def test_evidence_of_restricted_cases_stays_here(self, store):
        self.put(store, 1, 2, restricted=True)
        assert "c:1" in self.refused(store)
        assert self.passes(store, remote=False).sentences[0].links

    @pytest.mark.parametrize("mark_corpus", [True, False])
    def test_one_restricted_hit_among_free_ones_is_enough_wherever_it_ranks(self, store, mark_corpus):
        self.put(store, 1, restricted=False)
        self.put(store, 2, restricted=True, mark_corpus=mark_corpus)
        self.refused(store)

    def test_a_restricted_case_that_was_not_retrieved_does_not_matter(self, store):
        self.put(store, 1, restricted=False)
        self.put(store, 2, restricted=True, mark_corpus=False)
        self.passes(store, hits=1)

    def test_a_restricted_case_that_a_claim_would_be_looked_up_in_stays_here(self, store):
        self.put(store, 1, 2, 4, restricted=False)
        self.put(store, 3, restricted=True, mark_corpus=False)
        with pytest.raises(RestrictedData, match="c:3"):
            make(Generator("There is a mass.", remote=True), store).draft(study(View.PA))
        assert make(Generator("There is a mass."), store).draft(study(View.PA)).sentences[0].links
        self.passes(store)

    def test_a_corpus_marked_later_or_added_again_as_free_stays_here(self, store):
        self.put(store, 1, 2, restricted=False)
        self.passes(store)
        store.begin_addition(CorpusInfo("c", restricted=True))
        self.refused(store)
        self.put(store, 1, 2, restricted=False)
        self.refused(store)
        store.remove_corpus("c")
        self.refused(store)  # an index that still names its cases gives nothing away

    @pytest.mark.parametrize(
        "held",
        [
            StudyImage("1.0", View.PA, 4, 4),
            StudyImage("9.9", View.PA, 4, 4, "/elsewhere/other.png", pixel_sha256=SHA),
        ],
        ids=["same UID", "same pixels"],
    )
    def test_a_study_whose_image_a_restricted_case_holds_stays_here(self, store, held):
        self.put(store, 1, 2, restricted=False)
        self.put(store, 1, restricted=True, corpus="other", image=held)
        assert "other:1" in self.refused(store)
        self.passes(store, remote=False)

    def test_any_image_of_the_study_counts_and_another_study_is_free(self, store):
        self.put(store, 1, restricted=True, corpus="other", image=StudyImage("1.1", View.PA, 4, 4))
        self.refused(store, of=study(View.PA, View.LATERAL))
        self.passes(store, of=study(View.PA))

    @pytest.mark.parametrize("remote", [1, "no", object()])
    def test_a_card_that_says_anything_but_no_counts_as_remote(self, store, remote):
        self.put(store, 1, 2, restricted=True)
        generator = Generator("There is a pleural effusion.", remote=remote)
        with pytest.raises(RestrictedData):
            make(generator, store).draft(study(View.PA))
        assert generator.request is None
