"""Losses of the shared space: what is lowest where, and what does not count."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from radrag.training.losses import (
    combined,
    distillation,
    info_nce,
    label_agreement,
    multi_label,
    prior_log_odds,
    semantic_targets,
    share_at,
    soft_matching,
)

SEEDS = st.integers(0, 1000)
few = settings(max_examples=20)


def unit(seed, rows=6, width=8):
    return normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)), dim=1)


@few
@given(SEEDS)
def test_pairs_are_lowest_where_each_image_is_at_its_own_text(seed):
    images = torch.eye(6, 8)
    swapped = info_nce(images, images.roll(1, dims=0), 0.1, torch.arange(6))
    drawn = info_nce(unit(seed), unit(seed + 1), 0.1, torch.arange(6))
    own = info_nce(images, images, 0.1, torch.arange(6))
    assert own < drawn
    assert own < swapped
    assert own == pytest.approx(math.log(1 + 5 * math.exp(-10)), abs=1e-5)


@few
@given(SEEDS, SEEDS)
def test_pairs_are_symmetric_and_their_order_is_nothing(seed, other):
    images, texts, groups = unit(seed), unit(other), torch.tensor([0, 1, 2, 2, 3, 4])
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    loss = info_nce(images, texts, 0.2, groups)
    assert torch.allclose(info_nce(texts, images, 0.2, groups), loss, atol=1e-5)
    assert torch.allclose(info_nce(images[order], texts[order], 0.2, groups[order]), loss, atol=1e-5)


def test_two_films_of_one_note_do_not_push_each_other_away():
    texts = torch.eye(3)[[0, 0, 1]]
    images = texts.clone().requires_grad_()
    together = info_nce(images, texts, 0.1, torch.tensor([0, 0, 1]))
    apart = info_nce(images, texts, 0.1, torch.arange(3))
    assert together - math.log(2) * 2 / 3 < 0.01  # which of the two it is cannot be told, and that is all
    assert torch.autograd.grad(together, images)[0].abs().max() < 1e-3
    assert apart > together - 1e-6


@few
@given(SEEDS)
def test_matching_is_never_below_the_entropy_of_what_is_wanted(seed):
    targets = semantic_targets(torch.rand(6, 6, generator=torch.Generator().manual_seed(seed)), 4.0)
    both = (targets / targets.sum(1, keepdim=True), (targets / targets.sum(0)).T)
    entropy = sum(-(one * one.log()).sum(dim=1).mean() for one in both) / 2
    assert soft_matching(unit(seed), unit(seed + 1), targets, 0.1) >= entropy - 1e-5


def test_an_image_without_partners_counts_for_nothing_but_as_a_negative():
    images, texts = torch.eye(6, 8), torch.eye(6, 8)[:5]
    targets = torch.eye(6)[:, :5]
    loss = soft_matching(images, texts, targets, 0.1)
    assert torch.isfinite(loss)
    assert loss < soft_matching(torch.cat([images[:5], images[:1]]), texts, targets, 0.1)
    assert soft_matching(images, texts, torch.zeros(6, 5), 0.1) == 0


@few
@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_labels_agree_fully_with_themselves_and_normal_with_normal(rows):
    labels = torch.tensor(rows)
    agreement = label_agreement(labels, labels)
    assert torch.allclose(agreement.diagonal(), torch.ones(len(rows)))
    assert torch.allclose(agreement, agreement.T)
    assert agreement.min() >= 0
    assert agreement.max() <= 1 + 1e-6


def test_labels_without_anything_in_common_do_not_agree():
    effusion, heart, normal = torch.eye(3, 2).unbind()
    found = label_agreement(torch.stack([effusion, normal]), torch.stack([effusion, heart, effusion + heart, normal]))
    assert torch.allclose(found, torch.tensor([[1, 0, 2 / 3, 0], [0, 0, 0, 1.0]]))


def test_what_agrees_more_is_wanted_more_and_sharply_so():
    agreement = torch.tensor([[0.0, 0.5, 1.0]])
    mild, sharp = semantic_targets(agreement, 1.0), semantic_targets(agreement, 8.0)
    assert mild.argmax() == sharp.argmax() == 2
    assert sharp.max() > 0.95 > mild.max()
    assert torch.allclose(mild.sum(), torch.tensor(1.0))


def test_the_priors_take_over_how_frequent_a_label_is():
    """A network that knows nothing of the image is best with logits of 0, whatever the labels' shares."""
    targets = torch.zeros(200, 2)
    targets[:10, 0] = targets[:100, 1] = 1
    prior = prior_log_odds(targets)
    logits = torch.zeros(200, 2, requires_grad=True)
    gradient = torch.autograd.grad(multi_label(logits, targets, prior), logits)[0].sum(dim=0)
    assert gradient.abs().max() < 0.01  # half a case of 200
    assert torch.sigmoid(prior).tolist() == pytest.approx([0.05, 0.5], abs=0.003)


def test_a_label_that_nobody_has_leaves_the_prior_finite():
    assert torch.isfinite(prior_log_odds(torch.zeros(3, 1))).all()


@few
@given(st.floats(0.02, 0.98), st.floats(-4, 4), st.floats(0.5, 4))
def test_the_pupil_is_best_as_its_teacher(probability, other, temperature):
    teacher = torch.tensor([[probability]], dtype=torch.float64)
    own, moved = torch.logit(teacher), torch.tensor([[other]], dtype=torch.float64)
    assert distillation(own, teacher, temperature) <= distillation(moved, teacher, temperature) + 1e-9


def test_where_the_teacher_says_nothing_nothing_is_learned():
    logits = torch.zeros(1, 2, requires_grad=True)
    loss = distillation(logits, torch.tensor([[math.nan, 0.9]]), 2.0)
    assert torch.autograd.grad(loss, logits)[0][0, 0] == 0
    silent = distillation(logits, torch.full((1, 2), math.nan), 2.0)
    assert silent == 0
    assert torch.autograd.grad(silent, logits)[0].abs().sum() == 0


def test_shares_go_from_first_to_last_and_losses_count_by_them():
    assert [share_at(step, total=3, first=0.0, last=1.0) for step in (1, 2, 3)] == [0.0, 0.5, 1.0]
    assert share_at(1, total=1, first=0.3, last=1.0) == 0.3
    losses = {"pairs": torch.tensor(2.0), "labels": torch.tensor(3.0)}
    assert combined(losses, {"pairs": 0.5, "labels": 1.0}) == 4.0
    with pytest.raises(KeyError):
        combined(losses, {"pairs": 1.0})
