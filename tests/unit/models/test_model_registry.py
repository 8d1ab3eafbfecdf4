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


def test_importing_encoders_loads_nothing_heavy():
    code = (
        "import sys, radrag.encoders, radrag.encoders.starter, radrag.encoders.text, radrag.encoders.xrv, "
        "radrag.models.weights, radrag.encoders.preprocessing;"
        "print([m for m in ('torch', 'timm', 'transformers', 'torchxrayvision', 'safetensors') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
