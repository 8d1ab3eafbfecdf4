"""``radrag search``: a table with reasons and quotes, filters that hold, JSON that only grows."""

import json

import pytest
from small_workspaces import report, small_workspace

from radrag.cli.main import run
from radrag.domain import StudyImage, View

CASES = (
    report("a:1", "There is a left pleural effusion. Heart size is normal.", studied_at="2020-05-01", licence="open"),
    report("a:2", "No pleural effusion. No pneumothorax.", studied_at="2021-05-01T08:00:00", licence="closed"),
    report("b:3", "Large right pneumothorax."),
    report("b:4", "Small left effusion. Lungs are otherwise clear.", licence="open"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from dataclasses import replace

    folder = tmp_path_factory.mktemp("search")
    viewed = [replace(CASES[0], images=(StudyImage("1.1", View.LATERAL, 4, 4),)), *CASES[1:]]
    workspace = small_workspace(folder, viewed)
    workspace.store.close()
    return folder


@pytest.fixture
def search(folder, capsys):
    def call(*arguments):
        code = run(["--workspace", str(folder), "search", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def ids(found):
    return [hit["case_id"] for hit in json.loads(found[1])]


def test_the_table_has_rank_score_the_channels_the_reason_and_the_sentence_that_says_it(search):
    code, out, _ = search("--text", "left pleural effusion", "-k", "2")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["rank", "case", "score", "labels", "lexical", "text"]
    assert lines[2].split()[:2] in (["1", "a:1"], ["1", "b:4"])
    assert "shares pleural effusion" in out
    assert 'findings[0:33] "There is a left pleural effusion."' in out
    assert "Heart size" not in out
    assert "rank 1" not in out  # it has its column


def test_it_says_how_the_words_were_understood(search):
    _, out, err = search("--text", "70yo F, left pleural effusion, no ptx")
    assert (
        "Looking for: left pleural effusion, no pneumothorax, the words “, left pleural effusion, no pneumothorax”."
        in err
    )
    assert "Looking for" not in out
    assert "Looking for: no finding, the words “no acute disease”." in search("--text", "no acute disease")[2]


def test_the_neighbourhood_closes_the_table(search):
    _, out, _ = search("--text", "left pleural effusion", "-k", "4")
    row = next(line.split() for line in out.splitlines() if line.startswith("Pleural Effusion"))
    assert row[2:] == ["2", "1", "1", "50.0%", "1.0x"]


def test_json_is_a_list_of_hits_each_with_the_sentence_byte_for_byte(search):
    found = search("--text", "left pleural effusion", "--json")
    reports = {case.case_id: case.sections for case in CASES}
    for hit in json.loads(found[1]):
        assert {"case_id", "rank", "score", "channels", "why", "sentence"} <= hit.keys()
        shown = hit["sentence"]
        assert reports[hit["case_id"]][shown["section"]][shown["start"] : shown["end"]] == shown["quote"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--corpus", "b"], {"b:3", "b:4"}),
        (["--corpus", "a", "--corpus", "b"], {"a:1", "a:2", "b:3", "b:4"}),
        (["--view", "lateral"], {"a:1"}),
        (["--since", "2021-01-01"], {"a:2"}),
        (["--until", "2021-05-01"], {"a:1", "a:2"}),  # the day itself counts
        (["--licence", "open"], {"a:1", "b:4"}),
        (["--licence", "open", "--corpus", "b"], {"b:4"}),
        (["--exclude-patient", "patient of a:1"], {"a:2", "b:3", "b:4"}),
    ],
)
def test_filters_hold(search, filters, expected):
    assert set(ids(search("--text", "pleural effusion", "--json", *filters))) == expected


def test_where_nothing_may_be_found_that_is_said_and_the_data_is_empty(search):
    code, out, err = search("--text", "effusion", "--since", "2030-01-01")
    assert (code, out) == (0, "")
    assert "No case" in err
    assert search("--text", "effusion", "--since", "2030-01-01", "--json")[1] == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "effusion", "--corpus", "iu-xry"], "it has: a, b"),
        (["--text", "  "], "--image FILE"),
        (["--text", "effusion", "--since", "May"], "--since"),
    ],
)
def test_a_slip_in_the_question_is_an_error_and_not_an_empty_answer(search, arguments, message):
    code, out, err = search(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_image_and_words_are_searched_together(search, sample_radiograph):
    image, words = ["--image", str(sample_radiograph)], ["--text", "large right pneumothorax"]
    alone, both = (search(*asked, "--json") for asked in (image, image + words))
    assert alone[0] == both[0] == 0
    assert ids(both).index("b:3") < ids(alone).index("b:3")  # the words count
    assert {"a:1", "b:4"} & set(ids(both)[:3])  # and so does the effusion that the image shows
