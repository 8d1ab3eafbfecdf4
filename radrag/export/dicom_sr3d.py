"""Findings with a place, as DICOM Comprehensive 3D SR of TID 1500: what viewers draw on the image (IHE AI Results)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom.uid import Comprehensive3DSRStorage

from radrag.domain import Box, ImageFinding
from radrag.errors import ExportCode, ExportError
from radrag.export.codes import CHEST_RADIOGRAPH, Coded, finding_code
from radrag.export.dicom_document import add_evidence, add_request, add_state, document, image_of, to_bytes
from radrag.export.outgoing import Outgoing
from radrag.export.plain import uid_of
from radrag.optional import require

KIND = "sr3d"


def report_to_sr3d(outgoing: Outgoing) -> bytes:
    """Return the placed findings as a DICOM file: each a closed polyline on the image, with its certainty.

    What the encoder found counts until a reader signs; then only findings that the signed report states. Certainty and
    place stay the algorithm's word: the document is UNVERIFIED also then.

    Raises:
        ExportError: ``no_images``: the images are no DICOM files at hand; ``no_regions``: no finding has a place.
        MissingDependency: highdicom is not installed.
    """
    placed = _placed(outgoing)
    made = document(
        outgoing,
        kind=KIND,
        sop_class_uid=Comprehensive3DSRStorage,
        modality="SR",
        series_number=9902,
        description="Findings with a place",
    )
    made.ReferencedPerformedProcedureStepSequence = []
    made.PerformedProcedureCodeSequence = []
    add_state(made, outgoing, kind=KIND, verified=False)  # readers sign words, not boxes and certainties
    add_request(made, outgoing)
    add_evidence(made, outgoing)
    made.update(_measurement_report(outgoing, placed))
    return to_bytes(made)


def _placed(outgoing: Outgoing) -> Sequence[tuple[ImageFinding, Box]]:
    if image_of(outgoing, 0) is None:
        raise ExportError(
            ExportCode.NO_IMAGES, "The study's first image is no DICOM file at hand, so nothing can be placed on it."
        )
    if not outgoing.placed:
        raise ExportError(ExportCode.NO_REGIONS, "No finding of this report has a place on an image.")
    return outgoing.placed


def _measurement_report(outgoing: Outgoing, placed: Sequence[tuple[ImageFinding, Box]]) -> Any:
    """Return the root container."""
    sr = require("highdicom.sr", extra="standards")
    groups = [_group(sr, outgoing, finding, box) for finding, box in placed]
    made = outgoing.algorithm
    device = sr.ObserverContext(
        observer_type=_concept(sr, Coded("121007", "DCM", "Device")),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("algorithm", made.name, made.version), name=made.name
        ),
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=device),
        procedure_reported=_concept(sr, CHEST_RADIOGRAPH),
        imaging_measurements=groups,
        title=_concept(sr, Coded("126000", "DCM", "Imaging Measurement Report")),
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            _concept(sr, Coded("en", "RFC5646", "English"))
        ),
    )
    return report[0]


def _group(sr: Any, outgoing: Outgoing, finding: ImageFinding, box: Box) -> Any:
    """Return TID 1410 of one finding."""
    import numpy as np

    image = image_of(outgoing, 0)
    if image is None:  # _placed has seen to it
        raise ExportError(ExportCode.NO_IMAGES, "The image of the finding is missing.")
    x0, y0, x1, y1 = box
    # Columns and rows from the corner of the first pixel (PS3.3 C.18.6.1.1), as our boxes are.
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    made = outgoing.algorithm
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid_of("region", outgoing.draft.draft_id, finding.label), identifier=finding.label
        ),
        referenced_region=sr.ImageRegion(
            graphic_type=sr.GraphicTypeValues.POLYLINE,
            graphic_data=corners,
            source_image=sr.SourceImageForRegion(image.sop_class_uid, image.sop_instance_uid),
        ),
        finding_type=_concept(sr, finding_code(finding.label)),
        algorithm_id=sr.AlgorithmIdentification(
            name=made.name, version=made.version, parameters=[f"{part} {name}" for part, name in made.parts]
        ),
        measurements=[
            sr.Measurement(
                name=_concept(sr, Coded("111012", "DCM", "Certainty of Finding")),
                value=round(finding.probability * 100, 1),
                unit=_concept(sr, Coded("%", "UCUM", "percent")),
            )
        ],
    )


def _concept(sr: Any, code: Coded) -> Any:
    return sr.CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)
