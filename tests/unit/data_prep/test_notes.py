"""MIMIC-III's NOTEEVENTS table."""

from dataclasses import replace

import pytest
from corpus_trees_mimic import NOTES, Note, build_noteevents, read_kind, write_table

from data_prep.kinds import KINDS, Options, find_kind, kind_of
from data_prep.notes import is_chest_film
from radrag.errors import CorpusError

OPTIONS = Options(salt="pepper")
FILM = NOTES[0]


def read(path, options=OPTIONS):
    return read_kind("mimic-iii", path, options)


@pytest.mark.parametrize("name", ["NOTEEVENTS.csv", "NOTEEVENTS.csv.gz"])
@pytest.mark.parametrize("lower", [False, True])
def test_chest_film_notes_are_cases_without_images(tmp_path, name, lower):
    path = build_noteevents(tmp_path / name, lower=lower)
    cases, faults = read(path)
    assert [case.case_id for case in cases] == ["mimic-iii:720001", "mimic-iii:720002"]
    assert faults == []
    assert all(case.restricted and case.images == () for case in cases)
    assert cases[0].studied_at == "2149-12-17T08:14:00"
    assert cases[0].patient_key not in ("", cases[1].patient_key)
    assert read(tmp_path)[0] == cases  # the folder may be given


def test_only_the_reports_body_is_evidence(tmp_path):
    case = read(build_noteevents(tmp_path / "NOTEEVENTS.csv"))[0][0]
    assert case.sections["findings"] == (
        "Comparison with [**2149-12-16**].  Small left pleural effusion\n has decreased.  No pneumothorax."
    )
    assert case.sections["history"] == "CHEST PAIN\n75 year old woman\nLine."
    assert "impression" not in case.sections


@pytest.mark.parametrize(
    "description",
    ["CHEST (PORTABLE AP)", "CHEST (PA & LAT)", "CHEST (PRE-OP PA & LAT)", "CHEST (SINGLE VIEW)", "Chest",
     "CHEST AP ONLY", "CHEST PORT. LINE PLACEMENT", "CHEST SGL VIEW/LINE PLACEMENT",
     "DX CHEST PORT LINE/TUBE PLCMT 1 EXAM",
     "P BABYGRAM (CHEST ONLY) PORT", "L CHEST (LAT DECUB ONLY) LEFT", "CHEST (PA, LAT & OBLIQUES)",
     "RIB BILAT, W/AP CHEST", "AP/PA SINGLE VIEW EXPIRATORY CHEST", "CHEST (APICAL LORDOTIC ONLY)",
     "TRAUMA #2 (AP CXR & PELVIS PORT)",
     "CHEST (SINGLE VIEW) IN O.R.", "O CHEST (PORTABLE AP) IN O.R."],
)  # fmt: skip
def test_descriptions_of_chest_films(description):
    assert is_chest_film(description)


@pytest.mark.parametrize(
    "description",
    ["CT CHEST W/CONTRAST", "CTA CHEST W&W/O C&RECONS, NON-CORONARY", "MR CHEST W/O CONTRAST", "CHEST U.S.",
     "CHEST TUBE PLACEMENT",
     "CHEST FLUORO WITHOUT RADIOLOGIST", "PORTABLE ABDOMEN", "RIB, UNILAT (NO CXR)", "CT GUIDED NEEDLE PLACTMENT CHEST",
     "T-SPINE", "BY DIFFERENT PHYSICIAN", "", "Report"],
)  # fmt: skip
def test_descriptions_of_other_examinations(description):
    assert not is_chest_film(description)


@pytest.mark.parametrize("description", ["BY SAME PHYSICIAN", "-59 DISTINCT PROCEDURAL SERVICE", ""])
def test_a_billing_modifier_leaves_it_to_the_title_line(description):
    note = "[**2149-12-17**] 8:14 AM\n CHEST (PORTABLE AP); -76 BY SAME PHYSICIAN    Clip # 7\n"
    assert is_chest_film(description, note)
    assert not is_chest_film(description, note.replace("CHEST (PORTABLE AP)", "CT CHEST W/CONTRAST"))


def test_a_note_marked_as_an_error_is_left_out_and_said(tmp_path):
    notes = [replace(FILM, is_error="1"), NOTES[1]]
    cases, faults = read(build_noteevents(tmp_path / "NOTEEVENTS.csv", notes))
    assert [case.case_id for case in cases] == ["mimic-iii:720002"]
    assert [(f.code.value, f.kept) for f in faults] == [("bad_value", False)]


def test_faulty_rows_are_said_and_the_rest_goes_on(tmp_path):
    notes = [replace(FILM, text=" \n"), replace(FILM, row_id="x"), FILM, FILM, NOTES[1]]
    cases, faults = read(build_noteevents(tmp_path / "NOTEEVENTS.csv", notes))
    assert len(cases) == 2
    assert [fault.code.value for fault in faults] == ["missing_report", "missing_id", "duplicate_id"]
    assert all(fault.item.startswith("NOTEEVENTS.csv:") and not fault.kept for fault in faults)


def test_a_truncated_table_gives_the_notes_before_the_cut(tmp_path):
    notes = [replace(FILM, row_id=n, text=FILM.text + f" Size {n * n} mm.") for n in range(1, 3000)]
    path = build_noteevents(tmp_path / "NOTEEVENTS.csv.gz", notes)
    path.write_bytes(path.read_bytes()[:-2000])
    cases, faults = read(path)
    assert 100 < len(cases) < 2999
    assert [fault.code.value for fault in faults] == ["truncated_file"]


def test_a_table_without_chest_films_says_so(tmp_path):
    _, faults = read(build_noteevents(tmp_path / "NOTEEVENTS.csv", [Note(1, "CT CHEST W/CONTRAST", "x")]))
    assert [fault.code.value for fault in faults] == ["not_chest"]


def test_another_table_is_not_this_kind(tmp_path):
    write_table(tmp_path / "NOTEEVENTS.csv", ("ROW_ID", "TEXT"), [(1, "x")])
    assert not KINDS["mimic-iii"].looks_like(tmp_path)
    assert not KINDS["mimic-iii"].looks_like(tmp_path / "nothing")
    with pytest.raises(CorpusError, match="not laid out like mimic-iii"):
        find_kind("mimic-iii").open(tmp_path, OPTIONS)


def test_a_table_under_any_name_is_known_by_its_columns(tmp_path):
    assert kind_of(build_noteevents(tmp_path / "notes_export.csv")).name == "mimic-iii"
