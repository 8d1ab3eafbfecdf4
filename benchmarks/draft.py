"""Seconds and memory of one warm draft of the sample radiograph, stage by stage.

There is no peer: no other open system drafts with evidence per sentence. The machine's limit stands beside the
sum: the time of the two encoders' arithmetic alone.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from radrag.cli.demo import prepare, sample_radiograph
from radrag.cli.inputs import read_one_study
from radrag.drafting import look
from radrag.generation.base import GenerationRequest
from radrag.grounding.omissions import find_omissions
from radrag.retrieval.query import query_from_image
from radrag.settings import load_settings
from radrag.workspace import Workspace

REPEATS = 15


def median_ms(call: Callable[[], object]) -> float:
    """Return the median milliseconds of a call, after one that warms up."""
    call()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(load_settings(workspace=Path(folder)))
        prepare(workspace)
        path, salt = sample_radiograph(), workspace.settings.salt()
        study = read_one_study(path, salt=salt)
        findings = look(workspace.image_encoder, study).findings
        query = query_from_image(findings)
        draft = workspace.drafter.draft(study)
        report = [(sentence.section, sentence.text) for sentence in draft.sentences]
        sentences = workspace.store.sentences([hit.case_id for hit in draft.hits])
        evidence = [sentence for hit in draft.hits for sentence in sentences[hit.case_id]]
        request = GenerationRequest(findings, draft.hits[: workspace.settings.hits], tuple(evidence))
        stages = {
            "read and display the DICOM file": lambda: read_one_study(path, salt=salt),
            "encode the image": lambda: look(workspace.image_encoder, study),
            "retrieve 20 cases": lambda: workspace.retriever.search(query, 20),
            "read their sentences": lambda: workspace.store.sentences([hit.case_id for hit in draft.hits]),
            "plan and write": lambda: workspace.generator.generate(request),
            "verify the sentences": lambda: workspace.verifier.verify(report, evidence, findings),
            "list what is left out": lambda: find_omissions(draft.sentences, evidence, findings),
            "whole draft, file to checked report": lambda: workspace.drafter.draft(read_one_study(path, salt=salt)),
        }
        for name, call in stages.items():
            print(f"{name:40s} {median_ms(call):8.1f} ms")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{'peak memory, index build included':40s} {peak:8.0f} MB")


if __name__ == "__main__":
    main()
