"""The generator's loss: the answer's tokens and no others."""

import pytest
import torch
from tiny_generators import generator_folder

from radrag.generation.local_network import load_network
from radrag.training.losses_text import IGNORED, answer_loss


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return load_network(generator_folder(tmp_path_factory, "llama"), "float32", "cpu").network


def test_it_is_the_library_s_own_loss_of_a_masked_prompt(network):
    ids = torch.arange(10, 24)[None]
    targets = ids.clone()
    targets[0, :6] = IGNORED
    embeddings = network.get_input_embeddings()(ids)
    with torch.no_grad():
        expected = network(inputs_embeds=embeddings, labels=targets).loss
        assert torch.allclose(answer_loss(network, embeddings, targets), expected, atol=1e-5)


def test_words_of_the_prompt_are_not_learned(network):
    ids = torch.arange(10, 24)[None]
    targets = torch.full_like(ids, IGNORED)
    targets[0, -1] = 50
    changed = targets.clone()
    embeddings = network.get_input_embeddings()(ids)
    with torch.no_grad():
        before = answer_loss(network, embeddings, targets)
        changed[0, -1] = 51
        assert not torch.allclose(before, answer_loss(network, embeddings, changed))
        with pytest.raises(ValueError, match="no answer"):
            answer_loss(network, embeddings, torch.full_like(ids, IGNORED))
