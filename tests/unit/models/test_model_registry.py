"""Names lead to classes only when asked; wrong names are answered with the right ones."""

import subprocess
import sys

import pytest

from radrag.errors import UsageError
from radrag.models import registry


def test_every_target_names_a_class_with_a_loader():
    for name in registry.names():
        assert callable(registry.entry(name).load_class().load)


def test_names_are_listed_by_task():
    assert registry.names(registry.TEXT_TASK) == ("minilm",)
    assert registry.names(registry.IMAGE_TASK)[0] == "starter"
    assert set(registry.names()) == set(registry.REGISTRY)


def test_an_unknown_name_is_answered_with_the_valid_ones_and_a_guess():
    with pytest.raises(UsageError) as caught:
        registry.entry("startre")
    assert "Did you mean 'starter'?" in str(caught.value)
    assert all(name in str(caught.value) for name in registry.names())


def test_a_model_of_another_task_is_not_offered():
    with pytest.raises(UsageError) as caught:
        registry.entry("minilm", registry.IMAGE_TASK)
    assert "image-encoder" in str(caught.value)
    assert "minilm" not in caught.value.hint


def test_every_entry_has_a_card_without_weights():
    for name in registry.names():
        entry = registry.entry(name)
        card = entry.card()
        assert (card.name, card.task) == (name, entry.task)
        assert bool(card.sha256) == entry.shipped
        assert set(card.trained) == set(card.thresholds)


@pytest.mark.parametrize("task", [registry.IMAGE_TASK, registry.TEXT_TASK])
def test_hugging_face_names_need_no_entry_but_a_task(task):
    assert callable(registry.entry("hf:owner/name", task).load_class().load)
    with pytest.raises(UsageError, match="hf:FOLDER"):
        registry.entry("hf:owner/name")


def test_importing_encoders_loads_nothing_heavy():
    code = (
        "import sys, radrag.encoders, radrag.encoders.starter, radrag.encoders.text, radrag.encoders.xrv, "
        "radrag.encoders.huggingface, radrag.encoders.huggingface_text, radrag.encoders.studies, "
        "radrag.models.weights, radrag.models.pull, radrag.encoders.preprocessing;"
        "print([m for m in ('torch', 'timm', 'transformers', 'torchxrayvision', 'safetensors') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
