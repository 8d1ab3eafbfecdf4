"""What the tests of batches share: jobs without studies, and folders of small films."""

import hashlib

from radrag.store.job_values import NewJob


def new_job(number, versions="v1"):
    """Return a job of a study that is not there."""
    key = hashlib.sha256(f"{number}{versions}".encode()).hexdigest()
    return NewJob(key, versions, {"paths": [f"{number}.dcm"]}, trace=key[:32])
