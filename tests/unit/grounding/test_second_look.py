"""The second look: bounded, asked for before it reads, and with a say on the sentences that it was made for only."""

import pytest
from fakes import hit, sentence

from radrag.domain import Finding, Relation, Status
from radrag.errors import RestrictedData
from radrag.grounding.second_look import PER_CLAIM, Sources, look_again
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler

EVIDENCE = (sentence("Left effusion.", "Pleural Effusion", case="c:1"),)
VERIFIER = Verifier(default_labeler().label_text)


class Corpus:
    """Cases by the label that they were found for."""

    def __init__(self, **texts):
        self.texts = {
            f"{label}:{number}": sentence(text, said, case=f"{label}:{number}")
            for label, given in texts.items()
            for number, (text, said) in enumerate(given)
        }
        self.asked, self.allowed, self.read = [], [], []

    def find(self, claim, others, k):
        self.asked.append((claim, k))
        names = [name for name in self.texts if name.startswith(claim.label) and name not in others]
        return tuple(hit(name, rank) for rank, name in enumerate(names[:k], 1))

    def sentences_of(self, cases):
        assert set(cases) <= set(self.allowed)
        self.read += cases
        return {case: (self.texts[case],) for case in cases}

    def look(self, *texts, **bounds):
        checked = VERIFIER.verify([("findings", text) for text in texts], EVIDENCE)
        return look_again(
            checked, EVIDENCE, (), VERIFIER, Sources(self.find, self.allowed.extend, self.sentences_of), **bounds
        )


def test_a_supported_sentence_is_not_looked_up():
    corpus = Corpus(Mass=[("A mass.", "Mass")])
    assert corpus.look("There is a pleural effusion.").look_ups == ()
    assert corpus.asked == []


def test_support_that_was_sought_is_support_in_part():
    look = Corpus(Mass=[("A mass.", "Mass"), ("No mass.", "no Mass")]).look("There is a mass.")
    assert look.sentences[0].status is Status.PARTIAL


def test_denial_that_was_sought_is_shown_and_decides_nothing():
    look = Corpus(Mass=[("No mass.", "no Mass")]).look("There is a mass.")
    assert look.sentences[0].status is Status.UNSUPPORTED
    assert [link.relation for link in look.sentences[0].links] == [Relation.CONTRADICTS]


def test_what_reports_hardly_ever_deny_is_not_contradicted_by_those_that_state_it():
    look = Corpus(Hernia=[("A hiatal hernia.", "Hernia"), ("Hernia.", "Hernia")]).look("No hernia.")
    assert look.sentences[0].status is Status.UNSUPPORTED


def test_where_nothing_is_found_the_sentence_stays_and_the_question_is_on_record():
    look = Corpus().look("There is a mass.")
    assert look.sentences[0].status is Status.UNSUPPORTED
    assert [(one.claim, one.hits) for one in look.look_ups] == [(Finding("Mass"), ())]
    assert look.read == ()


def test_cases_found_for_one_claim_have_no_say_on_another_sentence():
    corpus = Corpus(Mass=[("A mass and a fracture.", "Mass")], Fracture=[])
    corpus.texts["Mass:0"] = sentence("A mass and a fracture.", "Mass", "Fracture", case="Mass:0")
    look = corpus.look("There is a mass.", "There is a fracture.")
    assert [one.status for one in look.sentences] == [Status.PARTIAL, Status.UNSUPPORTED]


def test_a_claim_made_twice_is_looked_up_once():
    corpus = Corpus(Mass=[("A mass.", "Mass")])
    look = corpus.look("There is a mass.", "Lung mass.")
    assert len(corpus.asked) == 1
    assert [one.status for one in look.sentences] == [Status.PARTIAL, Status.PARTIAL]


@pytest.mark.parametrize(("extra", "found"), [(0, 0), (3, 2), (5, 4), (40, 2 * PER_CLAIM)])
def test_no_more_cases_are_added_than_allowed_and_always_as_many_for_each_side(extra, found):
    many = {label: [("…", f"no {label}")] * 9 for label in ("Mass", "Fracture")}
    corpus = Corpus(**many)
    look = corpus.look("There is a mass.", "There is a fracture.", extra=extra)
    assert sum(len(one.hits) for one in look.look_ups) == found == len(corpus.read)
    assert all(k % 2 == 0 for _, k in corpus.asked)


def test_another_round_asks_for_other_cases_and_only_while_a_sentence_has_no_evidence():
    silent = [("Clear.", "no Edema")] * 4
    corpus = Corpus(Mass=[*silent, ("A mass.", "Mass")])
    assert corpus.look("There is a mass.", rounds=1).sentences[0].status is Status.UNSUPPORTED
    look = corpus.look("There is a mass.", rounds=5)
    assert look.sentences[0].status is Status.PARTIAL
    assert [(one.round, len(one.hits)) for one in look.look_ups] == [(1, 4), (2, 1)]


def test_what_may_not_be_used_is_never_read():
    corpus = Corpus(Mass=[("A mass.", "Mass")])

    def refuse(cases):
        raise RestrictedData("No.")

    checked = VERIFIER.verify([("findings", "There is a mass.")], EVIDENCE)
    with pytest.raises(RestrictedData):
        look_again(checked, EVIDENCE, (), VERIFIER, Sources(corpus.find, refuse, corpus.sentences_of))
    assert corpus.read == []
