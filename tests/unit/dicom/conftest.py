"""Synthetic chest radiographs: small DICOM files with whatever header and encoding a test needs."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import AllTransferSyntaxes, ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

Maker = Callable[..., Path]


@pytest.fixture(scope="session")
def phantom() -> np.ndarray:
    """uint16 [96, 80], 12 bits, black at the top and left, white at bottom right; see codestreams/README.md."""
    y, x = np.mgrid[0:96, 0:80]
    return (x * y * 4095 // (95 * 79)).astype(np.uint16)


@pytest.fixture
def make_dicom(tmp_path: Path, phantom: np.ndarray) -> Maker:
    """Return a function that writes a CR chest file; keywords set elements, None removes them."""

    def make(
        name: str = "image.dcm",
        pixels: np.ndarray | None = None,
        *,
        syntax: str = ExplicitVRLittleEndian,
        frame: bytes | None = None,
        compress: str = "",
        edit: Callable[[Dataset], None] | None = None,
        **elements: object,
    ) -> Path:
        pixels = phantom if pixels is None else pixels
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.SOPClassUID = ComputedRadiographyImageStorage
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[name])
        dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
        dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
        dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
        dataset.PatientName, dataset.PatientID = "Secret^Name", "SECRET-ID"
        dataset.Rows, dataset.Columns = pixels.shape[:2]
        dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
        dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
        if pixels.ndim == 3:
            dataset.PlanarConfiguration = 0
        dataset.BitsAllocated = pixels.dtype.itemsize * 8
        dataset.BitsStored = 12 if pixels.dtype.itemsize == 2 else dataset.BitsAllocated
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
        order = ">" if syntax == "1.2.840.10008.1.2.2" else "<"
        if frame is None:
            dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
            dataset["PixelData"].VR = "OW"
        else:
            dataset.PixelData = encapsulate([frame])
            dataset["PixelData"].VR = "OB"
            dataset["PixelData"].is_undefined_length = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for keyword, value in elements.items():
                if value is None:
                    dataset.pop(keyword, None)
                else:
                    setattr(dataset, keyword, value)
        if edit is not None:
            edit(dataset)
        if compress:
            dataset.compress(compress, generate_instance_uid=False)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # pydicom wants to be told how to write syntaxes that it does not know
        encoding = {} if syntax in AllTransferSyntaxes else {"implicit_vr": False, "little_endian": True}
        with warnings.catch_warnings():  # invalid values are what some tests are about
            warnings.simplefilter("ignore")
            dataset.save_as(path, enforce_file_format=True, **encoding)
        return path

    return make


@pytest.fixture(scope="session")
def codestreams() -> Path:
    """Folder of the phantom's codestreams."""
    return Path(__file__).parent / "codestreams"
