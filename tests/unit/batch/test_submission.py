"""Files become jobs with a key that is the same for the same study and parts, and for nothing else."""

import os
import shutil

import pytest
from batch_support import queue_of, write_film, write_films

from radrag.batch.submission import jobs_of, paths_of, prior_of, read_manifest
from radrag.errors import UsageError
from radrag.store.job_values import JobState


def jobs(*paths, versions="v", **how):
    return list(jobs_of(paths, batch="b", versions=versions, salt="salt", **how))


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "in" / "a.dcm", 1)


class TestKeys:
    def test_the_same_study_elsewhere_is_the_same(self, film, tmp_path):
        copy = shutil.copy(film, tmp_path / "copy.dcm")
        assert jobs(film)[0].key == jobs(copy)[0].key

    @pytest.mark.parametrize("how", [{"versions": "other"}, {"indication": "Cough."}])
    def test_other_parts_or_another_question_make_another_draft(self, film, how):
        assert jobs(film)[0].key != jobs(film, **how)[0].key

    def test_another_prior_makes_another_draft_and_another_patients_none(self, film, tmp_path):
        alone, stranger = jobs(film)[0], write_film(tmp_path / "stranger.dcm", 7)
        assert jobs(film, prior=[stranger])[0].key == alone.key
        own = shutil.copy(film, tmp_path / "own.dcm")
        (compared,) = jobs(film, prior=[own])
        assert compared.key != alone.key
        assert prior_of(compared.source) == [own] and prior_of(alone.source) == []

    def test_a_prior_is_one_study(self, film, tmp_path):
        others = [write_film(tmp_path / f"{number}.dcm", number) for number in (8, 9)]
        with pytest.raises(UsageError, match="one study of one patient"):
            jobs(film, prior=others)

    def test_another_salt_makes_another_patient(self, film):
        (other,) = jobs_of([film], batch="b", versions="v", salt="other")
        assert other.key != jobs(film)[0].key

    def test_a_changed_file_is_another_study(self, film):
        before = jobs(film)[0].key
        write_film(film, 2)
        assert jobs(film)[0].key != before

    def test_copies_within_a_study_are_one_file(self, film):
        key = jobs(film)[0].key
        shutil.copy(film, film.with_name("b.dcm"))
        (job,) = jobs(film.parent)
        assert (job.key, len(paths_of(job.source))) == (key, 1)

    def test_a_projection_that_only_the_name_tells_counts(self, tmp_path):
        from altered_films import altered_film
        from PIL import Image

        names = [tmp_path / "case_frontal.png", tmp_path / "case_lateral.png", tmp_path / "other_frontal.png"]
        for name in names:
            Image.fromarray((altered_film(1) >> 7).astype("uint8")).save(name)
        front, side, again = (jobs(name)[0].key for name in names)
        assert front == again != side

    def test_each_study_has_a_trace_of_its_own(self, tmp_path):
        found = jobs(write_films(tmp_path, 3))
        assert len({job.trace for job in found}) == len({job.key for job in found}) == 3
        assert all(len(job.trace) == 32 for job in found)


class TestRefusals:
    def test_what_is_no_chest_film_is_refused_with_its_code_and_the_rest_goes_on(self, tmp_path):
        write_films(tmp_path, 2)
        write_film(tmp_path / "ct.dcm", 9, modality="CT")
        (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
        (tmp_path / "empty.dcm").touch()
        found = jobs(tmp_path)
        refused = {paths_of(job.source)[0].name: job.refused for job in found if job.refused}
        assert {name: code for name, (code, _) in refused.items()} == {
            "ct.dcm": "wrong_modality", "broken.dcm": "no_pixel_data", "empty.dcm": "not_dicom",
        }  # fmt: skip
        assert str(tmp_path) not in "".join(message for _, message in refused.values())
        assert len(found) == 5

    def test_a_name_that_is_not_utf_8_is_refused_and_its_study_goes_on_without_it(self, film):
        shutil.copy(film, os.fsencode(film.parent) + b"/caf\xe9.dcm")
        refused, study = jobs(film.parent)
        assert refused.refused[0] == "not_found"
        assert "not UTF-8" in refused.refused[1]
        assert paths_of(study.source) == [film]

    def test_a_file_that_is_mended_takes_the_place_of_its_refusal(self, tmp_path):
        queue, film = queue_of(tmp_path / "workspace"), tmp_path / "a.dcm"
        write_film(film, 1, modality="CT")
        assert queue.submit([film], batch="b").refused == 1
        write_film(film, 1)
        assert queue.submit([film], batch="b").added == 1
        counts = queue.status("b").counts
        assert (counts[JobState.WAITING], counts[JobState.REFUSED]) == (1, 0)


class TestQueue:
    def test_the_same_command_adds_nothing(self, tmp_path):
        queue = queue_of(tmp_path / "workspace")
        films = write_films(tmp_path / "films", 3)
        first, again = queue.submit([films], batch="b"), queue.submit([films], batch="b")
        assert (first.studies, first.added) == (3, 3)
        assert (again.studies, again.added, again.dropped) == (3, 0, 0)

    def test_files_that_did_not_change_are_not_read_again(self, tmp_path, monkeypatch):
        queue = queue_of(tmp_path / "workspace")
        films = write_films(tmp_path / "films", 2)
        queue.submit([films], batch="b")
        read = []
        monkeypatch.setattr("radrag.batch.submission.sha256_of", lambda path: read.append(path.name) or "ab" * 32)
        os.utime(films / "00001.dcm", ns=(1, 1))
        queue.submit([films], batch="b")
        assert read == ["00001.dcm"]

    def test_after_a_new_index_what_waits_for_the_old_one_is_let_go(self, tmp_path):
        films = write_films(tmp_path / "films", 2)
        queue_of(tmp_path / "workspace", "old").submit([films], batch="b")
        new = queue_of(tmp_path / "workspace", "new")
        made = new.submit([films], batch="b")
        assert (made.added, made.dropped) == (2, 2)
        assert new.status("b").counts[JobState.CANCELLED] == 2

    def test_a_limit_submits_the_first_studies(self, tmp_path):
        queue = queue_of(tmp_path / "workspace")
        assert queue.submit([write_films(tmp_path / "films", 3)], batch="b", limit=2).added == 2

    def test_a_batch_needs_a_name(self, tmp_path):
        with pytest.raises(UsageError, match="needs a name"):
            queue_of(tmp_path).submit([], batch=" ")

    def test_an_uploaded_file_is_kept_by_its_content_not_by_its_name(self, tmp_path):
        queue = queue_of(tmp_path)
        path = queue.receive("Doe^Jane_lateral.PNG", b"content")
        assert path == queue.receive("x_lateral.png", b"content")
        assert path.read_bytes() == b"content"
        assert "Doe" not in path.name
        assert path.name.endswith("_lateral.png")
        assert queue.receive("scan", b"content").name != path.name
        assert oct(path.parent.stat().st_mode & 0o777) == "0o700"


class TestManifests:
    def test_paths_are_relative_to_the_manifest(self, tmp_path):
        write_films(tmp_path / "films", 2)
        manifest = tmp_path / "list.txt"
        manifest.write_text("# two studies\nfilms/00000.dcm\n\nfilms/00001.dcm\n")
        assert queue_of(tmp_path / "workspace").submit([manifest], batch="b").added == 2

    def test_a_table_tells_why_each_study_was_asked_for(self, tmp_path):
        write_films(tmp_path / "films", 3)
        manifest = tmp_path / "list.csv"
        manifest.write_text("path,indication\nfilms/00000.dcm,Cough.\nfilms/00001.dcm,\nfilms/00002.dcm,Cough.\n")
        queue = queue_of(tmp_path / "workspace")
        queue.submit([manifest], batch="b", indication="Fever.")
        assert sorted(job.source["indication"] for job in queue.store.iter_jobs("b")) == ["Cough.", "Cough.", "Fever."]

    @pytest.mark.parametrize(("name", "text"), [("list.csv", "file\na.dcm\n"), ("none.txt", None)])
    def test_one_that_cannot_be_read_is_named(self, tmp_path, name, text):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(UsageError, match=name):
            read_manifest(tmp_path / name)
