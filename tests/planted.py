"""A chest film with an identifier of its own planted in every place that a DICOM file has for one."""

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

_KEYWORDS = {
    "PN": (
        "PatientName OtherPatientNames PatientBirthName PatientMotherBirthName ReferringPhysicianName "
        "PerformingPhysicianName OperatorsName NameOfPhysiciansReadingStudy PhysiciansOfRecord "
        "RequestingPhysician ResponsiblePerson ConsultingPhysicianName ScheduledPerformingPhysicianName "
        "VerifyingObserverName"
    ),
    "LO": (
        "PatientID IssuerOfPatientID OtherPatientIDs PatientAddress InstitutionName "
        "InstitutionalDepartmentName StudyDescription SeriesDescription ProtocolName Manufacturer "
        "ManufacturerModelName DeviceSerialNumber SoftwareVersions MedicalRecordLocator MilitaryRank "
        "RegionOfResidence CountryOfResidence PatientReligiousPreference AdmissionID ServiceEpisodeID "
        "RequestingService CurrentPatientLocation MedicalAlerts Allergies ReasonForStudy DetectorID "
        "DeviceDescription ResponsibleOrganization ClinicalTrialSubjectID ClinicalTrialSponsorName "
        "ContrastBolusAgent RequestedProcedureDescription AdmittingDiagnosesDescription PatientState"
    ),
    "SH": (
        "AccessionNumber StudyID StationName EthnicGroup Occupation PatientTelephoneNumbers "
        "RequestedProcedureID PerformedProcedureStepID FilterType PlateID CassetteID"
    ),
    "LT": "PatientComments ImageComments AdditionalPatientHistory VisitComments RequestedProcedureComments",
    "ST": "InstitutionAddress DerivationDescription ContributionDescription",
    "UT": "SelectorUTValue",
    "AE": "StationAETitle RetrieveAETitle ScheduledStationAETitle",
    "UI": (
        "StudyInstanceUID SeriesInstanceUID SOPInstanceUID FrameOfReferenceUID InstanceCreatorUID "
        "IrradiationEventUID SynchronizationFrameOfReferenceUID DeviceUID"
    ),
    "DA": (
        "PatientBirthDate StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate "
        "DateOfLastCalibration LastMenstrualDate AdmittingDate"
    ),
}


class Planted:
    """Makes identifiers, each of them once, and remembers them.

    Attributes:
        found_by: identifier as bytes → where it was planted.
    """

    def __init__(self):
        self.found_by = {}

    def word(self, place, kind="LO"):
        number = len(self.found_by)
        made = {
            "PN": f"Zq{number:03d}smith^Xv{number:03d}jane",
            "UI": f"1.2.840.99999.77.{1000 + number}.19610203",
            "DA": f"19{60 + number % 39}0{1 + number % 9}{10 + number // 9 % 18}",
            "CS": f"ZQ{number:03d}CODE",
            "AE": f"ZQ{number:03d}AET",
            "SH": f"Zq{number:03d}short",
        }.get(kind, f"Zq{number:03d} planted in {place}"[:60])
        self.found_by[made.encode()] = place
        if kind == "PN":
            self.found_by[made.partition("^")[2].encode()] = place
        return made


def plant(path, target):
    """Write a copy of a film with identifiers planted; return them.

    Returns:
        :class:`Planted`, and how many attributes hold one.
    """
    dataset = dcmread(path)
    planted = Planted()
    places = 0
    for kind, keywords in _KEYWORDS.items():
        for keyword in keywords.split():
            setattr(dataset, keyword, planted.word(keyword, "SH" if keyword == "DetectorID" else kind))
            places += 1
    places += _in_sequences(dataset, planted) + _in_odd_groups(dataset, planted)
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "PA"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", planted.word("ImageType", "CS")]
    dataset.PatientOrientation = ["L", "F"]
    dataset.ConversionType = planted.word("ConversionType", "CS")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.SourceApplicationEntityTitle = planted.word("SourceApplicationEntityTitle", "AE")
    dataset.file_meta.ImplementationVersionName = planted.word("ImplementationVersionName", "AE")
    dataset.file_meta.PrivateInformationCreatorUID = planted.word("PrivateInformationCreatorUID", "UI")
    dataset.file_meta.PrivateInformation = planted.word("PrivateInformation").encode().ljust(64)
    dataset.preamble = planted.word("preamble").encode().ljust(128, b"\0")
    dataset.PixelData += planted.word("after the pixels").encode().ljust(64)
    dataset.save_as(target)
    return planted, places + 8


def _in_sequences(dataset, planted):
    inner = Dataset()
    inner.PatientName, inner.PatientID = planted.word("nested twice", "PN"), planted.word("nested twice")
    inner.ReferencedSOPInstanceUID = planted.word("nested twice", "UI")
    outer = Dataset()
    outer.StudyInstanceUID = planted.word("nested", "UI")
    outer.RequestedProcedureDescription = planted.word("nested")
    outer.ReferencedImageSequence = Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([outer])
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator = "399348003", "SCT"
    view.CodeMeaning = planted.word("meaning of a known code")
    view.PatientName = planted.word("beside a known code", "PN")
    dataset.ViewCodeSequence = Sequence([view])
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator = planted.word("CodeValue", "SH"), "99HOSPITAL"
    region.CodeMeaning = planted.word("meaning of an unknown code")
    dataset.AnatomicRegionSequence = Sequence([region])
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [2, 0, 16], b"\0\0\xff\xff"
    table.LUTExplanation = planted.word("LUTExplanation")
    dataset.VOILUTSequence = Sequence([table])
    content = Dataset()
    content.ValueType, content.TextValue = "TEXT", planted.word("structured content")
    content.PersonName = planted.word("person of structured content", "PN")
    dataset.AcquisitionContextSequence = Sequence([content])
    signature = Dataset()
    signature.CertificateOfSigner = planted.word("certificate").encode().ljust(64)
    dataset.DigitalSignaturesSequence = Sequence([signature])
    return 14


def _in_odd_groups(dataset, planted):
    block = dataset.private_block(0x0029, planted.word("creator", "SH"), create=True)
    block.add_new(0x01, "LO", planted.word("private"))
    block.add_new(0x02, "UN", planted.word("private of unknown kind").encode().ljust(64))
    item = Dataset()
    item.PatientName = planted.word("in a private sequence", "PN")
    block.add_new(0x03, "SQ", Sequence([item]))
    curve = [(0x50000005, "US", 1), (0x50000022, "LO", planted.word("curve description"))]
    curve += [(0x50002610, "US", 1), (0x50003000, "OW", planted.word("curve data").encode().ljust(64))]
    overlay = [(0x60000010, "US", 8), (0x60000011, "US", 8), (0x60000022, "LO", planted.word("overlay description"))]
    overlay += [(0x60001500, "LO", planted.word("overlay label")), (0x60004000, "LT", planted.word("overlay comment"))]
    overlay += [(0x60003000, "OW", planted.word("overlay data").encode().ljust(64))]
    rest = [
        (0x00200062, "CS", planted.word("ImageLaterality", "CS")),
        (0x00324000, "LT", planted.word("StudyComments")),
    ]
    rest += [(0x40080300, "ST", planted.word("Impressions")), (0x40084000, "ST", planted.word("ResultsComments"))]
    rest += [(0xFFFCFFFC, "OB", planted.word("padding of the data set").encode().ljust(64))]
    for tag, kind, value in (*curve, *overlay, *rest):
        dataset.add(DataElement(Tag(tag), kind, value))
    return 15
