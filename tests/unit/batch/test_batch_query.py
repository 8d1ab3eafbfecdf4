"""A query means the studies that a person would: those that came then, and have no draft by what drafts now."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from batch_support import Drafts, queue_of, worker_of, write_film, write_films
from click.testing import CliRunner

from radrag.batch.query import Asked, Drafted, Query, chosen, parse_query
from radrag.cli.batch import command, name_of
from radrag.errors import UsageError
from radrag.settings import load_settings
from radrag.store.job_values import JobState, KnownJob

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


def job(number, file="a", *, at="2026-11-21T20:00", versions="v1", state=JobState.DONE, asked=True, signed=False):
    source = {"files": [[f"/{file}.dcm", 1, 1, file]], "indication": "Cough." if file == "c" else ""}
    return KnownJob(number, versions, source, state, f"{at}:00.000000+00:00", asked, signed)


def names(jobs, **query):
    found = chosen(jobs, Query(**query), "v1")
    return sorted(str(path) for paths in found.values() for path in paths)


class TestChoosing:
    def test_what_the_present_parts_have_drafted_is_never_meant(self):
        waiting = job(2, "b", state=JobState.WAITING)
        assert names([job(1), waiting]) == ["/b.dcm"]

    def test_a_study_that_was_drafted_by_other_parts_is_old_and_not_undrafted(self):
        jobs = [job(1, versions="v0"), job(2, "b", state=JobState.PARKED)]
        assert names(jobs) == ["/a.dcm", "/b.dcm"]
        assert names(jobs, drafted=Drafted.OLD) == ["/a.dcm"]
        assert names(jobs, drafted=Drafted.NONE) == ["/b.dcm"]

    def test_a_study_is_as_old_as_its_first_job_whatever_was_submitted_later(self):
        jobs = [job(1, versions="v0", at="2026-11-20T20:00"), job(2, versions="v2", at="2026-11-21T23:00")]
        assert names(jobs, since="2026-11-21") == []
        assert names(jobs, until="2026-11-21") == ["/a.dcm"]

    def test_signed_studies_and_those_of_other_batches_can_be_left_out(self):
        jobs = [job(1, versions="v0", signed=True), job(2, "b", versions="v0"), job(3, "c", versions="v0", asked=False)]
        assert names(jobs) == ["/a.dcm", "/b.dcm"]
        assert names(jobs, unsigned=True) == ["/b.dcm"]

    def test_a_study_lies_where_it_was_submitted_from_last(self):
        moved = job(2, versions="v2")
        moved.source["files"][0][0] = "/new/a.dcm"
        assert names([job(1, versions="v0"), moved]) == ["/new/a.dcm"]

    def test_each_study_keeps_its_indication(self):
        assert list(chosen([job(1, "c", versions="v0")], Query(), "v1")) == [Asked("Cough.")]

    def test_a_study_that_was_compared_with_a_prior_is_compared_with_it_again(self):
        compared = job(2, versions="v0")
        compared.source["prior"] = [["/prior.dcm", 1, 1, "p"]]
        assert list(chosen([job(1, versions="v0"), compared, job(3, versions="v00")], Query(), "v1")) == [
            Asked("", (Path("/prior.dcm"),))
        ]


class TestParsing:
    def test_what_is_named_is_meant(self):
        query = parse_query("since=12h, draft=none,batch=arrived-*,unsigned", NOW)
        assert query == Query("2026-11-21T18:00:00.000000+00:00", "", "arrived-*", Drafted.NONE, True)

    def test_times_may_name_their_zone_and_are_else_of_this_machine(self):
        assert parse_query("since=2026-11-21T18:00+02:00").since == "2026-11-21T16:00:00.000000+00:00"
        here = datetime(2026, 11, 21).astimezone(UTC)
        assert parse_query("until=2026-11-21").until == here.isoformat(timespec="microseconds")

    @pytest.mark.parametrize(
        "text", ["", " , ", "since", "since=yesterday", "draft=all", "unsigned=no", "patient=1", "since=1d,since=2d"]
    )
    def test_anything_else_is_refused(self, text):
        with pytest.raises(UsageError):
            parse_query(text)


class TestSubmission:
    def test_a_new_index_drafts_last_nights_studies_again_and_nothing_else(self, tmp_path):
        queue = queue_of(tmp_path / "workspace")
        write_film(tmp_path / "ct" / "ct.dcm", 99, modality="CT")
        queue.submit([write_films(tmp_path / "films", 3), tmp_path / "ct"], batch="arrived-1")
        queue.submit([write_films(tmp_path / "others", 2, first=5)], batch="other")
        worker_of(queue, Drafts())[0].run(Never())
        asked = Query(batch="arrived-*")
        assert queue.submit([], batch="again", query=asked).studies == 0
        queue = queue_of(tmp_path / "workspace", "v2")
        assert queue.submit([], batch="again", query=asked).added == 3
        assert queue.submit([], batch="again", query=asked).added == 0  # they wait
        soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="microseconds")
        assert queue.submit([], batch="later", query=Query(since=soon)).studies == 0

    def test_the_command_wants_paths_or_a_query(self, tmp_path):
        settings = load_settings(workspace=tmp_path)
        for arguments, said in ((["run"], "Which studies"), (["run", "--query", "x=1"], "cannot be asked for")):
            result = CliRunner().invoke(command, arguments, obj=settings, standalone_mode=False)
            assert said in str(result.exception)
        assert name_of((), "since=1d") != name_of((), "since=2d")


class Never:
    def is_set(self):
        return False
