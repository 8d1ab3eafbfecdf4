"""Runs: what ends one early loses nothing."""

import errno
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import tiny_runs
import torch
from tiny_runs import STEPS, TinyConfig, train

from radrag.errors import TrainingError
from radrag.training import checkpoints, run_metrics
from radrag.training.runs import BEST, CHECKPOINTS, CURVES, METRICS, Paused, Run


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return train(tmp_path_factory.mktemp("unbroken"))


def steps_in(folder: Path) -> list[float]:
    return [row["step"] for row in run_metrics.read(folder / METRICS)]


def test_a_run_killed_while_it_saves_ends_with_the_very_weights_of_an_unbroken_one(tmp_path, unbroken):
    ended = subprocess.run(
        [sys.executable, tiny_runs.__file__, tmp_path], timeout=120, cwd=Path(tiny_runs.__file__).parents[1]
    )
    assert ended.returncode == -signal.SIGKILL
    assert checkpoints.latest(tmp_path / CHECKPOINTS).step == 6
    assert torch.equal(train(tmp_path), unbroken)
    assert steps_in(tmp_path) == list(range(1, STEPS + 1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_checkpoints_and_says_how_to_resume(tmp_path, unbroken, number):
    def interrupt(run, step):
        if step == 5:
            os.kill(os.getpid(), number)

    with pytest.raises(Paused, match=f"after step 5 of {STEPS}.*{number.name}.*{tmp_path.name}") as paused:
        train(tmp_path, on_step=interrupt)
    assert paused.value.signalled
    assert torch.equal(train(tmp_path), unbroken)


def test_a_second_signal_is_left_to_python(tmp_path):
    def twice(run, step):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_step=twice)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_sitting_ends_when_its_time_is_up_and_the_next_may_be_longer(tmp_path, unbroken):
    short = TinyConfig(seed=3, minutes=1e-9)
    with pytest.raises(Paused, match=r"after step 1 .*minutes are over"):
        train(tmp_path, config=short)
    assert torch.equal(train(tmp_path, config=TinyConfig(seed=3, minutes=60)), unbroken)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    def diverge(run, step):
        if step == 4:
            run.log(step, loss=float("nan"))

    with pytest.raises(TrainingError, match="loss is nan at step 4.*learning rate") as told:
        train(tmp_path, on_step=diverge)
    assert told.value.code == "diverged"
    assert checkpoints.latest(tmp_path / CHECKPOINTS).step == 3


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    with pytest.raises(TrainingError, match="no finite numbers") as told:
        checkpoints.save(tmp_path, 2, {"w": torch.tensor([float("inf")])})
    assert told.value.code == "diverged"
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, unbroken):
    train(tmp_path)
    newest, before = sorted((tmp_path / CHECKPOINTS).glob("step-*"), reverse=True)
    tensors = newest / checkpoints.TENSORS
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{newest.name} is damaged.*the one before"):
        assert torch.equal(train(tmp_path), unbroken)
    assert before.name == f"step-{STEPS - 1:08d}"


def test_with_no_whole_checkpoint_the_run_says_so_instead_of_beginning_anew(tmp_path):
    train(tmp_path)
    for path in (tmp_path / CHECKPOINTS).glob(f"step-*/{checkpoints.SUMS}"):
        path.unlink()
    with warnings.catch_warnings(), pytest.raises(TrainingError, match="damaged or incomplete") as told:
        warnings.simplefilter("ignore")
        train(tmp_path)
    assert told.value.code == "bad_checkpoint"


def test_a_full_disk_is_told_and_the_last_whole_checkpoint_stays(tmp_path, monkeypatch, unbroken):
    real = Path.write_text

    def full(path, *given, **named):
        if path.name == checkpoints.FACTS and "00000006" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *given, **named)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(TrainingError, match="disk is full: the checkpoint of step 6") as told:
        train(tmp_path)
    assert told.value.code == "disk_full"
    monkeypatch.undo()
    assert [path.name for path in sorted((tmp_path / CHECKPOINTS).iterdir())] == ["step-00000004", "step-00000005"]
    assert torch.equal(train(tmp_path), unbroken)


def test_a_full_disk_under_safetensors_is_told_too(tmp_path, monkeypatch):
    from safetensors import SafetensorError

    def full(*_):
        raise SafetensorError(
            "Error while serializing: I/O error: Os { code: 28 } No space left on device (os error 28)"
        )

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(TrainingError, match="disk is full"):
        checkpoints.save(tmp_path, 1, {"w": torch.zeros(1)})


def test_the_folder_of_a_run_with_other_values_is_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(TrainingError, match=r"other values: rate 0\.05 → 0\.1") as told:
        train(tmp_path, config=TinyConfig(seed=3, rate=0.1))
    assert told.value.code == "other_run"


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    with (
        Run(tmp_path, TinyConfig()),
        pytest.raises(TrainingError, match="Another process"),
        Run(tmp_path, TinyConfig()),
    ):
        pass


def test_the_best_state_is_kept_and_taken_back(tmp_path):
    network = torch.nn.Linear(1, 1)
    with Run(tmp_path, TinyConfig()) as run:
        run.hold(network=network)
        for step, score in zip(run.steps(3), (0.1, 0.3, 0.2), strict=True):
            torch.nn.init.constant_(network.weight, step)
            assert run.improved(step, score) == (step != 3)
        assert run.take_best() == 2
    assert network.weight.item() == 2
    with Run(tmp_path, TinyConfig()) as run:
        run.hold(network=network)
        assert (run.done, run.best, run.best_step) == (3, 0.3, 2)
    assert (tmp_path / CHECKPOINTS / BEST).is_dir()


def test_a_network_of_another_shape_is_refused(tmp_path):
    train(tmp_path)
    with Run(tmp_path, TinyConfig(seed=3)) as run, pytest.raises(TrainingError, match="does not fit"):
        run.hold(network=torch.nn.Linear(2, 2), optimiser=torch.nn.Linear(1, 1))


def test_metrics_are_drawn_and_a_line_cut_off_by_a_crash_is_left_out(tmp_path):
    train(tmp_path)
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 13, "lo')
    rows = run_metrics.read(tmp_path / METRICS)
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    assert set(rows[0]) == {"step", "seconds", "loss"}
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 3
