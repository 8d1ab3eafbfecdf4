"""What the queue of jobs must do on every database: one holder at a time, nothing lost, nothing done twice."""

import dataclasses
import threading

import pytest
from batch_support import new_job
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import sample_draft

from radrag.errors import StoreError
from radrag.store.job_values import JobState, RetryPolicy, Submitted, Wanted, later
from radrag.store.repository import Store

NOW = "2026-01-01T00:00:00.000000+00:00"
LEASE = 60.0


@pytest.fixture
def store(url):  # noqa: F811
    with Store.open(url, who="batch", origin="host") as opened:
        yield opened


def at(seconds):
    return later(NOW, seconds)


def claim(store, worker="w", limit=1, now=NOW, **wanted):
    return store.claim_jobs(worker, Wanted(limit, **wanted), now=now, lease=LEASE)


def states(store, batch="b"):
    return {state: count for state, count in store.batch_status(batch).counts.items() if count}


def job(store, batch="b"):
    (found,) = store.iter_jobs(batch)
    return found


class TestAsking:
    def test_a_key_is_asked_for_once_however_often_it_is_submitted(self, store):
        assert store.add_jobs("b", [new_job(1), new_job(2), new_job(1)], now=NOW) == Submitted(2, 0)
        assert store.add_jobs("b", [new_job(2), new_job(3)], now=NOW) == Submitted(1, 1)
        assert states(store) == {JobState.WAITING: 3}

    def test_two_batches_that_ask_for_one_study_share_the_job(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        store.add_jobs("c", [new_job(1), new_job(2)], now=NOW)
        assert store.batches() == ["b", "c"]
        (held,) = claim(store)
        store.finish_job(held, sample_draft(), now=NOW)
        assert states(store, "b") == {JobState.DONE: 1}
        assert states(store, "c") == {JobState.DONE: 1, JobState.WAITING: 1}
        assert len({one.id for batch in "bc" for one in store.iter_jobs(batch)}) == 2

    def test_thousands_are_added_and_listed_in_order(self, store):
        assert store.add_jobs("b", map(new_job, range(1100)), now=NOW) == Submitted(1100, 0)
        assert [one.source["paths"] for one in store.iter_jobs("b")] == [[f"{n}.dcm"] for n in range(1100)]

    def test_the_better_priority_goes_first_and_stays(self, store):
        store.add_jobs("b", [new_job(1), new_job(2)], now=NOW)
        store.add_jobs("urgent", [new_job(2)], now=NOW, priority=1)
        store.add_jobs("slow", [new_job(2)], now=NOW, priority=900)
        assert [one.key for one in claim(store, limit=5)] == [new_job(2).key, new_job(1).key]

    def test_a_refused_file_is_reported_never_run_and_gone_once_its_study_is_taken(self, store):
        refused = dataclasses.replace(new_job(1), refused=("wrong_modality", "This is a CT."))
        store.add_jobs("b", [refused], now=NOW)
        assert claim(store) == []
        assert store.retry_batch("b") == 0
        status = store.batch_status("b")
        assert (status.counts[JobState.REFUSED], status.reasons, status.open) == (1, {"wrong_modality": 1}, 0)
        store.add_jobs("b", [dataclasses.replace(new_job(2), replaces=(refused.key,))], now=NOW)
        assert states(store) == {JobState.WAITING: 1}


class TestChoosing:
    def test_a_worker_takes_what_its_parts_can_draft(self, store):
        store.add_jobs("b", [new_job(1, "old"), new_job(1, "new")], now=NOW)
        (held,) = claim(store, limit=5, versions="new")
        assert held.key == new_job(1, "new").key

    def test_a_worker_can_serve_one_batch(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        store.add_jobs("c", [new_job(2), new_job(3)], now=NOW)
        store.add_jobs("dropped", [new_job(2), new_job(3)], now=NOW)
        store.cancel_batch("dropped", now=NOW)
        assert [one.key for one in claim(store, limit=5, batch="c")] == [new_job(2).key, new_job(3).key]
        assert claim(store, limit=5, batch="dropped") == []

    def test_what_was_asked_for_of_earlier_parts_can_be_let_go(self, store):
        store.add_jobs("b", [new_job(1, "old"), new_job(1, "new")], now=NOW)
        assert store.cancel_batch("b", now=NOW, but="new") == 1
        assert states(store) == {JobState.WAITING: 1, JobState.CANCELLED: 1}


class TestHolding:
    def test_a_job_is_in_one_workers_hands(self, store):
        store.add_jobs("b", map(new_job, range(3)), now=NOW)
        ours, theirs = claim(store, "ours", 2), claim(store, "theirs", 2)
        assert [len(ours), len(theirs)] == [2, 1]
        assert {one.job for one in ours}.isdisjoint(one.job for one in theirs)
        assert claim(store, "third") == []

    def test_a_lease_that_is_prolonged_does_not_end(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        (held,) = claim(store)
        assert store.hold_jobs("w", now=at(50), lease=LEASE) == {held.job}
        assert claim(store, "other", now=at(100)) == []
        assert store.hold_jobs("other", now=at(100), lease=LEASE) == set()

    def test_a_lease_that_ends_lets_another_worker_in_and_the_first_cannot_finish(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        (late,) = claim(store)
        assert claim(store, "other", now=at(61)) == []  # it has a history now: only who runs it alone may have it
        (again,) = claim(store, "other", now=at(61), suspects=True)
        assert (again.crashes, again.number) == (1, 2)
        assert store.finish_job(late, sample_draft("late"), now=at(62)) is False
        assert store.fail_job(late, "x", "x", now=at(62)) is None
        assert store.give_back_job(late) is False
        assert store.finish_job(again, sample_draft("again"), now=at(63)) is True
        assert [row.draft_id for row in store.drafts()] == ["again"]

    def test_a_worker_that_took_its_own_job_again_cannot_finish_by_the_old_claim(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        (old,) = claim(store)
        store.give_back_job(old)
        (new,) = claim(store)
        assert store.finish_job(old, sample_draft("old"), now=NOW) is False
        assert store.finish_job(new, sample_draft("new"), now=NOW) is True

    def test_what_is_given_back_counts_as_untried(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        store.give_back_job(claim(store)[0])
        assert (job(store).state, job(store).failures, job(store).crashes) == (JobState.WAITING, 0, 0)
        assert len(claim(store)) == 1


class TestEnding:
    def test_draft_and_job_end_together(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        (held,) = claim(store)
        assert store.finish_job(held, sample_draft(), now=at(5)) is True
        done = job(store)
        assert (done.state, done.draft_id, done.finished_at, done.worker) == (JobState.DONE, "d1", at(5), "")
        assert store.draft("d1") == sample_draft()
        assert [entry.what for entry in store.audit_entries()] == ["draft.saved"]
        assert store.finish_job(held, sample_draft("d2"), now=at(6)) is False
        assert store.verify_audit_log() == []

    def test_a_draft_that_cannot_be_kept_leaves_the_job_in_its_hands(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        (held,) = claim(store)
        with pytest.raises(StoreError, match="age is NaN"):
            store.finish_job(held, sample_draft(age=float("nan")), now=NOW)
        assert job(store).state is JobState.RUNNING
        assert store.audit_entries() == []
        assert store.finish_job(held, sample_draft(), now=NOW) is True

    def test_a_failure_is_tried_again_later_and_later_and_then_parked(self, store):
        policy = RetryPolicy(failures=3, base_seconds=10)
        store.add_jobs("b", [new_job(1)], now=NOW)
        now, waits = NOW, []
        for expected in (JobState.WAITING, JobState.WAITING, JobState.PARKED):
            (held,) = claim(store, now=now)
            assert store.fail_job(held, "timed_out", "No answer.", now=now, policy=policy) is expected
            if expected is JobState.WAITING:
                assert claim(store, now=now) == []
                waits.append(policy.wait(held.key, len(waits) + 1))
                now = later(now, waits[-1])
        assert 5 <= waits[0] <= 15 <= 2 * waits[1] <= 60
        assert (job(store).error_code, job(store).error) == ("timed_out", "No answer.")
        assert store.batch_status("b").reasons == {"timed_out": 1}

    def test_a_failure_that_would_repeat_itself_is_parked_at_once(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        (held,) = claim(store)
        assert store.fail_job(held, "restricted", "x", now=NOW, for_good=True) is JobState.PARKED

    def test_a_retry_starts_from_nothing_and_a_success_forgets_the_reason(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        store.fail_job(claim(store)[0], "x", "x", now=NOW, for_good=True)
        assert store.retry_batch("other") == 0
        assert store.retry_batch("b") == 1
        assert (job(store).failures, job(store).finished_at) == (0, "")
        store.finish_job(claim(store)[0], sample_draft(), now=NOW)
        assert store.batch_status("b").reasons == {}

    def test_a_retry_does_not_wait_for_what_failed_a_moment_ago(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        store.fail_job(claim(store)[0], "x", "x", now=NOW)
        assert claim(store) == []
        assert store.retry_batch("b") == 1
        assert len(claim(store)) == 1


class TestCrashes:
    def test_a_job_that_ends_its_worker_twice_is_parked_and_its_company_is_not(self, store):
        store.add_jobs("b", map(new_job, range(3)), now=NOW)
        claim(store, "first", 3)
        assert len(store.lose_jobs("first", now=NOW, seen=True)) == 3
        assert claim(store, "second", 3) == []
        for number in range(3):
            (alone,) = claim(store, "second", suspects=True)
            if number:
                store.finish_job(alone, sample_draft(f"d{number}"), now=NOW)
            else:
                store.lose_jobs("second", now=NOW, seen=True)
        assert states(store) == {JobState.PARKED: 1, JobState.DONE: 2}
        assert store.batch_status("b").reasons == {"worker_lost": 1}

    def test_ends_that_nobody_saw_blame_a_job_only_after_many(self, store):
        policy = RetryPolicy(lost=4)
        store.add_jobs("b", [new_job(1)], now=NOW)
        for number in range(4):
            assert states(store) == {JobState.WAITING: 1}
            (held,) = claim(store, f"w{number}", suspects=number > 0)
            store.lose_jobs(held.worker, now=NOW, policy=policy)
        assert states(store) == {JobState.PARKED: 1}

    def test_a_worker_without_jobs_can_be_lost(self, store):
        assert store.lose_jobs("nobody", now=NOW) == []


class TestCancelling:
    def test_a_cancelled_job_is_not_run_and_what_runs_cannot_finish(self, store):
        store.add_jobs("b", [new_job(1), new_job(2), new_job(3)], now=NOW)
        done, running = claim(store, limit=2)
        store.finish_job(done, sample_draft(), now=NOW)
        assert store.cancel_batch("b", now=NOW) == 2
        assert states(store) == {JobState.DONE: 1, JobState.CANCELLED: 2}
        assert store.hold_jobs("w", now=NOW, lease=LEASE) == set()
        assert store.finish_job(running, sample_draft("d2"), now=NOW) is False
        assert claim(store, limit=5) == []

    def test_what_another_batch_asks_for_goes_on(self, store):
        store.add_jobs("b", [new_job(1)], now=NOW)
        store.add_jobs("c", [new_job(1)], now=NOW)
        store.cancel_batch("b", now=NOW)
        assert (states(store, "b"), states(store, "c")) == ({JobState.CANCELLED: 1}, {JobState.WAITING: 1})
        assert len(claim(store)) == 1

    @pytest.mark.parametrize("how", ["retry", "submit"])
    def test_it_can_be_asked_for_again(self, store, how):
        store.add_jobs("b", [new_job(1)], now=NOW)
        store.cancel_batch("b", now=NOW)
        if how == "retry":
            assert store.retry_batch("b") == 1
        else:
            assert store.add_jobs("b", [new_job(1)], now=NOW) == Submitted(0, 1)
        assert states(store) == {JobState.WAITING: 1}
        assert len(claim(store)) == 1


def test_the_clock_is_a_moment_that_sorts(store):
    first, second = store.now(), store.now()
    assert first <= second
    assert len(first) == len(NOW)
    assert first.endswith("+00:00")


def test_threads_never_hold_one_job_together_and_end_each_once(store):
    store.add_jobs("b", map(new_job, range(60)), now=NOW)
    ended = []

    def work(worker):
        while held := claim(store, worker, 3):
            for one in held:
                assert store.finish_job(one, sample_draft(f"{one.job}"), now=NOW)
                ended.append(one.job)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == len(set(ended)) == 60
    assert states(store) == {JobState.DONE: 60}
    assert store.count_drafts() == 60
    assert store.verify_audit_log() == []
