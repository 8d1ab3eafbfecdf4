"""Whatever workers do, in any order and at any time: one holder a job, nothing lost, nothing drafted twice."""

from batch_support import new_job
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from store_support import sample_draft

from radrag.store.job_values import JobState, RetryPolicy, Wanted, later
from radrag.store.repository import Store

LEASE = 60.0
POLICY = RetryPolicy(failures=2, seen_crashes=2, lost=3, base_seconds=10)
BATCHES = ("a", "b")
WORKERS = ("w1", "w2", "w3")


class QueueMachine(RuleBasedStateMachine):
    """A queue beside a model of it: who believes to hold what, what was drafted, what was asked for."""

    @initialize()
    def open(self):
        self.store = Store.open("sqlite://", who="batch", origin="host")
        self.now = "2026-01-01T00:00:00.000000+00:00"
        self.claims = []  # every claim ever given, void or not
        self.given = {}  # job → number of its last claim
        self.drafted = {}  # job → draft id
        self.submitted = {}  # batch → keys
        self.drafts = 0

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()

    def jobs(self):
        return {job.id: job for batch in self.submitted for job in self.store.iter_jobs(batch)}

    @rule(batch=st.sampled_from(BATCHES), numbers=st.lists(st.integers(0, 6), max_size=4), priority=st.integers(1, 3))
    def submit(self, batch, numbers, priority):
        self.store.add_jobs(batch, map(new_job, numbers), now=self.now, priority=priority)
        if numbers:
            self.submitted.setdefault(batch, set()).update(new_job(number).key for number in numbers)

    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 3), suspects=st.booleans())
    def claim(self, worker, limit, suspects):
        wanted = Wanted(limit, suspects=suspects)
        for claim in self.store.claim_jobs(worker, wanted, now=self.now, lease=LEASE, policy=POLICY):
            assert claim.number > self.given.get(claim.job, 0), "a claim was given twice"
            assert claim.job not in self.drafted, "a study that was drafted was given out again"
            self.given[claim.job] = claim.number
            self.claims.append(claim)

    @rule(seconds=st.sampled_from([1, 20, 61, 4000]))
    def time_passes(self, seconds):
        self.now = later(self.now, seconds)

    @rule(worker=st.sampled_from(WORKERS))
    def beat(self, worker):
        held = self.store.hold_jobs(worker, now=self.now, lease=LEASE)
        assert held <= {claim.job for claim in self.claims if claim.worker == worker}

    @rule(data=st.data())
    def finish(self, data):
        if not self.claims:
            return
        claim = data.draw(st.sampled_from(self.claims))
        self.drafts += 1
        draft_id = f"d{self.drafts}"
        if self.store.finish_job(claim, sample_draft(draft_id), now=self.now):
            assert claim.number == self.given[claim.job], "a void claim ended a job"
            assert claim.job not in self.drafted, "a study was drafted twice"
            self.drafted[claim.job] = draft_id

    @rule(data=st.data(), for_good=st.booleans())
    def fail(self, data, for_good):
        if self.claims:
            claim = data.draw(st.sampled_from(self.claims))
            state = self.store.fail_job(claim, "x", "x", now=self.now, policy=POLICY, for_good=for_good)
            assert state is None or claim.number == self.given[claim.job]

    @rule(data=st.data())
    def give_back(self, data):
        if self.claims:
            claim = data.draw(st.sampled_from(self.claims))
            assert not self.store.give_back_job(claim) or claim.number == self.given[claim.job]

    @rule(worker=st.sampled_from(WORKERS), seen=st.booleans())
    def end_worker(self, worker, seen):
        self.store.lose_jobs(worker, now=self.now, policy=POLICY, seen=seen)

    @rule(batch=st.sampled_from(BATCHES))
    def cancel(self, batch):
        self.store.cancel_batch(batch, now=self.now)

    @rule(batch=st.sampled_from(BATCHES))
    def retry(self, batch):
        self.store.retry_batch(batch)

    @invariant()
    def nothing_is_lost_and_nothing_is_there_twice(self):
        if not hasattr(self, "store"):
            return
        jobs = self.jobs()
        assert {row.draft_id for row in self.store.drafts(limit=1000)} == set(self.drafted.values())
        for job in jobs.values():
            assert (job.state is JobState.DONE) == (job.id in self.drafted)
            assert job.draft_id == self.drafted.get(job.id, "")
            assert (job.state is JobState.RUNNING) == bool(job.worker) == bool(job.lease_until)
            assert job.claims == self.given.get(job.id, 0)
            assert job.crashes < POLICY.lost or job.state is JobState.PARKED
        for batch, keys in self.submitted.items():
            assert self.store.batch_status(batch).total == len(keys)

    @rule()
    def a_worker_comes_and_does_all_that_is_left(self):
        """However it went before: what is not parked or cancelled can be drafted in the end."""
        self.now = later(self.now, 5000)
        for _ in range(20):
            self.claim("w1", 3, suspects=False)
            self.claim("w1", 1, suspects=True)
            for claim in self.claims:
                self.drafts += 1
                if self.store.finish_job(claim, sample_draft(f"d{self.drafts}"), now=self.now):
                    self.drafted[claim.job] = f"d{self.drafts}"
        for batch in self.submitted:
            assert self.store.batch_status(batch).open == 0


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
