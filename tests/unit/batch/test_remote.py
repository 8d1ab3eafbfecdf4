"""Studies in a store are the same studies; nothing of them stays behind; results are there whole."""

import fsspec
import pytest
from batch_support import Drafts, queue_of, worker_of, write_film, write_films
from click.testing import CliRunner

from radrag.batch import remote, remote_submission
from radrag.batch.local import LocalRun
from radrag.batch.remote import StorageError, fetch, files_in, is_url, put
from radrag.batch.stages import reason
from radrag.cli.batch import command
from radrag.errors import MissingDependency, UsageError
from radrag.settings import load_settings
from radrag.store.job_values import BatchStatus, JobState


class Stop:
    def is_set(self):
        return False


@pytest.fixture
def bucket():
    """An empty store in memory."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    yield store
    store.store.clear()


@pytest.fixture
def films(tmp_path, bucket):
    """Three films here and, as copies, in the store; there with what is no film beside them."""
    folder = write_films(tmp_path / "films", 3)
    for path in folder.iterdir():
        bucket.pipe_file(f"/archive/night/{path.name}", path.read_bytes())
    write_film(tmp_path / "ct.dcm", 99, modality="CT")
    bucket.put_file(str(tmp_path / "ct.dcm"), "/archive/ct.dcm")
    bucket.pipe_file("/archive/notes.csv", b"a,b\n")
    return folder


@pytest.fixture
def queue(tmp_path):
    return queue_of(tmp_path / "workspace")


def jobs(queue, batch="b"):
    return list(queue.store.iter_jobs(batch))


@pytest.mark.parametrize(
    ("text", "url"), [("s3://b/x", True), ("file:///x", True), ("C:/x", False), ("/a/b", False), ("C://x", False)]
)
def test_addresses_are_told_from_paths(text, url):
    assert is_url(text) is url


class TestSubmission:
    def test_a_study_in_a_store_is_the_same_study_as_here(self, queue, films):
        here = queue.submit([films], batch="here")
        there = queue.submit(["memory://archive"], batch="there")
        assert (here.added, there.studies, there.added, there.refused) == (3, 3, 0, 1)
        (refused,) = queue.store.iter_jobs("there", [JobState.REFUSED])
        assert refused.source["files"] == [["memory:///archive/ct.dcm"]]
        assert refused.error_code == "wrong_modality"

    def test_what_was_submitted_is_listed_again_and_not_fetched(self, queue, films, bucket, monkeypatch):
        queue.submit(["memory://archive/night"], batch="b")
        before = [job.key for job in jobs(queue)]
        fetched = []
        monkeypatch.setattr(
            remote_submission, "fetch", lambda url, folder: (fetched.append(url), fetch(url, folder))[1]
        )
        assert queue.submit(["memory://archive/night"], batch="b").added == 0
        assert fetched == []
        bucket.pipe_file("/archive/night/00001.dcm", write_film(films / "new.dcm", 7).read_bytes())
        assert queue.submit(["memory://archive/night"], batch="b").added == 1
        assert fetched == ["memory:///archive/night/00001.dcm"]
        assert len({job.key for job in jobs(queue)} - set(before)) == 1

    def test_an_image_that_came_later_joins_its_study(self, queue, films, bucket, monkeypatch):
        queue.submit(["memory://archive/night/00000.dcm"], batch="b")
        second = (films / "00000.dcm").read_bytes() + b"\0\0"
        bucket.pipe_file("/archive/night/second.dcm", second)
        queue.submit(["memory://archive/night/00000.dcm", "memory://archive/night/second.dcm"], batch="b")
        assert sorted(len(job.source["files"]) for job in jobs(queue)) == [1, 2]

    def test_a_manifest_names_addresses_and_paths(self, queue, films, tmp_path):
        (tmp_path / "list.csv").write_text(
            "path,indication\nmemory://archive/night/00000.dcm,Cough.\nfilms/00001.dcm,\n"
        )
        assert queue.submit([tmp_path / "list.csv"], batch="b").studies == 2
        assert [job.source["indication"] for job in jobs(queue)] == ["Cough.", ""]

    def test_nothing_there_is_an_error_and_a_file_gone_meanwhile_a_refusal(self, queue, films, monkeypatch):
        with pytest.raises(StorageError, match="no file"):
            queue.submit(["memory://elsewhere"], batch="b")
        listed = files_in("memory://archive/night")
        monkeypatch.setattr(remote_submission, "files_in", lambda _: listed)
        fsspec.filesystem("memory").rm("/archive/night/00001.dcm")
        made = queue.submit(["memory://archive/night"], batch="b")
        assert (made.studies, made.refused) == (2, 1)


class TestWork:
    def test_drafts_say_where_the_images_lie_and_no_copy_stays(self, queue, films, tmp_path):
        queue.submit(["memory://archive/night"], batch="b")
        drafter = Drafts()
        made, _ = worker_of(queue, drafter, batch="b", scratch=tmp_path / "scratch")
        made.run(Stop())
        assert sorted(drafter.looked_at) == [f"memory:///archive/night/0000{n}.dcm" for n in range(3)]
        assert queue.status("b").counts[JobState.DONE] == 3
        assert list((tmp_path / "scratch").iterdir()) == []

    def test_a_file_that_was_replaced_after_submission_is_not_drafted(self, queue, films, bucket, tmp_path):
        queue.submit(["memory://archive/night/00000.dcm"], batch="b")
        bucket.pipe_file("/archive/night/00000.dcm", (films / "00001.dcm").read_bytes())
        made, events = worker_of(queue, Drafts(), batch="b", scratch=tmp_path / "scratch")
        made.run(Stop())
        assert [(event.kind, event.code) for event in events] == [("parked", "file_changed")]
        assert list((tmp_path / "scratch").iterdir()) == []


class TestErrors:
    def test_what_a_store_says_stays_there(self, monkeypatch):
        def fail(*_, **__):
            raise RuntimeError("key AKIAEXAMPLE is not allowed")

        monkeypatch.setattr(fsspec.filesystem("memory"), "find", fail)
        with pytest.raises(StorageError) as caught:
            files_in("memory://archive")
        assert "AKIA" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert "archive" not in reason(caught.value)

    @pytest.mark.parametrize("address", ["s3://key:geheim@bucket/x", "https://store/x.dcm?a=1&X-Amz-Signature=geheim"])
    def test_a_secret_in_an_address_is_refused_and_not_repeated(self, address):
        with pytest.raises(UsageError) as caught:
            files_in(address)
        assert "geheim" not in str(caught.value)

    def test_unknown_kinds_and_missing_packages_are_told_apart(self, monkeypatch):
        with pytest.raises(UsageError, match="nosuch"):
            files_in("nosuch://x")

        def missing(url):
            raise ImportError("Install s3fs to access S3")

        monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
        with pytest.raises(MissingDependency, match="Install s3fs"):
            files_in("s3://bucket/x")


class TestResults:
    def test_the_old_file_stays_until_the_new_one_is_whole(self, bucket, tmp_path, monkeypatch):
        (tmp_path / "new").write_text("new")
        bucket.pipe_file("/out/b.jsonl", b"old")

        def half(source, target, **_):
            bucket.pipe_file(target, b"ne")
            raise OSError("broken pipe")

        with monkeypatch.context() as patch:
            patch.setattr(bucket, "put_file", half)
            with pytest.raises(StorageError):
                put(tmp_path / "new", "memory://out/b.jsonl")
        assert bucket.cat_file("/out/b.jsonl") == b"old"
        put(tmp_path / "new", "memory://out/b.jsonl")
        assert bucket.cat_file("/out/b.jsonl") == b"new"
        assert bucket.ls("/out", detail=False) == ["/out/b.jsonl"]

    def test_a_store_that_shows_whole_objects_only_is_written_to_at_once(self, bucket, tmp_path, monkeypatch):
        (tmp_path / "new").write_text("new")
        monkeypatch.setattr(remote, "WHOLE", {"memory"})
        monkeypatch.setattr(bucket, "mv", lambda *_: pytest.fail("a copy was made"))
        put(tmp_path / "new", "memory://out/b.jsonl")
        assert bucket.cat_file("/out/b.jsonl") == b"new"

    def test_the_command_puts_its_results_there(self, bucket, films, tmp_path, monkeypatch):
        def run(self):
            self._plan.out.parent.mkdir(parents=True)
            self._plan.out.write_text("")
            return BatchStatus("b", dict.fromkeys(JobState, 0))

        monkeypatch.setattr(LocalRun, "run", run)
        monkeypatch.setattr(LocalRun, "__init__", lambda self, workspace, plan, **_: vars(self).update(_plan=plan))
        monkeypatch.setattr(LocalRun, "stopped", False)
        monkeypatch.setattr(LocalRun, "submission", None, raising=False)
        arguments = ["memory://archive", "--batch", "b", "--out", "memory://out/drafts", "--parquet"]
        settings = load_settings(workspace=tmp_path / "workspace")
        result = CliRunner().invoke(command, arguments, obj=settings, standalone_mode=False)
        assert result.exception is None
        assert result.stdout == "memory://out/drafts/b.jsonl\n"
        assert bucket.ls("/out/drafts", detail=False) == ["/out/drafts/b.jsonl", "/out/drafts/b.parquet"]
