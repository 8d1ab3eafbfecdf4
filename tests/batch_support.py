"""What the tests of batches share: jobs without studies, and folders of small films."""

import hashlib

from radrag.store.job_values import NewJob


def new_job(number):
    """Return a job of a study that is not there."""
    key = hashlib.sha256(str(number).encode()).hexdigest()
    return NewJob(key, {"paths": [f"{number}.dcm"]}, trace=key[:32])
