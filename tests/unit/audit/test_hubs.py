"""Hubness: how unevenly results fall on cases, beside what chance would give."""

import json

import pytest
from click.testing import CliRunner
from small_workspaces import report, small_workspace

from radrag.audit.hubs import hub_scores, section
from radrag.cli.audit_hubs import hubs
from radrag.errors import UsageError

IDS = [f"c:{number:03d}" for number in range(200)]


def test_even_results_have_no_hubs_and_leave_none_out():
    scores = hub_scores([IDS[start : start + 10] for start in range(0, 200, 10)], IDS, depth=10)
    assert (scores.never, scores.skewness, scores.results) == (0.0, None, 200)


def test_a_hub_shows_as_skewness_share_and_first_of_the_most_found():
    scores = hub_scores([["c:000", case] for case in IDS[1:101]], IDS, depth=2)
    assert scores.most[0].case_id == "c:000"
    assert scores.most[0].queries == 100
    assert scores.never == pytest.approx(99 / 200)
    assert scores.top_share == pytest.approx(101 / 200)  # two cases are the most found hundredth
    assert scores.skewness > 10
    assert abs(scores.random_skewness) < 3
    assert scores.random_top_share < 0.1


def test_skewness_is_the_third_standardised_moment():
    scores = hub_scores([["a", "b"], ["a"], ["a"], []], ["a", "b", "c", "d"], depth=2)
    # counts 3, 1, 0, 0: mean 1, variance 1.5, third moment (8 + 0 - 1 - 1) / 4
    assert scores.skewness == pytest.approx(1.5 / 1.5**1.5)
    assert scores.empty == 1


def test_results_beyond_the_depth_repeats_and_strangers_do_not_count():
    scores = hub_scores([["a", "a", "x", "b", "c"]], ["a", "b", "c"], depth=2)
    assert [(hub.case_id, hub.queries) for hub in scores.most] == [("a", 1), ("b", 1)]


def test_coverage_counts_cases_that_state_a_label():
    scores = hub_scores([["a"]], ["a", "b"], depth=1, labels={"a": ["Edema"], "b": ["Edema", "Hernia"]})
    assert [(one.label, one.cases, one.found) for one in scores.labels] == [("Hernia", 1, 0), ("Edema", 2, 1)]


def test_nothing_to_count_is_refused():
    with pytest.raises(UsageError, match="nothing to count"):
        hub_scores([], IDS, depth=5)


def test_the_command_counts_twins_as_one_report(tmp_path):
    texts = ["There is edema.", "There is edema.", "There is a hiatal hernia.", "The heart is enlarged."]
    cases = [report(f"c:{number}", text) for number, text in enumerate(texts)]
    workspace = small_workspace(tmp_path / "workspace", cases)
    workspace.store.close()
    manifest = tmp_path / "queries.csv"
    manifest.write_text("text,patient\nThere is edema.,1\nPulmonary edema.,2\n", encoding="utf-8")
    arguments = ["--manifest", str(manifest), "-k", "1"]
    result = CliRunner().invoke(hubs, [*arguments, "--json"], obj=workspace.settings, standalone_mode=False)
    found = json.loads(result.stdout)
    assert (found["queries"], found["cases"], found["results"]) == (2, 3, 2)
    assert found["most_retrieved"] == [{"case": "c:0", "queries": 2}]
    shown = CliRunner().invoke(hubs, arguments, obj=workspace.settings, standalone_mode=False).stdout
    assert "2 queries, first 1 results of 3 distinct cases" in shown


def test_the_section_flags_hubs_and_labels_that_are_never_found():
    scores = hub_scores(
        [["c:000", case] for case in IDS[1:100]],
        IDS,
        depth=2,
        labels={case: ["Edema" if number < 100 else "Hernia"] for number, case in enumerate(IDS)},
    )
    found = section(scores)
    assert any("skewness" in flag for flag in found.flags)
    assert found.flags[-1].endswith("would find 5 or more: Hernia.")
    assert dict(zip(found.plots[0].series[0].x, found.plots[0].series[0].y, strict=True)) == {
        "Hernia": 0.0,
        "Edema": 1.0,
    }


def test_a_rare_label_that_few_queries_miss_is_no_flag():
    labels = {case: ["Edema" if number < 100 else "Hernia"] for number, case in enumerate(IDS)}
    assert section(hub_scores([["c:000"], ["c:001"]], IDS, depth=2, labels=labels)).flags == ()


def test_even_results_raise_no_flag():
    assert section(hub_scores([IDS[n : n + 10] for n in range(0, 200, 10)], IDS, depth=10)).flags == ()
