"""The main job: real radiographs to checked drafts, through the command line, against the real IU reports."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from pydicom.data import get_testdata_file

from radrag.cli.main import run
from radrag.domain import PRIOR
from radrag.export.draft_json import draft_schema
from radrag.reports.identifiers import has_identifier
from radrag.reports.screening import has_deidentification_token, is_comparison
from radrag.settings import load_settings
from radrag.store.repository import Store

REFUSED = {"udacity_test5.dcm": "wrong_modality"}
"""Files of the shared DICOM folder that must not be drafted, with their codes."""


@pytest.fixture
def radrag(demo_workspace, capsys):
    """Run a command, in the demo workspace if not told otherwise; returns (exit code, output, messages)."""

    def call(*arguments, workspace=demo_workspace):
        code = run(["--workspace", str(workspace), *map(str, arguments)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture
def store(demo_workspace):
    with Store.open(load_settings(workspace=demo_workspace).url) as opened:
        yield opened


@pytest.fixture
def draft(radrag, sample_radiograph):
    code, out, _ = radrag("draft", sample_radiograph, "--json")
    assert code == 0
    return json.loads(out)


def all_links(draft):
    return [link for item in draft["sentences"] + draft["omissions"] for link in item["links"]]


def test_the_sample_radiograph_becomes_a_draft_that_follows_the_schema(draft):
    jsonschema.validate(draft, draft_schema())
    assert draft["study"]["views"] == ["PA"]
    assert {sentence["section"] for sentence in draft["sentences"]} == {"findings", "impression"}


def test_every_sentence_points_at_a_real_report_sentence(draft):
    assert draft["sentences"]
    for sentence in draft["sentences"]:
        assert any(link["relation"] == "supports" for link in sentence["links"]), sentence["text"]
        assert sentence["status"] != "unsupported"


def test_every_quote_is_the_stored_text_byte_for_byte(draft, store):
    links = all_links(draft)
    cases = store.cases({link["case_id"] for link in links})
    assert links
    for link in links:
        section = cases[link["case_id"]].sections[link["section"]]
        assert section[link["start"] : link["end"]].encode() == link["quote"].encode()


def test_links_and_hits_name_the_same_cases(draft):
    assert {link["case_id"] for link in all_links(draft)} <= {hit["case_id"] for hit in draft["hits"]}
    assert [hit["rank"] for hit in draft["hits"]] == list(range(1, 21))
    assert all(set(hit["channels"]) <= {"labels", "profile", "lexical", "text"} and hit["why"] for hit in draft["hits"])


def test_the_draft_takes_over_no_blank_identifier_or_comparison(draft):
    for sentence in draft["sentences"]:
        text = sentence["text"]
        assert not has_deidentification_token(text)
        assert not has_identifier(text)
        assert not is_comparison(text)


def test_two_runs_give_the_same_draft_but_for_id_and_time(radrag, draft, sample_radiograph):
    again = json.loads(radrag("draft", sample_radiograph, "--json")[1])
    for one in (draft, again):
        one.pop("draft_id")
        one["provenance"].pop("created_at")
    assert again == draft


def test_no_patient_identifier_is_printed(radrag, sample_radiograph):
    code, out, err = radrag("draft", sample_radiograph, "--json")
    assert code == 0
    for secret in ("CompressedSamples", "9RG1", "exam Number"):
        assert secret not in out
        assert secret not in err


def test_an_extremity_is_refused_with_its_code(radrag):
    code, out, err = radrag("draft", get_testdata_file("RG3_UNCR.dcm", download=False))
    assert code == 1
    assert out == ""
    assert "[not_chest]" in err


@pytest.mark.data
def test_each_file_of_the_shared_folder_is_drafted_or_refused_with_its_code(radrag, shared_data, store):
    for path in sorted((shared_data / "dicom").glob("*.dcm")):
        code, out, err = radrag("draft", path, "--json")
        if path.name in REFUSED:
            assert (code, out) == (1, "")
            assert f"[{REFUSED[path.name]}]" in err
            continue
        assert code == 0, err
        draft = json.loads(out)
        jsonschema.validate(draft, draft_schema())
        cases = store.cases({link["case_id"] for link in all_links(draft)})
        for link in all_links(draft):
            assert cases[link["case_id"]].sections[link["section"]][link["start"] : link["end"]] == link["quote"]


def test_a_bad_file_in_a_folder_does_not_lose_the_others(radrag, sample_radiograph, tmp_path):
    shutil.copy(sample_radiograph, tmp_path / "a.dcm")
    (tmp_path / "b.dcm").write_bytes(sample_radiograph.read_bytes()[:5000])
    code, out, err = radrag("draft", tmp_path, "--json")
    assert code == 1
    assert len(out.splitlines()) == 1
    assert "b.dcm" in err


def test_a_png_of_the_same_radiograph_is_drafted(radrag, sample_radiograph, tmp_path):
    from PIL import Image

    from radrag.dicom.read import load_image

    pixels = load_image(sample_radiograph).pixels
    Image.fromarray((pixels * 255).astype(np.uint8)).save(tmp_path / "chest_PA.png")
    code, out, _ = radrag("draft", tmp_path / "chest_PA.png", "--json")
    assert code == 0
    assert json.loads(out)["study"]["patient_key"] == ""


def test_the_text_form_shows_evidence_and_says_preliminary(radrag, sample_radiograph):
    code, out, _ = radrag("draft", sample_radiograph)
    assert code == 0
    assert out.startswith("PRELIMINARY")
    assert "= iu-xray:CXR" in out


def test_a_saved_draft_comes_back_whole(radrag, own_workspace, sample_radiograph):
    arguments = ("draft", sample_radiograph, "--json", "--save", "--indication", "Cough.")
    code, out, _ = radrag(*arguments, workspace=own_workspace)
    assert code == 0
    with Store.open(load_settings(workspace=own_workspace).url) as store:
        kept = store.draft(json.loads(out)["draft_id"])
        assert store.verify_audit_log() == []
    assert kept.study.indication == "Cough."
    assert [sentence.text for sentence in kept.sentences] == [item["text"] for item in json.loads(out)["sentences"]]


def test_an_indication_changes_what_is_searched_for(radrag, draft, sample_radiograph):
    asked = json.loads(radrag("draft", sample_radiograph, "--json", "--indication", "Rib fracture after a fall.")[1])
    assert [hit["case_id"] for hit in asked["hits"]] != [hit["case_id"] for hit in draft["hits"]]


def test_words_find_reports_that_state_them(radrag, store):
    code, out, _ = radrag("search", "--text", "left pleural effusion", "-k", "5", "--json")
    assert code == 0
    for found in json.loads(out):
        stated = {f.label for s in store.sentences([found["case_id"]])[found["case_id"]] for f in s.findings}
        assert "Pleural Effusion" in stated


def test_the_cases_of_an_excluded_patient_are_never_found(radrag, store):
    first = json.loads(radrag("search", "--text", "pneumothorax", "-k", "3", "--json")[1])[0]["case_id"]
    key = store.case(first).patient_key
    assert key
    _, out, _ = radrag("search", "--text", "pneumothorax", "-k", "50", "--json", "--exclude-patient", key)
    assert first not in [found["case_id"] for found in json.loads(out)]


def test_image_and_words_are_searched_together(radrag, sample_radiograph):
    code, out, _ = radrag("search", "--image", sample_radiograph, "--text", "hiatal hernia", "-k", "3")
    assert code == 0
    assert "hernia" in out.lower()


def test_the_index_is_verified_and_the_corpus_is_whole(radrag):
    assert radrag("index", "verify")[0] == 0
    assert radrag("corpus", "verify", "iu-xray")[0] == 0
    code, out, _ = radrag("index", "list", "--json")
    assert code == 0
    assert [item["current"] for item in json.loads(out)] == [True]


def test_vectors_of_images_are_written_with_what_was_refused(radrag, sample_radiograph, tmp_path):
    bad = Path(get_testdata_file("RG3_UNCR.dcm", download=False))
    code, _, err = radrag("embed", sample_radiograph, bad, "--out", tmp_path / "v.npz")
    assert code == 1
    assert "[not_chest]" in err
    with np.load(tmp_path / "v.npz") as table:
        assert table["vectors"].dtype == np.float32
        assert np.linalg.norm(table["vectors"], axis=1) == pytest.approx([1.0], abs=1e-5)
        assert table["probabilities"].shape == (1, len(table["labels"]))
        assert list(table["failed"]) == [str(bad)]
    assert [path.name for path in tmp_path.iterdir()] == ["v.npz"]


def test_vectors_are_written_by_row_as_well(radrag, sample_radiograph, tmp_path):
    import pyarrow.parquet

    assert radrag("embed", sample_radiograph, "--out", tmp_path / "v.npz")[0] == 0
    assert radrag("embed", sample_radiograph, "--out", tmp_path / "v.parquet")[0] == 0
    rows = pyarrow.parquet.read_table(tmp_path / "v.parquet")
    with np.load(tmp_path / "v.npz") as arrays:
        assert rows["path"].to_pylist() == list(arrays["paths"])
        assert np.array(rows["vector"].to_pylist(), np.float32) == pytest.approx(arrays["vectors"])
        assert rows.column_names[2:] == list(arrays["labels"])
    assert json.loads(rows.schema.metadata[b"failed"]) == []


def test_verify_checks_a_report_against_a_stored_case(radrag):
    report = "FINDINGS: There is a right pleural effusion. Heart size is normal."
    code, out, _ = radrag("verify", report, "--against", "iu-xray:CXR25", "--json")
    assert code == 0
    assert [item["status"] for item in json.loads(out)["sentences"]] == ["supported", "supported"]
    flipped = radrag("verify", "No pleural effusion. Marked cardiomegaly.", "--against", "iu-xray:CXR25", "--json")[1]
    assert [item["status"] for item in json.loads(flipped)["sentences"]] == ["contradicted", "contradicted"]


def test_an_unknown_case_is_named(radrag):
    code, _, err = radrag("corpus", "show", "iu-xray:CXR999999")
    assert code == 1
    assert "CXR999999" in err


def test_the_demo_adds_nothing_the_second_time(radrag, own_workspace):
    with Store.open(load_settings(workspace=own_workspace).url) as store:
        before = store.count_drafts()
        code, out, err = radrag("demo", workspace=own_workspace)
        assert code == 0
        assert "= iu-xray:CXR" in out
        assert "Reading and labelling" not in err
        assert store.count_drafts() == before == 1


def test_a_removed_corpus_is_gone_and_the_index_says_it_is_out_of_date(radrag, own_workspace):
    assert radrag("corpus", "remove", "iu-xray", "--yes", workspace=own_workspace)[0] == 0
    assert radrag("corpus", "list", "--json", workspace=own_workspace)[1] == "[]\n"
    code, _, err = radrag("index", "verify", workspace=own_workspace)
    assert code == 1
    assert "radrag index build" in err
    code, _, err = radrag("index", "build", workspace=own_workspace)
    assert code == 1
    assert "radrag corpus add" in err


def test_a_damaged_index_is_noticed(radrag, own_workspace):
    name = (own_workspace / "indexes" / "current").read_text().strip()
    cases = own_workspace / "indexes" / name / "labels" / "cases.arrow"
    cases.write_bytes(cases.read_bytes().replace(b"CXR25", b"CXR52", 1))
    code, _, err = radrag("index", "verify", workspace=own_workspace)
    assert code == 1
    assert "changed after it was built" in err


def test_the_doctor_finds_a_whole_workspace(radrag):
    code, out, _ = radrag("doctor", "--json")
    states = {check["name"]: check["state"] for check in json.loads(out)}
    assert code == 0, states
    assert states["index"] == states["database"] == states["torch"] == "ok"


PRIOR_REPORT = "FINDINGS: Moderate left pleural effusion. No mass. Hiatal hernia.\nIMPRESSION: Effusion.\n"


def test_with_a_prior_report_a_draft_compares_and_every_comparison_quotes_it(radrag, sample_radiograph, tmp_path):
    (tmp_path / "prior.txt").write_text(PRIOR_REPORT)
    code, out, _ = radrag("draft", sample_radiograph, "--prior", tmp_path / "prior.txt", "--json")
    assert code == 0
    draft = json.loads(out)
    jsonschema.validate(draft, draft_schema())
    sections = draft["provenance"]["prior"]["sections"]
    compared = [sentence for sentence in draft["sentences"] if is_comparison(sentence["text"])]
    assert "There is again a pleural effusion." in [sentence["text"] for sentence in compared]
    for sentence in compared:
        quotes = [link for link in sentence["links"] if link["case_id"] == PRIOR]
        assert quotes, sentence["text"]
        for link in quotes:
            assert sections[link["section"]][link["start"] : link["end"]] == link["quote"]


def test_earlier_images_make_a_prior_too_and_a_file_that_is_neither_is_refused(radrag, sample_radiograph, tmp_path):
    code, out, _ = radrag("draft", sample_radiograph, "--prior", sample_radiograph, "--json")
    assert code == 0
    draft = json.loads(out)
    assert draft["provenance"]["prior"]["pixel_sha256"] == draft["provenance"]["pixel_sha256"]
    texts = [sentence["text"] for sentence in draft["sentences"]]
    assert "There is again a pleural effusion." in texts
    assert not [text for text in texts if " new " in text or "no longer" in text]  # it is the same film
    assert radrag("draft", sample_radiograph, "--prior", tmp_path / "none.txt")[0] == 2
    (tmp_path / "chest.png").write_bytes(b"no image")
    assert radrag("draft", sample_radiograph, "--prior", tmp_path / "chest.png")[0] == 1


def test_notes_make_a_new_draft_beside_the_old_one(radrag, sample_radiograph, own_workspace):
    code, out, _ = radrag("draft", sample_radiograph, "--save", "--json", workspace=own_workspace)
    first = json.loads(out)
    place = 1 + [sentence["text"] for sentence in first["sentences"]].index("There is a pleural effusion.")
    notes = ("--note", f"{place}: left", "--note", "add a small right pneumothorax")
    code, out, _ = radrag("draft", "--revise", first["draft_id"], *notes, "--json", workspace=own_workspace)
    assert code == 0
    second = json.loads(out)
    jsonschema.validate(second, draft_schema())
    texts = [sentence["text"] for sentence in second["sentences"]]
    assert "There is a left pleural effusion." in texts
    assert "There is a mild right pneumothorax." in texts
    assert [note["note"] for note in second["provenance"]["notes"]] == [notes[1], notes[3]]
    with Store.open(load_settings(workspace=own_workspace).url) as store:
        assert store.draft(first["draft_id"]).sentences[place - 1].text == "There is a pleural effusion."
        assert store.draft(second["draft_id"]).provenance["notes"]
    for note in ("99: drop", "please be kind"):
        assert radrag("draft", "--revise", first["draft_id"], "--note", note, workspace=own_workspace)[0] == 2
    assert radrag("draft", "--revise", "no such draft", "--note", "1: drop", workspace=own_workspace)[0] == 1
    assert radrag("draft")[0] == radrag("draft", sample_radiograph, "--note", "x")[0] == 2
