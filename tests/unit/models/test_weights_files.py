"""Weights are found locally, checked, and never run."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from radrag.disk import sha256_of
from radrag.errors import MissingModel, WeightsError
from radrag.models.weights import find_weights, load_state, verify

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}


class Payload:
    """Would create a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_safetensors_come_back(tmp_path):
    save_file(STATE, tmp_path / "w.safetensors")
    assert same(load_state(tmp_path / "w.safetensors"), STATE)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
def test_torch_files_come_back(tmp_path, suffix, wrapped):
    path = tmp_path / f"w{suffix}"
    torch.save({"state_dict": STATE} if wrapped else STATE, path)
    assert same(load_state(path), STATE)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    path, trace = tmp_path / "w.pt", tmp_path / "ran"
    torch.save({"a": Payload(trace)}, path)
    with pytest.raises(WeightsError, match="could run code"):
        load_state(path)
    assert not trace.exists()


def test_a_plain_pickle_with_code_is_refused_and_not_run(tmp_path):
    path, trace = tmp_path / "w.pth", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Payload(trace)))
    with pytest.raises(WeightsError):
        load_state(path)
    assert not trace.exists()


def test_a_whole_model_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(WeightsError):
        load_state(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 3}])
def test_what_is_no_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="not a state dict"):
        load_state(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_cut_file_is_refused(tmp_path, suffix, share):
    path = tmp_path / f"w{suffix}"
    if suffix == ".pt":
        torch.save(STATE, path)
    else:
        save_file(STATE, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError):
        load_state(path)


def test_an_unknown_suffix_is_refused(tmp_path):
    path = tmp_path / "w.h5"
    path.touch()
    with pytest.raises(WeightsError, match=r"\.h5"):
        load_state(path)


def test_a_wrong_digest_is_refused_before_loading(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"not safetensors")
    with pytest.raises(WeightsError, match="SHA-256"):
        load_state(path, sha256="ab" * 32)
    verify(path, sha256_of(path).upper())


def test_the_first_place_that_has_the_file_wins(tmp_path):
    second, third = tmp_path / "2", tmp_path / "3"
    second.touch(), third.touch()
    assert find_weights("m", [None, tmp_path / "1", second, third], hint="") == second


def test_missing_weights_say_where_and_what_to_do(tmp_path):
    with pytest.raises(MissingModel) as caught:
        find_weights("tiny", [None, tmp_path / "w.pt"], hint="Set RADRAG_ENCODER_WEIGHTS.")
    assert "'tiny'" in str(caught.value)
    assert "w.pt" in str(caught.value)
    assert str(caught.value).endswith("Set RADRAG_ENCODER_WEIGHTS.")
    with pytest.raises(MissingModel):
        load_state(tmp_path / "w.pt")
