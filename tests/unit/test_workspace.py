"""A workspace loads its encoders as the settings say."""

import pytest

import radrag.encoders
from radrag.encoders.runtime import Runtime
from radrag.errors import UsageError
from radrag.settings import load_settings
from radrag.workspace import Workspace


class Loaded:
    """Stands for an encoder; keeps how it was loaded and which runtime it was told to take."""

    def __init__(self, name, **how):
        self.card = type("Card", (), {"name": name})
        self.how = how
        self.runtimes = []


class Quick(Loaded):
    def hasten(self, *, cache=None, wanted=""):
        self.runtimes.append(wanted)
        return Runtime(wanted or "eager", lambda pixels: (pixels,))


def workspace(folder, monkeypatch, loader, **settings):
    monkeypatch.setattr(radrag.encoders, "load_image_encoder", loader)
    monkeypatch.setattr(radrag.encoders, "load_text_encoder", Loaded)
    return Workspace(load_settings(workspace=folder, **settings))


def test_names_and_device_come_from_the_settings(tmp_path, monkeypatch):
    given = {"encoder": "hf:images", "text_encoder": "hf:texts", "device": "cuda:1"}
    made = workspace(tmp_path, monkeypatch, Quick, **given)
    for encoder, name in ((made.image_encoder, "hf:images"), (made.text_encoder, "hf:texts")):
        assert encoder.card.name == name
        assert encoder.how["device"] == "cuda:1"
        assert encoder.how["cache"] == tmp_path / "cache"


@pytest.mark.parametrize(("runtime", "wanted"), [("eager", "eager"), ("openvino", "openvino"), ("fastest", "")])
def test_the_image_encoder_takes_the_runtime_of_the_settings(tmp_path, monkeypatch, runtime, wanted):
    assert workspace(tmp_path, monkeypatch, Quick, runtime=runtime).image_encoder.runtimes == [wanted]


def test_a_runtime_that_an_encoder_does_not_have_is_refused(tmp_path, monkeypatch):
    assert workspace(tmp_path, monkeypatch, Loaded, runtime="fastest").image_encoder.card.name == "starter"
    with pytest.raises(UsageError, match="starter runs eagerly only, not as openvino"):
        _ = workspace(tmp_path, monkeypatch, Loaded, runtime="openvino").image_encoder
