"""A patient's earlier study from the command line: a report in a text file, images, or both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.errors import UsageError

if TYPE_CHECKING:
    from radrag.grounding.priors import Prior
    from radrag.workspace import Workspace

REPORTS = (".txt", ".text", ".md")


def read_prior(workspace: Workspace, paths: Sequence[Path], patient_key: str) -> Prior:
    """Return the prior made of files.

    Args:
        patient_key: of the study that is drafted; images of another patient are refused.

    Raises:
        UsageError: a file cannot be read, there is more than one study or report, or the patient is another one.
        StudyRefused: an image is no chest radiograph.
    """
    from radrag.dicom.read import find_studies, load_study
    from radrag.reports.sections import parse_sections

    reports = [path for path in paths if path.suffix.lower() in REPORTS]
    images = [path for path in paths if path not in reports]
    if len(reports) > 1:
        raise UsageError(f"--prior takes one report, not {len(reports)}.")
    sections = parse_sections(_text(reports[0])) if reports else {}
    if not images:
        return workspace.drafter.prior(sections=sections)
    studies, refusals = find_studies(images, salt=workspace.settings.salt())
    if refusals:
        raise refusals[0]
    if len(studies) != 1:
        raise UsageError(f"--prior takes the images of one study, not of {len(studies)}.")
    key = studies[0].study.patient_key
    if key and patient_key and key != patient_key:
        raise UsageError("The images of --prior are of another patient.", hint="Compare only with the same patient.")
    study = load_study(studies[0])
    if not study.images:
        raise study.refusals[0]
    return workspace.drafter.prior(sections=sections, study=study)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as UTF-8 text ({type(error).__name__}).") from None
