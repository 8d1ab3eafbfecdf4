"""Tables of pairs become cases, and faulty rows become lines of the report."""

import gzip
import json
import shutil
import tracemalloc

import pytest
from corpus_trees_own import PAIRS, build_pairs, write_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.kinds import Options, find_kind, kind_of
from radrag.corpus.collection import ItemRejected, Rejection
from radrag.dicom.deidentify import patient_key
from radrag.domain import Case, View
from radrag.errors import CorpusError, UsageError

FORMATS = ("csv", "csv.gz", "jsonl", "parquet")


def read(path, **options):
    collection = find_kind("pairs").open(path, Options(salt="salt", **options))
    items = list(collection.items)
    cases = [item for item in items if isinstance(item, Case)]
    return collection.info, cases, [item for item in items if isinstance(item, Rejection)]


def table(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def codes(rejections):
    return [(one.code.value, one.item, one.kept) for one in rejections]


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_of_any_format_gives_the_same_cases(tmp_path, format):
    folder = build_pairs(tmp_path / "My Export", format)
    info, cases, rejections = read(folder)
    assert rejections == []
    assert (info.name, info.restricted) == ("my-export", False)
    first, second, third = cases
    assert [case.case_id for case in cases] == ["my-export:S1", "my-export:S2", "my-export:S3"]
    assert first.sections == {
        "indication": "Cough.",
        "findings": "The lungs are clear, the heart is normal.",
        "impression": "Normal chest.",
    }
    assert [image.view for image in first.images] == [View.PA, View.LATERAL]
    assert [image.path for image in first.images] == [str(folder / "images" / name) for name in ("a_pa.png", "a_l.png")]
    assert (first.split, first.sex, first.age, first.studied_at) == ("train", "F", 45.0, "2021-03-04")
    assert (first.licence, second.licence, third.licence) == ("CC BY 4.0", "CC BY 4.0", "")
    assert second.sections == {"findings": "Right basal opacity, probably pneumonia.\nNo effusion."}
    assert (second.split, second.age, second.studied_at, second.images[0].view) == ("val", 70.0, "2021-03-05", View.AP)
    assert (third.images, third.split) == ((), "test")
    assert first.patient_key == patient_key("salt", "my-export:P1")


def test_the_shared_pairs_need_no_options(shared_data):
    info, cases, rejections = read(shared_data / "pairs")
    assert info.name == "pairs"
    assert len(cases) == 195
    # Three images are in the table twice, with the same text.
    assert [(code, kept) for code, _, kept in codes(rejections)] == [("duplicate_id", True)] * 3
    assert all(len(case.images) == 1 and case.images[0].view is not View.UNKNOWN for case in cases)
    assert {case.split for case in cases} == {"train", "val"}


def test_ids_do_not_depend_on_the_order_of_rows(tmp_path):
    rows = [{"image": f"{n}.png", "text": f"Text {n}."} for n in range(5)]
    one = read(build_pairs(tmp_path / "a", rows=rows), name="x")[1]
    other = read(build_pairs(tmp_path / "b", rows=rows[::-1]), name="x")[1]
    assert {case.case_id for case in one} == {case.case_id for case in other}
    assert len({case.case_id for case in one}) == 5


def test_columns_can_be_named(tmp_path):
    path = table(tmp_path, "key,picture,words\n1,a.png,Clear lungs.\n")
    with pytest.raises(ItemRejected, match=r"no column of images.*key, picture, words.*--column image=NAME") as caught:
        read(path)
    assert caught.value.code == "wrong_header"
    with pytest.raises(ItemRejected, match=r"no column of texts.*--column text=NAME"):
        read(path, columns={"image": "picture"})
    cases = read(path, columns={"image": "PICTURE", "text": "words", "id": "key"})[1]
    assert [(case.case_id, case.sections["findings"]) for case in cases] == [("t:1", "Clear lungs.")]


def test_a_column_that_is_not_there_and_a_field_that_is_none_are_named(tmp_path):
    path = table(tmp_path, "image,text\na.png,Clear lungs.\n")
    with pytest.raises(ItemRejected, match="no column 'notes'.*image, text"):
        read(path, columns={"text": "notes"})
    with pytest.raises(UsageError, match=r"'report'.*Fields: image, text"):
        read(path, columns={"report": "text"})


def test_separate_columns_are_sections_and_win_over_the_whole_text(tmp_path):
    header = "Image Path,Report,Section_Findings,Impression,Indication"
    text = f"{header}\na.png,FINDINGS: x IMPRESSION: y,Clear lungs.,Normal.,Cough\nb.png,Only text.,,,Fever\n"
    first, second = read(table(tmp_path, text))[1]
    assert first.sections == {"indication": "Cough", "findings": "Clear lungs.", "impression": "Normal."}
    assert second.sections == {"indication": "Fever", "findings": "Only text."}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("../a.png,Clear.", "path_outside"),
        ("/etc/passwd,Clear.", "path_outside"),
        ("C:\\a.png,Clear.", "path_outside"),
        ("a.png,", "missing_report"),
        (",", "bad_row"),
        ("a.png,Clear.,more", "bad_row"),
        (f"{'a' * 5000}.png,Clear.", "bad_value"),
    ],
)
def test_a_faulty_row_is_named_and_the_rest_goes_on(tmp_path, row, code):
    if row == ",":
        row = " ,"
    (tmp_path / "images").mkdir()
    _, cases, rejections = read(table(tmp_path, f"image,text\n{row}\nb.png,No effusion.\n"))
    assert len(cases) == 1
    assert [(one.code.value, one.item) for one in rejections if not one.kept] == [(code, "t.csv:2")]


def test_a_text_without_body_is_taken_and_told(tmp_path):
    _, (case,), rejections = read(table(tmp_path, "image,text,indication\na.png,,Cough\n"))
    assert case.sections == {"indication": "Cough"}
    assert ("missing_report", "t.csv:2", True) in codes(rejections)


def test_an_absolute_path_within_the_folder_is_inside(tmp_path):
    folder = build_pairs(tmp_path / "x", rows=[{"image": "a.png", "text": "Clear."}])
    write_table(folder / "pairs.csv", [{"image": str(folder / "images" / "a.png"), "text": "Clear."}])
    _, cases, rejections = read(folder)
    assert rejections == []
    assert cases[0].images[0].path == str(folder / "images" / "a.png")


def test_rows_of_one_study_that_stand_apart_are_told(tmp_path):
    text = "image,study,text\na.png,S1,Clear.\nb.png,S2,Opacity.\nc.png,S1,Clear.\nd.png,S1,Another text.\n"
    _, cases, rejections = read(table(tmp_path, text))
    assert [case.case_id for case in cases] == ["t:S1", "t:S2"]
    told = [(one.code.value, one.item) for one in rejections if not one.kept]
    assert told == [("duplicate_id", "t.csv:5"), ("duplicate_id", "t.csv:4")]


def test_cells_that_mean_nothing_are_named_without_their_content(tmp_path):
    text = "image,text,view,split,age,date,sex\na.png,Clear.,Doe^Jane,holdout,old,01/02/03,?\n"
    _, (case,), rejections = read(table(tmp_path, text))
    assert (case.split, case.age, case.studied_at, case.sex) == ("", None, "", "")
    told = [one for one in rejections if one.code.value == "bad_value"]
    assert len(told) == 5
    assert all(one.kept and one.item == "t.csv:2" for one in told)
    assert not any("Doe" in one.message for one in told)


def test_a_column_of_nonsense_does_not_flood_the_report(tmp_path):
    rows = "".join(f"{n}.png,Text {n}.,someday\n" for n in range(500))
    _, cases, rejections = read(table(tmp_path, f"image,text,date\n{rows}"))
    assert len(cases) == 500
    assert sum(one.code.value == "bad_value" for one in rejections) == 20


@pytest.mark.parametrize(
    "licence",
    ["PhysioNet Credentialed Health Data License 1.5.0", "Stanford University Dataset Research Use Agreement"],
)
def test_restricting_terms_make_the_collection_restricted(tmp_path, licence):
    path = table(tmp_path, f"image,text,license\na.png,Clear.,CC BY 4.0\nb.png,Opacity.,{licence}\n")
    info, cases, _ = read(path)
    assert info.restricted
    assert all(case.restricted for case in cases)
    free = table(tmp_path, "image,text\na.png,Clear.\n", "u.csv")
    assert not read(free)[0].restricted
    assert read(free, licence=licence)[0].restricted
    assert read(free, restricted=True)[1][0].restricted


def test_restricting_terms_found_late_reject_their_rows(tmp_path):
    rows = "".join(f"{n}.png,Text {n}.,CC0\n" for n in range(300))
    path = table(tmp_path, f"image,text,licence\n{rows}z.png,Last.,PhysioNet Credentialed Health Data License\n")
    info, cases, rejections = read(path)
    assert (info.restricted, len(cases)) == (False, 300)
    assert ("restricted_terms", "t.csv:302", False) in codes(rejections)
    assert len(read(path, restricted=True)[1]) == 301


def test_without_any_image_files_texts_come_alone_and_that_is_said_once(tmp_path):
    _, cases, rejections = read(table(tmp_path, "image,text\na.png,Clear.\nb.png,Opacity.\n"))
    assert [case.images for case in cases] == [(), ()]
    assert codes(rejections) == [("missing_image", "t.csv", True)]


def test_encodings_are_read_and_told(tmp_path):
    text = "image,text\na.png,Kein Erguß.\n"
    for encoding in ("latin-1", "utf-16", "utf-8-sig"):
        _, (case,), rejections = read(table(tmp_path, text.encode(encoding)))
        assert case.sections["findings"] == "Kein Erguß."
        assert ("wrong_encoding", True) in [(one.code.value, one.kept) for one in rejections]


def test_json_lines_that_are_broken_or_huge_are_named_by_their_number(tmp_path, monkeypatch):
    monkeypatch.setattr("data_prep.pair_tables.MAX_LINE", 1000)
    lines = [
        '{"images": ["a.png", "b.png"], "report": "Clear.", "id": 7, "labels": ["Edema", "Fracture"]}',
        '{"images": ',
        "[1, 2]",
        json.dumps({"images": "c.png", "report": "x" * 5000}),
        "[" * 900,
        '{"images": "d.png", "report": "half \\ud800 and nul \\u0000.", "id": 8.0}',
    ]
    _, cases, rejections = read(table(tmp_path, "\n".join(lines), "t.jsonl"))
    assert [case.case_id for case in cases] == ["t:7", "t:8"]
    assert cases[0].labels == ("Edema", "Fracture")
    assert cases[1].sections["findings"] == "half \N{REPLACEMENT CHARACTER} and nul ."
    told = [(one.code.value, one.item) for one in rejections if not one.kept]
    assert told == [("bad_row", f"t.jsonl:{line}") for line in (2, 3, 4, 5)]


@pytest.mark.parametrize("format", FORMATS)
def test_empty_and_cut_off_tables_are_told(tmp_path, format):
    rows = [{"text": f"Small effusion, case {n}.", "image": f"{n}.png"} for n in range(50)]
    path = write_table(tmp_path / f"pairs.{format}", rows)
    content = path.read_bytes()
    path.write_bytes(content[: content.rfind(b"case 45") if format == "csv" else len(content) * 6 // 10])
    _, _, rejections = read(tmp_path)
    assert {one.code.value for one in rejections if not one.kept} & {"truncated_file", "bad_row"}
    path.write_bytes(b"")
    assert [one.code.value for one in read(tmp_path)[2]] == ["empty_file"]


def test_images_inside_a_parquet_table_are_refused_with_a_reason(tmp_path):
    write_table(tmp_path / "t.parquet", [{"image": {"bytes": b"x", "path": "a.png"}, "text": "Clear."}])
    with pytest.raises(ItemRejected, match="holds the images themselves"):
        read(tmp_path)


def test_the_table_with_the_texts_is_found_beside_others(tmp_path):
    folder = build_pairs(tmp_path / "x")
    (folder / "labels.csv").write_text("image,edema\na.png,1\n")
    assert len(read(folder)[1]) == 3
    shutil.copy(folder / "pairs.csv", folder / "again.csv")
    with pytest.raises(CorpusError, match="not laid out like pairs"):
        read(folder)


def test_a_table_looks_like_pairs(tmp_path):
    assert kind_of(build_pairs(tmp_path / "x")).name == "pairs"
    (tmp_path / "y").mkdir()
    assert kind_of(tmp_path / "y") is None


def test_memory_does_not_grow_with_the_texts(tmp_path):
    path = tmp_path / "t.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("image,study,text\n")
        file.writelines(f"{n}.png,S{n},{'x' * 20_000}\n" for n in range(500))  # 10 MB of texts
    collection = find_kind("pairs").open(path, Options(salt="s"))
    tracemalloc.start()
    count = sum(isinstance(item, Case) for item in collection.items)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 500
    assert peak < 2_000_000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(format=st.sampled_from(FORMATS), data=st.data())
def test_no_damage_raises(tmp_path, format, data):
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    path = write_table(tmp_path / f"pairs.{format}", PAIRS)
    content = bytearray(path.read_bytes())
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=12)
    ):
        content[place] = byte
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        items = read(tmp_path)
    except ItemRejected as rejected:
        assert rejected.code == "wrong_header"
    else:
        assert all(case.sections for case in items[1])


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_column_name_with_umlauts_is_found_in_a_table_of_any_length(tmp_path, encoding):
    rows = "".join(f"{n}.png,Kein Erguß {n}.{'ß' * 50}\n" for n in range(1000))
    for name in ("Größter Text", "Größter  Text"):  # a first look at the header must not depend on where it ends
        path = table(tmp_path, f"image,{name}\n{rows}".encode(encoding))
        cases = read(path, columns={"text": name.lower()})[1]
        assert [case.sections["findings"] for case in cases][:1] == [f"Kein Erguß 0.{'ß' * 50}"]
        assert len(cases) == 1000
