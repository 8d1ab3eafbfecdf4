"""Work in processes: everything comes, in order, few tasks on the way, and no process outlives its use."""

import os
import signal
import subprocess
import sys
import time
import types
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import worker_tasks
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.corpus.workers import default_workers, in_order

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux lists processes so")


def run(function, tasks, workers=2):
    return in_order(function, tasks, workers, crashed=worker_tasks.crashed)


@pytest.fixture
def before():
    """Processes below this one that are there to stay: the server that workers are forked from."""
    assert list(run(worker_tasks.square, range(2))) == [0, 1]
    return worker_tasks.below(os.getpid())


def left_over(before):
    return worker_tasks.below(os.getpid()) - before


class TestOrder:
    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 12), st.integers(0, 4))
    def test_every_result_comes_once_and_in_order(self, tasks, workers):
        assert list(run(worker_tasks.slow_square, range(tasks), workers)) == [n * n for n in range(tasks)]

    @pytest.mark.parametrize("workers", [0, 1, 2, 3])
    def test_at_most_two_tasks_a_worker_are_on_the_way(self, workers):
        handed_out = []

        def tasks():
            for number in range(40):
                handed_out.append(number)
                yield number

        held = [len(handed_out) - done for done, _ in enumerate(run(worker_tasks.square, tasks(), workers))]
        assert len(held) == 40
        assert max(held) <= max(2, 2 * workers)  # the first two tasks are taken at once

    def test_one_task_or_one_worker_stays_in_this_process(self):
        assert list(run(worker_tasks.process_of, [1])) == [os.getpid()]
        assert set(run(worker_tasks.process_of, range(3), workers=1)) == {os.getpid()}
        assert os.getpid() not in set(run(worker_tasks.process_of, range(3)))

    def test_no_tasks_no_results(self):
        assert list(run(worker_tasks.square, [])) == []

    def test_workers_start_with_the_labeler_and_without_torch(self):
        labeler, torch, threads = next(run(worker_tasks.modules_of, range(2)))
        assert labeler
        assert not torch
        assert threads == os.environ.get("OMP_NUM_THREADS", "1")

    def test_this_machine_has_a_worker_at_least(self):
        assert 1 <= default_workers() <= os.cpu_count()


@needs_proc
class TestEnds:
    def test_an_error_of_the_function_passes_through_and_no_process_stays(self, before):
        found = []
        with pytest.raises(LookupError, match="seven"):
            found.extend(run(worker_tasks.fail_at_seven, range(20)))
        assert left_over(before) == set()

    def test_results_before_an_error_were_given(self):
        found = []
        with pytest.raises(LookupError):
            for result in run(worker_tasks.fail_at_seven, range(20)):
                found.append(result)
        assert found == list(range(7))

    def test_an_error_of_the_tasks_passes_through_and_no_process_stays(self, before):
        def tasks():
            yield from range(5)
            raise OSError("the disk is gone")

        with pytest.raises(OSError, match="the disk is gone"):
            list(run(worker_tasks.square, tasks()))
        assert left_over(before) == set()

    def test_whoever_stops_early_leaves_no_process(self, before):
        results = run(worker_tasks.process_of, count())
        assert next(results) in left_over(before)
        results.close()
        assert left_over(before) == set()

    def test_the_end_leaves_no_process(self, before):
        assert len(set(run(worker_tasks.process_of, range(10)))) <= 2
        assert left_over(before) == set()


class TestCrashes:
    @pytest.mark.parametrize("how", ["exit", "kill"])
    @pytest.mark.parametrize("places", [{0}, {4}, {9}, {3, 4}, {0, 5, 9}])
    def test_only_the_task_that_ends_its_process_is_lost(self, how, places):
        tasks = [(number, how if number in places else "") for number in range(10)]
        expected = [("crashed", task) if task[1] else task[0] for task in tasks]
        assert list(run(worker_tasks.die_when_told, tasks)) == expected

    def test_a_crash_while_the_caller_is_busy_loses_nothing(self):
        tasks = [(number, "exit" if number == 2 else "") for number in range(8)]
        found = []
        for result in run(worker_tasks.die_when_told, tasks):
            found.append(result)
            time.sleep(0.2)  # the pool breaks now, and the next task is handed to a broken one
        assert found == [0, 1, ("crashed", tasks[2]), 3, 4, 5, 6, 7]

    def test_a_process_that_is_being_started_meanwhile_does_not_hang(self, monkeypatch):
        started = []
        start = ForkServerProcess.start

        def slow_start(process):
            start(process)
            started.append(process)
            if len(started) == 2:
                time.sleep(1)  # the pool learns of the second process after the first has crashed

        monkeypatch.setattr(ForkServerProcess, "start", slow_start)
        found = list(run(worker_tasks.die_when_told, [(0, "exit"), (1, ""), (2, "")]))
        assert found == [("crashed", (0, "exit")), 1, 2]

    def test_large_tasks_on_the_way_do_not_hang_when_a_process_ends(self):
        tasks = [(number, "kill" if number == 1 else "", "x" * 500_000) for number in range(6)]
        found = list(run(worker_tasks.die_when_told, tasks))
        assert [number if isinstance(number, int) else "crashed" for number in found] == [0, "crashed", 2, 3, 4, 5]

    @needs_proc
    def test_no_process_is_left_over_after_a_crash(self, before):
        list(run(worker_tasks.die_when_told, [(0, ""), (1, "kill"), (2, "")]))
        assert left_over(before) == set()


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import worker_tasks
from radrag.corpus.workers import in_order

if __name__ == "__main__":
    results = in_order(worker_tasks.wait, [0, 1, 1, 1, 1, 1], 2, crashed=worker_tasks.crashed)
    print(next(results), flush=True)
    next(results)
"""


@needs_proc
def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(SCRIPT.format(tests=str(Path(worker_tasks.__file__).parent)))
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    try:
        worker = int(parent.stdout.readline())
        others = worker_tasks.below(parent.pid)
        assert worker in others
        assert len(others) >= 3  # two workers and the server that they are forked from
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    assert worker_tasks.gone(others)


def test_the_main_program_is_not_run_again(monkeypatch, tmp_path):
    """A web page or notebook that adds a corpus is ``__main__``, and must not start once more in each worker."""
    script = tmp_path / "page.py"
    script.write_text("raise SystemExit('run again')")
    page = types.ModuleType("__main__")
    page.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", page)
    found = list(run(worker_tasks.process_of, range(12)))
    assert os.getpid() not in found
    assert len(set(found)) <= 2, "processes were lost and started again"
