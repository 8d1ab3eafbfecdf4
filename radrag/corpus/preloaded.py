"""Imported once by the server that worker processes are forked from, so that each starts with a loaded labeler."""

import sys

# spaCy's thinc imports torch wherever it is installed; the labeler has no use for it, and leaving it out saves each
# worker two seconds and 250 MB. This module is never imported by a process that computes with torch.
sys.modules.setdefault("torch", None)  # type: ignore[arg-type]

import radrag.corpus.preparing  # noqa: E402, F401 - for the workers
from radrag.reports.findings import default_labeler  # noqa: E402

default_labeler()
