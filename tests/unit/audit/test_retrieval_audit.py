"""The retrieval audit counts what was found, what was not, and what a number of hits would have taken."""

import json

import numpy as np
import pytest
from small_workspaces import report, small_workspace, text_encoder

from radrag.audit.retrieval import ABNORMAL, OVERALL, audit_retrieval, query_vectors
from radrag.audit.searched import NONE, search_all, weighed
from radrag.audit.sections_retrieval import section
from radrag.cli.main import run
from radrag.domain import ImageFinding
from radrag.errors import UsageError
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.retrieval.query import query_from_image

REPORTS = ("Left pleural effusion.", "The lungs are clear.", "Right lower lobe pneumonia.", "Moderate cardiomegaly.")
LABELS = ("Pleural Effusion", "Pneumonia", "Cardiomegaly")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    cases = [report(f"c:{n}", f"{REPORTS[n % 4]} Film number {n}.") for n in range(24)]
    return small_workspace(tmp_path_factory.mktemp("audited"), cases)


def query(number, *there, **values):
    seen = [ImageFinding(name, 0.9 if name in there else 0.05, 0.5) for name in LABELS]
    truth = {name: float(name in there) for name in LABELS}
    made = {"query_id": f"q{number}", "patient": f"p{number // 2}", "truth": truth, "search": query_from_image(seen)}
    return EvaluationQuery(**(made | values))


def audited(workspace, queries, **options):
    cases = workspace.snapshot.cases
    relevance = Relevance({name: case.labels for name, case in cases.items()})
    found = search_all(queries, workspace.retriever, relevance, depth=10)
    return found, audit_retrieval(queries, found, relevance, cases, draws=50, **options)


QUERIES = [query(n, *([LABELS[n % 4]] if n % 4 < 3 else [])) for n in range(8)]


def test_what_is_audited_is_what_a_search_finds(workspace):
    found, _ = audited(workspace, QUERIES)
    ids = sorted(workspace.snapshot.cases.ids)
    for row, one in enumerate(QUERIES):
        hits = workspace.retriever.search(one.search, 10)
        assert [ids[place] for place in found.hits[row]] == [hit.case_id for hit in hits]
        assert found.scores[row].tolist() == pytest.approx([hit.score for hit in hits])


def test_every_set_of_queries_has_its_measures(workspace):
    _, result = audited(workspace, QUERIES)
    assert [one.name for one in result.sets] == [
        OVERALL,
        ABNORMAL,
        "Pneumonia",
        "Pleural Effusion",
        "Cardiomegaly",
        "No Finding",
    ]
    overall = result.sets[0]
    assert (overall.queries, overall.patients, result.cases) == (8, 4, 24)
    assert overall.estimates["search"]["nDCG@10"].mean > overall.estimates["random"]["nDCG@10"].mean
    assert overall.gain["nDCG@10"].mean == pytest.approx(
        overall.estimates["search"]["nDCG@10"].mean - overall.estimates["random"]["nDCG@10"].mean
    )
    assert result.hubs.queries == 8
    assert {one.name for one in result.scores} == {"hit 1", "hit 5", "hit 10", "random pair"}
    assert all(0 <= one.overlap <= 1 for one in result.agreement)
    json.dumps(result.as_dict(), allow_nan=False)


def test_refused_and_unanswered_queries_are_counted_and_score_0(workspace):
    everything = frozenset(workspace.snapshot.cases.ids)
    refused = query(8, "Pneumonia", search=None, failure="not_found")
    nothing = query(9, "Pneumonia", excluded=everything)
    nothing = query(9, "Pneumonia", excluded=everything, search=_without(nothing.search, everything))
    unknown = query(10, truth={})
    found, result = audited(workspace, [*QUERIES, refused, nothing, unknown])
    assert (result.abstentions.failed, result.abstentions.empty) == ({"not_found": 1}, 1)
    assert (result.abstentions.unjudged, result.sets[0].queries) == (1, 10)
    assert (found.hits[8:10] == NONE).all()
    before = audited(workspace, QUERIES)[1].sets[0].estimates["search"]["nDCG@10"].mean
    assert result.sets[0].estimates["search"]["nDCG@10"].mean == pytest.approx(before * 8 / 10)
    assert any("1 of 11 queries were refused and 1 found nothing" in flag for flag in section(result).flags)


def test_of_one_patient_there_is_no_interval(workspace):
    _, result = audited(workspace, [query(n, LABELS[n % 3], patient="p") for n in range(40)])
    shown = section(result)
    assert "(one patient: no interval)" in shown.summary
    assert any("is not shown to be better than that of random orders" in flag for flag in shown.flags)
    assert "nan" not in " ".join((shown.summary, *shown.flags))


def test_where_every_image_is_refused_no_number_of_hits_is_said(workspace):
    _, result = audited(workspace, [query(n, "Pneumonia", search=None, failure="not_found") for n in range(3)])
    assert [(one.queries, one.mean, one.fired) for one in result.selection] == [(0, None, None)] * 2
    json.dumps(section(result).as_dict() | result.as_dict(), allow_nan=False)


def _without(search, cases):
    from dataclasses import replace

    return replace(search, exclude_cases=cases)


def test_an_adaptive_number_is_compared_with_the_fixed_number_of_its_mean(workspace):
    found, result = audited(workspace, QUERIES)
    for one in result.selection:
        counts = found.counts[one.name]
        assert one.mean == pytest.approx(counts.mean())
        assert sum(one.counts.values()) == len(QUERIES)
        assert one.gain.mean == pytest.approx(one.precision.mean - one.fixed.mean)
    relevance = Relevance({name: case.labels for name, case in workspace.snapshot.cases.items()})
    gap = next(one for one in result.selection if one.name == "gap")
    shares = [
        np.mean([relevance.gains(one.truth)[place] > 0.5 for place in found.ranked[row, : found.counts["gap"][row]]])
        for row, one in enumerate(QUERIES)
    ]
    assert gap.precision.mean == pytest.approx(np.mean(shares))


def test_vectors_are_log_odds_where_images_have_none(workspace):
    vectors = query_vectors([QUERIES[0], query(1, search=None)])
    assert vectors.shape == (2, 3)
    assert np.isnan(vectors[1]).all()
    assert vectors[0].max() == pytest.approx(np.log(9))
    assert set(
        weighed(workspace.retriever, QUERIES[0].search, workspace.retriever.rankings(QUERIES[0].search, 10))
    ) == {"labels", "profile"}


def test_without_any_truth_there_is_nothing_to_audit(workspace):
    with pytest.raises(UsageError, match="No query has a known label"):
        audited(workspace, [query(0, truth={})])


def test_the_command_groups_by_month_and_prints_the_tables(workspace, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("radrag.encoders.load_text_encoder", lambda *_, **__: text_encoder())
    path = tmp_path / "queries.csv"
    rows = [f"{REPORTS[n % 4]},{n},{int(n % 4 == 0)},{int(n % 4 == 2)},2026-0{1 + n // 20}-01" for n in range(40)]
    path.write_text("\n".join(["text,patient,Effusion,Pneumonia,date", *rows]) + "\n")
    command = [
        "--workspace",
        str(workspace.settings.workspace),
        "audit",
        "retrieval",
        "--manifest",
        str(path),
        "-k",
        "10",
    ]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["drift"]] == ["2026-01", "2026-02"]
    assert found["drift"][1]["p"] > 0.05
    assert run(command) == 0
    shown = capsys.readouterr().out
    assert "Agreement of the search and its channels" in shown
    assert "How evenly results fall on cases" in shown
