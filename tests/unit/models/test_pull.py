"""Models are pulled only by name, checked, kept without code, and a failed pull leaves no model behind."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest
import torch
import torchxrayvision
from safetensors.torch import load_file
from tiny_models import save_bert, save_clip, save_sentence_transformer, save_vit

from radrag.disk import sha256_of
from radrag.encoders import load_image_encoder, load_text_encoder
from radrag.errors import FetchError, MissingModel, UsageError, WeightsError
from radrag.models.pull import pull
from radrag.models.pulled import Pulled, folder_of, problems, pulled_models

NAME = "xrv:densenet121-res224-chex"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A whole pickled model, in the format of the release."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("release") / "chex-densenet121.pt"
    torch.save(torchxrayvision.models.DenseNet(weights=None), path, _use_new_zipfile_serialization=False)
    return path


@contextlib.contextmanager
def server(folder):
    """Serve a folder on this machine; yields the address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def left(cache):
    return sorted(path.name for path in (cache / "models").iterdir())


def test_a_released_file_becomes_safetensors_that_the_encoder_finds(released, tmp_path):
    found = pull(NAME, tmp_path, origin=str(released))
    assert set(found.files) == {"model.safetensors"}
    assert found.source == "local file"
    assert found.source_sha256 == sha256_of(released)
    assert load_image_encoder(NAME, cache=tmp_path).card.sha256 == found.files["model.safetensors"].sha256
    assert left(tmp_path) == [folder_of(tmp_path, NAME).name]
    assert list(pulled_models(tmp_path)) == [found]


def test_a_download_counts_its_bytes_and_is_checked(released, tmp_path):
    counted = []
    with server(released.parent) as address:
        url = f"{address}/{released.name}"
        pull(NAME, tmp_path, origin=f"{url}?signature=secret", sha256=sha256_of(released), progress=counted.append)
        assert sum(counted) == released.stat().st_size
        (pulled,) = pulled_models(tmp_path)
        assert pulled.source == url
        with pytest.raises(FetchError, match="SHA256"):
            pull(NAME, tmp_path, origin=url, sha256="00" * 32)
        assert list(pulled_models(tmp_path)) == [pulled]
        with pytest.raises(FetchError):
            pull(NAME, tmp_path, origin=f"{address}/nothing.pt")


def test_another_architecture_is_refused_and_nothing_is_kept(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="no torchxrayvision densenet121"):
        pull(NAME, tmp_path / "cache", origin=str(tmp_path / "w.pt"))
    assert left(tmp_path / "cache") == []


def test_a_file_other_than_the_expected_one_is_refused(released, tmp_path):
    with pytest.raises(WeightsError, match="SHA-256"):
        pull(NAME, tmp_path, origin=str(released), sha256="00" * 32)
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", [NAME, "hf:owner/name"])
def test_a_missing_origin_is_named_and_leaves_nothing(name, tmp_path):
    with pytest.raises(MissingModel, match="nowhere"):
        pull(name, tmp_path, origin=str(tmp_path / "nowhere"))
    assert left(tmp_path) == []


@pytest.mark.parametrize(("name", "words"), [("starter", "nothing to pull"), ("xrv:nothing", "Unknown model")])
def test_shipped_and_unknown_models_are_not_pulled(name, words, tmp_path):
    with pytest.raises(UsageError, match=words):
        pull(name, tmp_path)


def test_a_wrong_hub_name_is_refused(tmp_path):
    with pytest.raises(UsageError, match="hf:OWNER/NAME"):
        pull("hf:../secret", tmp_path)


def test_a_hub_models_folder_is_copied_without_its_code(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    save_sentence_transformer(source, dense=True)
    (source / "modeling_own.py").write_text("raise SystemExit\n")
    found = pull("hf:owner/name", tmp_path, origin=str(source))
    assert {"config.json", "model.safetensors", "1_Pooling/config.json", "2_Dense/model.safetensors"} <= set(
        found.files
    )
    assert not any(name.endswith(".py") for name in found.files)
    shutil.rmtree(source)
    card = load_text_encoder("hf:owner/name", cache=tmp_path).card
    assert card.dimension == 8


def test_pickled_hub_weights_become_safetensors(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    save_bert(source)
    state = load_file(source / "model.safetensors")
    torch.save(state, source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()
    assert "model.safetensors" in pull("hf:owner/name", tmp_path, origin=str(source)).files
    found = load_file(folder_of(tmp_path, "hf:owner/name") / "model.safetensors")
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert not list(folder_of(tmp_path, "hf:owner/name").glob("*.bin"))


def test_a_pulled_model_replaces_the_one_before(tmp_path):
    for number, save in enumerate((save_vit, save_clip)):
        source = tmp_path / f"source{number}"
        source.mkdir()
        pull("hf:owner/name", tmp_path, origin=str(save(source)))
    assert load_image_encoder("hf:owner/name", cache=tmp_path).card.dimension == 16


def test_damage_is_found_file_by_file(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    pulled = pull("hf:owner/name", tmp_path, origin=str(save_vit(source)))
    folder = folder_of(tmp_path, "hf:owner/name")
    assert problems(folder, pulled) == []
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text("{}")
    (folder / "preprocessor_config.json").unlink()
    assert [line.split()[0] for line in problems(folder, pulled)] == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]


def test_a_damaged_description_is_refused(tmp_path):
    folder = tmp_path / "models" / "x"
    folder.mkdir(parents=True)
    (folder / "pulled.json").write_text('{"name": "x"}')
    with pytest.raises(WeightsError, match="damaged"):
        Pulled.read(folder)


HUB = """
import http.server, json, pathlib, sys, threading
folder = pathlib.Path(sys.argv[1])
class Hub(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_HEAD(self): self.do_GET()
    def do_GET(self):
        parts = self.path.partition("?")[0].split("/")
        if self.path.startswith("/api/models/own/tiny"):
            names = [{"rfilename": p.relative_to(folder).as_posix()} for p in folder.rglob("*") if p.is_file()]
            body = json.dumps({"id": "own/tiny", "sha": "a" * 40, "siblings": names}).encode()
            kind = "application/json"
            if "/tree/" in self.path:
                rows = [{"type": "file", "oid": "b" * 40, "path": n["rfilename"],
                         "size": (folder / n["rfilename"]).stat().st_size} for n in names]
                body = json.dumps(rows).encode()
        elif self.path.startswith("/own/tiny/resolve/"):
            body, kind = (folder / "/".join(parts[5:])).read_bytes(), "application/octet-stream"
        else:
            self.send_response(404); self.send_header("Content-Length", "0"); self.end_headers(); return
        self.send_response(200)
        for name, value in {"Content-Length": len(body), "Content-Type": kind, "ETag": '"' + "c" * 40 + '"',
                            "X-Repo-Commit": "a" * 40}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET": self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.mark.parametrize(("name", "expected"), [("hf:own/tiny", "model.safetensors"), ("hf:own/none", "MissingModel")])
def test_a_hub_model_is_fetched_by_name(tmp_path, name, expected):
    """Through the hub's own client, from a hub on this machine; the address is read once, so in another process."""
    source = tmp_path / "source"
    source.mkdir()
    save_vit(source)
    (source / "own_code.py").write_text("raise SystemExit\n")
    with subprocess.Popen([sys.executable, "-c", HUB, source], stdout=subprocess.PIPE, text=True) as hub:
        try:
            port = hub.stdout.readline().strip()
            code = (
                "import sys, pathlib; from radrag.models.pull import pull; from radrag.errors import MissingModel\n"
                "try: print(*pull(sys.argv[1], pathlib.Path(sys.argv[2])).files)\n"
                "except MissingModel as error: print('MissingModel', error)\n"
            )
            settings = {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HOME": str(tmp_path / "home")}
            done = subprocess.run(
                [sys.executable, "-c", code, name, tmp_path / "cache"],
                env=os.environ | settings,
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
        finally:
            hub.kill()
    assert expected in done.stdout
    assert "own_code.py" not in done.stdout
    if name == "hf:own/tiny":
        manifest = json.loads((folder_of(tmp_path / "cache", name) / "pulled.json").read_text())
        assert manifest["source"] == "Hugging Face hub, own/tiny"
        assert manifest["files"]["model.safetensors"]["sha256"] == sha256_of(source / "model.safetensors")
        assert load_image_encoder(name, cache=tmp_path / "cache").card.name == name
