"""A pickled DenseNet gives its tensors without running code; a pickle with anything else is refused."""

import pickle

import pytest
import torch
import torchxrayvision

from radrag.errors import MissingModel, WeightsError
from radrag.models.whole_models import state_of_whole_model

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])


class Payload:
    """Would create a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return torchxrayvision.models.DenseNet(weights=None)


def save(model, path, zipped):
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    return path


@FORMATS
def test_the_state_is_the_models_own(model, tmp_path, zipped):
    found = state_of_whole_model(save(model, tmp_path / "w.pt", zipped))
    expected = model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@FORMATS
def test_a_model_that_carries_code_is_refused_and_nothing_runs(model, tmp_path, zipped):
    trace = tmp_path / "ran"
    model.note = Payload(trace)
    path = save(model, tmp_path / "w.pt", zipped)
    del model.note
    with pytest.raises(WeightsError, match=r"open.*could run code"):
        state_of_whole_model(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "name",
    [("os", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("torch", "load"), ("torch.hub", "load")],
)
def test_no_function_can_be_reached_by_name(tmp_path, name):
    path = tmp_path / "w.pt"
    path.write_bytes(b"\x80\x02c" + "\n".join(name).encode() + b"\n(X\x01\x00\x00\x00xtR.")
    with pytest.raises(WeightsError, match="could run code"):
        state_of_whole_model(path)


def test_the_librarys_class_is_not_built(model, tmp_path, monkeypatch):
    """Its constructor can be told to fetch and to unpickle another file."""

    def refuse(*_, **__):
        raise AssertionError("built")

    path = save(model, tmp_path / "w.pt", True)
    monkeypatch.setattr(torchxrayvision.models.DenseNet, "__init__", refuse)
    monkeypatch.setattr(torchxrayvision.models.DenseNet, "__setstate__", refuse)
    assert state_of_whole_model(path)


@FORMATS
def test_another_kind_of_model_is_refused(tmp_path, zipped):
    with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.rnn\.LSTM"):
        state_of_whole_model(save(torch.nn.LSTM(2, 2), tmp_path / "w.pt", zipped))


@FORMATS
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_cut_file_is_refused(model, tmp_path, zipped, share):
    path = save(model, tmp_path / "w.pt", zipped)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError):
        state_of_whole_model(path)


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path):
    """A stride of 0 would otherwise make terabytes of one number."""
    layer = torch.nn.Linear(2, 2)
    layer.weight = torch.nn.Parameter(torch.zeros(1).expand(1 << 20, 1 << 20))
    with pytest.raises(WeightsError, match="damaged"):
        state_of_whole_model(save(layer, tmp_path / "w.pt", True))


@pytest.mark.parametrize("content", [[1, 2], {"a": torch.zeros(2)}])
def test_what_is_no_module_is_refused(tmp_path, content):
    with pytest.raises(WeightsError):
        state_of_whole_model(save(content, tmp_path / "w.pt", True))


def test_a_plain_pickle_is_refused(tmp_path):
    (tmp_path / "w.pt").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(WeightsError):
        state_of_whole_model(tmp_path / "w.pt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingModel, match=r"w\.pt"):
        state_of_whole_model(tmp_path / "w.pt")
