"""What neither image nor evidence carries is rewritten or dropped, in bounded steps, and each is logged."""

import pytest

from radrag.domain import DraftSentence, Finding, Polarity, Sentence, Status
from radrag.errors import GenerationCode, GenerationError
from radrag.generation.base import GeneratedReport, GeneratedSentence
from radrag.grounding.revision import MOST, PROBLEMS, ROUNDS, Tools, is_kept, revise, revision_to_dict

EVIDENCE = (Sentence("c:1", "findings", 0, 0, 5, "Mass.", (Finding("Mass"),)),)


MASS = (Finding("Mass"),)


def drafted(text, status=Status.UNSUPPORTED, section="findings", findings=MASS, seen=()):
    return DraftSentence(section, text, status, findings, (), seen)


GOOD = drafted("Heart size is normal.", Status.SUPPORTED)
WEAK = drafted("Left mass.")


class Bench:
    """A generator of prepared rewrites, and a check that finds all sentences weak but those it knows to be good."""

    def __init__(self, *rewrites, good=(), evidence=EVIDENCE):
        self.rewrites = list(rewrites)
        self.good = set(good)
        self.evidence = evidence
        self.tasks = []

    def rewrite(self, task):
        self.tasks.append(task)
        text = self.rewrites.pop(0) if len(self.rewrites) > 1 else self.rewrites[0]
        if isinstance(text, GenerationCode):
            raise GenerationError(text, "The model failed.")
        texts = [text] if isinstance(text, str) else text
        written = tuple(GeneratedSentence(task.section, one) for one in texts)
        return GeneratedReport(written, f"prompt {len(self.tasks)}", "output")

    def check(self, pairs):
        return [drafted(text, self.status(text), section) for section, text in pairs]

    def status(self, text):
        return Status.SUPPORTED if text in self.good else Status.UNSUPPORTED

    def revise(self, *sentences, **more):
        return revise(sentences, Tools(self.rewrite, self.check, lambda _: self.evidence), **more)


def texts(revised):
    return [one.text for one in revised.sentences]


def test_what_stands_is_left_alone_and_nothing_is_asked():
    bench = Bench("never")
    revised = bench.revise(GOOD, drafted("A mass.", Status.PARTIAL))
    assert (texts(revised), revised.revisions, revised.reports) == ([GOOD.text, "A mass."], (), ())
    assert bench.tasks == []


@pytest.mark.parametrize("status", [Status.UNSUPPORTED, Status.CONTRADICTED])
def test_a_weak_sentence_is_written_anew_in_its_place(status):
    bench = Bench("There is a mass.", good=["There is a mass."])
    last = drafted("No effusion.", Status.SUPPORTED)
    revised = bench.revise(GOOD, drafted("Left mass.", status, "impression"), last)
    assert texts(revised) == [GOOD.text, "There is a mass.", last.text]
    assert revised.sentences[1].section == "impression"
    (task,) = bench.tasks
    assert (task.text, task.section, task.problem, task.evidence) == (
        "Left mass.",
        "impression",
        PROBLEMS[status],
        EVIDENCE,
    )
    (one,) = revised.revisions
    assert (one.round, one.before, one.status, one.after, one.failure) == (
        1,
        "Left mass.",
        status,
        "There is a mass.",
        "",
    )
    assert [report.prompt for report in revised.reports] == ["prompt 1"]


def test_what_the_image_says_stays_however_weak_and_only_if_it_says_all_of_it():
    both = (Finding("Mass"), Finding("Edema"))
    assert is_kept(drafted("Mass.", seen=("Mass",)))
    assert is_kept(drafted("Mass.", Status.CONTRADICTED, seen=("Mass",)))
    assert not is_kept(drafted("Mass and edema.", findings=both, seen=("Mass",)))
    assert not is_kept(drafted("No mass.", findings=(Finding("Mass", Polarity.NEGATIVE),), seen=("Mass",)))
    assert not is_kept(drafted("Nice film.", findings=()))


def test_a_rewrite_that_is_still_weak_is_rewritten_once_more_and_then_dropped():
    bench = Bench("First.", "Second.", "Third.")
    revised = bench.revise(WEAK)
    assert texts(revised) == []
    assert [(one.round, one.before, one.after) for one in revised.revisions] == [
        (1, "Left mass.", "First."),
        (2, "First.", "Second."),
        (3, "Second.", ""),
    ]
    assert len(bench.tasks) == ROUNDS


def test_a_second_rewrite_may_succeed():
    assert texts(Bench("First.", "Second.", good=["Second."]).revise(WEAK)) == ["Second."]


@pytest.mark.parametrize("again", ["Left mass.", "LEFT MASS."])
def test_a_generator_that_repeats_itself_ends_in_one_step(again):
    bench = Bench(again)
    revised = bench.revise(WEAK)
    assert texts(revised) == []
    assert len(bench.tasks) == 1


def test_a_rewrite_that_is_already_said_is_not_said_twice():
    assert texts(Bench(GOOD.text, good=[GOOD.text]).revise(WEAK, GOOD)) == [GOOD.text]
    same = Bench("There is a mass.", good=["There is a mass."])
    assert texts(same.revise(WEAK, drafted("Right mass."))) == ["There is a mass."]


def test_a_generator_that_fails_drops_the_sentence_and_says_why():
    bench = Bench(GenerationCode.TIMED_OUT)
    revised = bench.revise(GOOD, WEAK)
    assert texts(revised) == [GOOD.text]
    (one,) = revised.revisions
    assert (one.after, one.failure) == ("", "timed_out")
    assert revised.reports == ()


def test_a_reader_who_cancels_waits_for_no_other_sentence():
    bench = Bench(GenerationCode.CANCELLED)
    with pytest.raises(GenerationError):
        bench.revise(WEAK, drafted("Right mass."))
    assert len(bench.tasks) == 1


@pytest.mark.parametrize("rewrite", [[], GenerationCode.REFUSAL, "Left mass."])
def test_calls_and_revisions_are_bounded_however_long_the_draft(rewrite):
    bench = Bench(rewrite)
    weak = [drafted(f"Mass {n}.") for n in range(30)]
    revised = bench.revise(*weak)
    assert texts(revised) == []
    assert len(bench.tasks) <= MOST
    assert {one.text for one in weak} <= {one.before for one in revised.revisions}
    assert len(revised.revisions) <= len(weak) + MOST


def test_without_evidence_nobody_is_asked():
    bench = Bench("There is a mass.", good=["There is a mass."], evidence=())
    assert texts(bench.revise(WEAK)) == []
    assert bench.tasks == []


def test_only_one_sentence_takes_the_place_of_one():
    bench = Bench(["One.", "Two."], good=["One.", "Two."])
    assert texts(bench.revise(WEAK)) == ["One."]


def test_a_rewrite_that_the_check_does_not_let_pass_drops_the_sentence():
    bench = Bench("There is a new mass.")
    tools = Tools(bench.rewrite, lambda _: (), lambda _: EVIDENCE)
    revised = revise([WEAK], tools)
    assert (revised.sentences, revised.revisions[0].after) == ((), "")


@pytest.mark.parametrize("code", [GenerationCode.UNREACHABLE, GenerationCode.TIMED_OUT])
def test_a_server_that_is_gone_is_not_asked_again_for_every_sentence(code):
    bench = Bench(code)
    revised = bench.revise(WEAK, drafted("Right mass."), GOOD)
    assert texts(revised) == [GOOD.text]
    assert len(bench.tasks) == 1
    assert [one.failure for one in revised.revisions] == [code, ""]


def test_without_rounds_weak_sentences_are_dropped_and_nobody_is_asked():
    bench = Bench("never")
    assert texts(bench.revise(GOOD, WEAK, rounds=0)) == [GOOD.text]
    assert bench.tasks == []


def test_a_revision_is_kept_as_plain_values():
    (one,) = Bench([]).revise(WEAK).revisions
    assert revision_to_dict(one) == {
        "round": 1,
        "section": "findings",
        "before": "Left mass.",
        "status": "unsupported",
        "after": "",
        "failure": "",
    }
