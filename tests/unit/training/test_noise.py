"""Noise for training: seeded, and each kind what it says."""

import random

from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Finding, Hit, ImageFinding, Polarity, Sentence, Side
from radrag.generation.plan import Plan, Statement
from radrag.training import noise

SEEN = tuple(ImageFinding(label, 0.3, 0.5) for label in ("Edema", "Mass", "Nodule", "Hernia"))
HITS = tuple(Hit(f"c:{rank}", rank, 1.0, {}) for rank in range(1, 6))


def sentence(number, label, polarity=Polarity.POSITIVE, side=Side.NONE):
    return Sentence("c:1", "findings", number, 0, 1, f"Sentence {number}.", (Finding(label, polarity, side),))


EFFUSION = sentence(1, "Pleural Effusion", side=Side.LEFT)
OTHER_SIDE = sentence(2, "Pleural Effusion", side=Side.RIGHT)
NEGATED = sentence(3, "Pleural Effusion", Polarity.NEGATIVE)
SAME = sentence(4, "Pleural Effusion", side=Side.LEFT)
ELSE = sentence(5, "Mass")


def test_the_same_seed_gives_the_same_noise():
    def made(seed):
        draw = random.Random(seed)
        return (
            noise.without_query(SEEN, 0.5, draw),
            noise.with_wrong_neighbours(HITS, ["c:8", "c:9"], 2, draw),
            noise.shuffled_evidence([EFFUSION, NEGATED, ELSE], draw),
            noise.with_hard_negatives([EFFUSION], [OTHER_SIDE, NEGATED], 1, draw),
        )

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_query_dropout_leaves_out_its_share():
    kept = sum(len(noise.without_query(SEEN, 0.25, random.Random(seed))) for seed in range(500)) / 2000
    assert 0.7 < kept < 0.8
    assert noise.without_query(SEEN, 0, random.Random(0)) == SEEN


@given(st.integers(0, 9), st.integers(0, 99))
def test_wrong_neighbours_take_the_place_of_hits_and_are_none_of_them(count, seed):
    others = [f"c:{number}" for number in range(1, 9)]
    noisy = noise.with_wrong_neighbours(HITS, others, count, random.Random(seed))
    exchanged = [new for new, old in zip(noisy, HITS, strict=True) if new.case_id != old.case_id]
    assert len(exchanged) == min(count, 3)  # c:6, c:7 and c:8 are strangers
    assert len({hit.case_id for hit in noisy}) == len(HITS)
    assert [hit.rank for hit in noisy] == [hit.rank for hit in HITS]


def test_shuffled_evidence_is_the_same_evidence():
    given = [sentence(number, "Mass") for number in range(20)]
    shuffled = noise.shuffled_evidence(given, random.Random(1))
    assert sorted(shuffled, key=lambda one: one.number) == given
    assert list(shuffled) != given


def test_a_plan_loses_statements_in_their_order():
    plan = Plan(tuple(Statement("findings", f"S{number}.", (), (), ()) for number in range(10)))
    kept = noise.without_plan(plan, 0.5, random.Random(3)).statements
    assert 0 < len(kept) < 10
    assert list(kept) == [one for one in plan.statements if one in kept]


def test_hard_negatives_are_the_other_side_or_the_opposite_and_nothing_else():
    assert noise.is_hard_negative(OTHER_SIDE, EFFUSION)
    assert noise.is_hard_negative(NEGATED, EFFUSION)
    assert not noise.is_hard_negative(SAME, EFFUSION)
    assert not noise.is_hard_negative(ELSE, EFFUSION)
    added = noise.with_hard_negatives([EFFUSION], [OTHER_SIDE, NEGATED, SAME, ELSE], 4, random.Random(0))
    assert added[0] == EFFUSION
    assert set(added[1:]) == {OTHER_SIDE, NEGATED}
