"""Leakage: what a query shares with the index is found and named; what many share, or only seem to, is no leak."""

import csv
import json
from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_workspaces import report, small_workspace

from radrag.audit.leakage import AuditedCase, AuditedQuery, LeakKind, find_leaks, section
from radrag.audit.near_texts import NEAR_TEXT, NearTexts, shingles
from radrag.cli.audit_leakage import leakage
from radrag.dicom.deidentify import patient_key
from radrag.dicom.read import load_image
from radrag.domain import StudyImage, View
from radrag.errors import UsageError
from radrag.store.values import ImageRecord

LONG = (
    "There is a moderate left pleural effusion with adjacent atelectasis in the lower lobe. The heart is enlarged. "
    "A right internal jugular catheter ends in the superior vena cava. Degenerative changes of the spine are seen."
)
CASES = [
    AuditedCase("c:1", "p1", (LONG,)),
    AuditedCase("c:2", "p2", ("The lungs are clear.",)),
    AuditedCase("c:3", "p3", ("The lungs are clear.",)),
    AuditedCase("c:4", "p4", ("The lungs are clear",)),
    AuditedCase("c:5", "", ()),
]


def flipped(digest, bits):
    return f"{int(digest, 16) ^ ((1 << bits) - 1):064x}"


def images(**hashes):
    """Return image records: case → (pixel SHA-256, perceptual hash)."""
    return [
        ImageRecord(f"c:{name[1:]}", "c", "", "", StudyImage("1", View.PA, 4, 4, pixel_sha256=a, perceptual_hash=b))
        for name, (a, b) in hashes.items()
    ]


def kinds(query, records=()):
    return {(leak.case_id, leak.kind, leak.measure) for leak in find_leaks([query], CASES, records).leaks}


def test_the_same_patient_is_found_by_key_and_a_mere_number_does_not_count():
    assert kinds(AuditedQuery("q", patient_keys=frozenset({"p1"}))) == {("c:1", LeakKind.PATIENT, None)}
    found = find_leaks([AuditedQuery("q", number_keys=frozenset({"p1"}))], CASES, ())
    assert [leak.kind for leak in found.leaks] == [LeakKind.NUMBER]
    assert found.leaving_out == ((), ())


def test_cases_without_a_patient_are_nobodys():
    assert kinds(AuditedQuery("q", patient_keys=frozenset({""}))) == set()


def test_an_image_is_found_by_its_pixels_and_a_near_one_by_few_bits():
    digest = "5a" * 32
    records = images(c1=("s1", digest), c2=("s2", flipped(digest, 3)), c3=("s3", flipped(digest, 9)))
    query = AuditedQuery("q", pixel_sha256="s1", perceptual_hash=digest)
    assert kinds(query, records) == {("c:1", LeakKind.IMAGE, None), ("c:2", LeakKind.NEAR_IMAGE, 3.0)}


def test_images_of_cases_outside_the_index_are_passed_over():
    assert kinds(AuditedQuery("q", pixel_sha256="s"), images(c99=("s", ""))) == set()


def test_a_report_is_found_word_for_word_in_any_order_and_nearly():
    turned = " ".join(reversed([f"{part}." for part in LONG.rstrip(".").split(". ")]))
    assert kinds(AuditedQuery("q", text=turned)) == {("c:1", LeakKind.REPORT, None)}
    [(case_id, kind, overlap)] = kinds(AuditedQuery("q", text=LONG.replace("moderate", "large")))
    assert (case_id, kind) == ("c:1", LeakKind.NEAR_REPORT)
    assert NEAR_TEXT <= overlap < 1


def test_a_wording_of_many_patients_is_stock_and_no_leak():
    found = find_leaks([AuditedQuery("q", text="The lungs are clear.")], CASES, ())
    assert [(leak.kind, leak.case_id) for leak in found.leaks] == [(LeakKind.STOCK_REPORT, "c:2")]
    assert found.leaving_out == ((), ())


def test_the_querys_own_case_is_named_once_and_its_report_is_not_held_against_it():
    query = AuditedQuery("q", case="c:1", text=LONG)
    assert kinds(query) == {("c:1", LeakKind.CASE, None)}


def test_what_cannot_be_compared_is_counted():
    unseen = find_leaks([AuditedQuery("q")], CASES, ()).unseen
    assert unseen["queries without patient"] == unseen["queries without text"] == unseen["cases without report"] == 1
    assert unseen["cases without hashed image"] == 5


TEXTS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=14).map(" ".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=8, unique=True))
def test_near_texts_misses_nothing_that_comparing_every_pair_finds(texts):
    near = NearTexts({text: text for text in texts})
    for a, b in combinations(texts, 2):
        one, other = shingles(a), shingles(b)
        overlap = len(one & other) / len(one | other)
        assert (b in dict(near.near(a))) is (overlap >= NEAR_TEXT)


@pytest.fixture
def workspace(tmp_path):
    cases = [report("c:1", LONG), report("c:2", "There is a hiatal hernia."), report("c:3", "No acute disease.")]
    workspace = small_workspace(tmp_path / "workspace", cases)
    workspace.store.close()
    return workspace


def run(workspace, *arguments):
    return CliRunner().invoke(leakage, [str(one) for one in arguments], obj=workspace.settings, standalone_mode=False)


def picture(path):
    columns = np.linspace(20, 230, 300, dtype=np.float32)
    Image.fromarray(np.tile(columns, (300, 1)).astype(np.uint8) + np.arange(300, dtype=np.uint8)[:, None] // 20).save(
        path
    )


def test_the_command_lists_what_to_leave_out_and_writes_the_manifest_that_stays(workspace, tmp_path):
    picture(tmp_path / "a.png")
    manifest = tmp_path / "queries.csv"
    manifest.write_text(
        f'image,text,patient,Edema\n,"{LONG}",7,\na.png,A hernia of another wording.,8,-1\n', encoding="utf-8"
    )
    result = run(workspace, "--queries", manifest, "--out", tmp_path / "out", "--json")
    found = json.loads(result.stdout)
    assert result.return_value == 1
    assert found["leave_out"] == {"queries": ["line000002"], "cases": ["c:1"]}
    with (tmp_path / "out" / "manifest_without_leaks.csv").open() as file:
        [row] = csv.DictReader(file)
    assert (row["image"], row["Edema"], row["patient"]) == (str(tmp_path / "a.png"), "-1", "8")
    assert (tmp_path / "out" / "leave_out_cases.txt").read_text() == "c:1\n"


def test_the_command_says_when_only_numbers_agree(tmp_path):
    base = small_workspace(tmp_path / "w", [report("c:1", "There is a hiatal hernia.")])
    key = patient_key(base.settings.salt(), "c:20")
    cases = [report("c:1", "There is a hiatal hernia.")]
    cases = [type(cases[0])(cases[0].case_id, "c", key, (), cases[0].sections)]
    workspace = small_workspace(tmp_path / "w", cases)
    workspace.store.close()
    manifest = tmp_path / "queries.csv"
    manifest.write_text("text,patient\nThere is edema.,20\n", encoding="utf-8")
    shown = run(workspace, "--queries", manifest)
    assert (shown.return_value, "say with --collection" in shown.stdout) == (0, True)
    assert run(workspace, "--queries", manifest, "--collection", "c").return_value == 1


def test_references_are_compared_by_name_and_text(workspace, tmp_path):
    path = tmp_path / "references.json"
    path.write_text(json.dumps({"1_IM-0001": "Edema.", "x": "There is a hiatal hernia."}))
    found = json.loads(run(workspace, "--references", path, "--json").stdout)
    assert [(leak["query"], leak["case"], leak["kind"]) for leak in found["leaks"]] == [
        ("1_IM-0001", "c:1", "same case"),
        ("x", "c:2", "same report"),
    ]


def test_an_unreadable_image_is_named_and_compared_by_the_rest(workspace, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    manifest = tmp_path / "queries.csv"
    manifest.write_text(f'image,text,patient\nbad.png,"{LONG}",7\n', encoding="utf-8")
    result = run(workspace, "--queries", manifest, "--json")
    assert json.loads(result.stdout)["refused_images"] == 1
    assert "bad.png" in result.stderr


def test_one_kind_of_queries_must_be_given(workspace):
    assert isinstance(run(workspace).exception, UsageError)


def test_two_files_of_one_picture_have_equal_pixels(tmp_path):
    """What same image rests on: PNG of any compression decodes to one pixel hash."""
    picture(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        image.save(tmp_path / "b.png", compress_level=0)
    one, other = (load_image(tmp_path / name).image for name in ("a.png", "b.png"))
    assert one.file_sha256 != other.file_sha256
    assert one.pixel_sha256 == other.pixel_sha256


def test_the_section_flags_what_leaks_and_lists_no_stock_wording():
    queries = [AuditedQuery("q1", patient_keys=frozenset({"p1"})), AuditedQuery("q2", text="The lungs are clear.")]
    found = section(find_leaks(queries, CASES, ()))
    assert found.flags[0].startswith("1 of 2 queries")
    assert [row[:3] for row in found.tables[1].rows] == [("q1", "c:1", "same patient")]
    assert section(find_leaks(queries[1:], CASES, ())).flags == ()
    assert section(find_leaks(queries[1:], CASES, ()), refused=2).flags[0].startswith("2 images were refused")
