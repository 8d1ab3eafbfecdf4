"""Files of reports: every layout reads alike, and every fault of a kind is named at once, by its place."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.errors import UsageError
from radrag.evaluation.report_files import Part, ReportTexts, Side, read_reports

CLEAR = "The lungs are clear."


def read(tmp_path, text, side=Side.PREDICTIONS, **options):
    path = tmp_path / "reports"
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return {name: one.part(Part.ALL) for name, one in read_reports(path, side, **options).items()}


@pytest.mark.parametrize(
    "text",
    [
        f"study_id,report\ns1,{CLEAR}\n",
        f"\ufeffID;Report\ns1;{CLEAR}\n",
        f",0\ns1,{CLEAR}\n",  # R2Gen's res.csv
        {"s1": CLEAR},
        {"s1": [CLEAR]},  # pycocoevalcap's
        {"s1": {"model_prediction": CLEAR, "section_findings": "The reference.", "section_impression": ""}},  # ReXrank
        [{"id": "s1", "report": CLEAR}],
        {"train": [{"id": "s0", "report": "No."}], "val": [], "test": [{"id": "s1", "report": CLEAR}]},  # R2Gen
        json.dumps({"id": "s1", "findings": CLEAR}) + "\n\n",
    ],
)
def test_every_layout_reads_alike(tmp_path, text):
    assert read(tmp_path, text) == {"s1": CLEAR}


def test_rexranks_file_is_references_by_its_sections(tmp_path):
    text = {"s1": {"section_findings": "Clear.", "section_impression": "Normal.", "model_prediction": "Wrong."}}
    assert read(tmp_path, text, Side.REFERENCES) == {"s1": "Clear. Normal."}
    assert read(tmp_path, text, Side.PREDICTIONS) == {"s1": "Wrong."}


def test_a_blank_prediction_is_kept_as_one_and_nan_is_blank(tmp_path):
    assert read(tmp_path, "study_id,report\ns1,\ns2,nan\n") == {"s1": "", "s2": ""}


def test_parts_come_from_headers_where_there_are_no_fields():
    whole = ReportTexts("FINDINGS: The heart is enlarged. IMPRESSION: Cardiomegaly.")
    assert whole.part(Part.FINDINGS) == "The heart is enlarged."
    assert whole.part(Part.IMPRESSION) == "Cardiomegaly."
    assert whole.part(Part.ALL) == "The heart is enlarged. Cardiomegaly."
    assert ReportTexts(impression="Normal.").part(Part.FINDINGS) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study_id,report\ns1,a\ns1,b\ns2,c\ns2,d\n", "line 3, line 5 name a study that came before"),
        ("study_id,report\n,a\n", "line 2 have no study id"),
        ("study_id,words\ns1,a\n", "line 2 have no text of predictions"),
        ("study_id,report\ns1,a,b\n", "line 2 has another number of fields"),
        ('{"id": "s1", "report": "a"}\nnonsense\n', "line 2 is no JSON object"),
        ("study_id,report\n", "has no reports"),
        ({"train": []}, "has no split 'test'"),
    ],
)
def test_faults_are_named_by_their_place_and_never_by_id(tmp_path, text, said):
    with pytest.raises(UsageError, match=said) as raised:
        read(tmp_path, text)
    assert "s1" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path):
    (tmp_path / "latin").write_bytes(b"study_id,report\ns1,\xe9\n")
    for name, said in (("none", "No such file"), ("latin", "not UTF-8")):
        with pytest.raises(UsageError, match=said):
            read_reports(tmp_path / name, Side.REFERENCES)


@given(st.text())
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "reports"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(UsageError):
        assert read_reports(path, Side.PREDICTIONS)
