"""Several processes on one database share the queue: none sees a lock's error, each job is ended once."""

import multiprocessing

import pytest
from batch_support import new_job
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import sample_draft

from radrag.store.job_values import JobState, Wanted
from radrag.store.repository import Store

JOBS = 200
PROCESSES = 4


def work(url, worker):  # noqa: F811
    """Claim, prolong, fail now and then, and finish, until nothing is left."""
    with Store.open(url, who=worker, origin="host") as store:
        while True:
            now = store.now()
            held = store.claim_jobs(worker, Wanted(3), now=now, lease=600)
            if not held:
                break
            store.hold_jobs(worker, now=now, lease=600)
            for claim in held:
                if claim.number == 1 and claim.job % 10 == 0:
                    assert store.give_back_job(claim)
                else:
                    assert store.finish_job(claim, sample_draft(f"{worker} {claim.job}"), now=store.now())


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_four_processes_share_a_queue(kind, request, tmp_path):
    place = f"sqlite:///{tmp_path}/radrag.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    with Store.open(place) as store:
        store.add_jobs("b", map(new_job, range(JOBS)), now=store.now())
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(place, f"w{number}")) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    with Store.open(place) as store:
        assert store.batch_status("b").counts[JobState.DONE] == JOBS
        assert store.count_drafts() == JOBS
        done = list(store.iter_jobs("b"))
        assert len({job.draft_id for job in done}) == JOBS
        assert all(job.draft_id.endswith(f" {job.id}") for job in done)
        assert store.verify_audit_log() == []
