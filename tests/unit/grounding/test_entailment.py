"""The second judge lowers and warns, never raises; a real model folder is read by its own labels."""

import json
from dataclasses import replace

import pytest
from fakes import sentence
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import TEXT, save_tokenizer

from radrag.domain import Relation, Status
from radrag.errors import MissingModel, WeightsError
from radrag.grounding.entailment import CODE, SURE, NliJudge, Opinion, second_opinion
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler

SUPPORTS, CONTRADICTS = Relation.SUPPORTS, Relation.CONTRADICTS
RANK = [Status.CONTRADICTED, Status.UNSUPPORTED, Status.PARTIAL, Status.SUPPORTED]
EVIDENCE = [sentence("Left pleural effusion.", "Pleural Effusion"), sentence("No edema.", "no Edema", number=1)]
TEXTS = ["There is a pleural effusion.", "Pulmonary edema.", "There is a fracture.", "Small left pleural effusion."]
OPINIONS = st.builds(Opinion, st.sampled_from([SUPPORTS, CONTRADICTS, None]), st.floats(0, 1))


class Says:
    """A judge that says the same of every pair, and keeps what it was asked."""

    def __init__(self, relation, probability=0.9):
        self.opinion, self.asked = Opinion(relation, probability), []

    def judge(self, pairs):
        self.asked += pairs
        return [self.opinion for _ in pairs]


def check(judge=None, texts=TEXTS):
    verifier = Verifier(default_labeler().label_text, judge=judge)
    return verifier.check([("findings", text) for text in texts], EVIDENCE)


def test_without_a_judge_nothing_is_noted():
    assert check().notes == ()


def test_where_the_judge_finds_no_support_a_supported_sentence_is_supported_in_part():
    plain, checked = check(), check(Says(None))
    assert plain.sentences[0].status is Status.SUPPORTED
    assert checked.sentences[0].status is Status.PARTIAL
    assert checked.sentences[0].links == plain.sentences[0].links
    assert [note.code for note in checked.notes] == [CODE]
    assert f"“{checked.sentences[0].text}”" in checked.notes[0].message


def test_a_contradiction_is_told_of_every_sentence_with_support():
    checked = check(Says(CONTRADICTS))
    named = [sentence.text for sentence in (checked.sentences[0], checked.sentences[3])]
    assert [note.message.split("“")[1].split("”")[0] for note in checked.notes] == named


def test_an_unsure_judge_changes_nothing():
    assert check(Says(None, SURE - 0.01)) == check()


def test_only_supported_sentences_are_asked_about_with_their_quotes():
    judge = Says(SUPPORTS)
    assert check(judge) == check()
    assert judge.asked == [("Left pleural effusion.", TEXTS[0]), ("Left pleural effusion.", TEXTS[3])]


@given(st.lists(OPINIONS, min_size=4, max_size=4), st.permutations(RANK))
def test_no_opinion_ever_raises_a_status_or_touches_a_link(opinions, statuses):
    class Random:
        def judge(self, pairs):
            return opinions[: len(pairs)]

    before = tuple(replace(one, status=status) for one, status in zip(check().sentences, statuses, strict=True))
    after, _ = second_opinion(before, Random())
    for old, new in zip(before, after, strict=True):
        assert RANK.index(new.status) <= RANK.index(old.status)
        assert new == replace(old, status=new.status)


def save_nli(folder, labels, seed=0):
    """A tiny BERT for inference, with these output names."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    names = dict(enumerate(labels))
    config = BertConfig(**TEXT | {"max_position_embeddings": 48, "id2label": names, "num_labels": len(labels)})
    model = BertForSequenceClassification(config)
    with torch.no_grad():  # far from equal outputs, so that the labels' order shows
        model.classifier.weight.mul_(20)
    model.save_pretrained(folder)
    save_tokenizer(folder, 48)
    return folder


PAIRS = [("no pleural effusion.", "the heart is large."), ("heart", "effusion"), ("no " * 80, "no effusion.")]


def test_a_model_folder_is_judged_by_in_batches_with_the_same_result(tmp_path):
    folder = save_nli(tmp_path, ["CONTRADICTION", "neutral", "Entailment"])
    together = NliJudge(folder).judge(PAIRS)
    alone = [NliJudge(folder, batch=1).judge([pair])[0] for pair in PAIRS]
    assert [one.relation for one in together] == [one.relation for one in alone]
    assert [one.probability for one in together] == pytest.approx([one.probability for one in alone], abs=1e-5)
    assert all(1 / 3 <= one.probability <= 1 for one in together)


def test_the_labels_of_the_configuration_say_what_an_output_means(tmp_path):
    found = {}
    for name, labels in {
        "a": ["entailment", "neutral", "contradiction"],
        "b": ["contradiction", "neutral", "entailment"],
    }.items():
        (tmp_path / name).mkdir()
        found[name] = NliJudge(save_nli(tmp_path / name, labels)).judge(PAIRS)
    turned = {SUPPORTS: CONTRADICTS, CONTRADICTS: SUPPORTS, None: None}
    assert [one.relation for one in found["b"]] == [turned[one.relation] for one in found["a"]]


def test_two_outputs_will_do(tmp_path):
    judged = NliJudge(save_nli(tmp_path, ["not_entailment", "entailment"])).judge(PAIRS)
    assert {one.relation for one in judged} <= {None, SUPPORTS}


def test_a_model_of_something_else_is_refused_before_its_weights_are_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "id2label": {"0": "bad", "1": "good"}}))
    with pytest.raises(WeightsError, match="inference"):
        NliJudge(tmp_path)


def test_no_model_and_damaged_weights_are_told_apart(tmp_path):
    with pytest.raises(MissingModel):
        NliJudge(tmp_path)
    folder = save_nli(tmp_path, ["entailment", "neutral", "contradiction"])
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(WeightsError):
        NliJudge(folder).judge(PAIRS)
