"""The hash of the parts that draft changes with whatever would change a draft, and needs no model in memory."""

from dataclasses import replace

import pytest
from small_workspaces import report, small_workspace

from radrag.batch.versions import versions_of
from radrag.corpus.building import build_snapshot
from radrag.corpus.snapshot import current_index
from radrag.retrieval.weights import WEIGHTS, save_weights
from radrag.store.values import CorpusInfo
from radrag.workspace import Workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    cases = [report("small:1", "Left pleural effusion."), report("small:2", "No pneumothorax.")]
    return small_workspace(folder, cases)


def of(workspace, **changes):
    return versions_of(Workspace(workspace.settings.with_changes(**changes)))


def test_the_same_parts_have_the_same_hash_and_nothing_is_loaded_for_it(folder):
    workspace = Workspace(folder.settings)
    assert versions_of(workspace) == of(folder)
    assert "image_encoder" not in workspace.__dict__
    assert "retriever" not in workspace.__dict__


ENDPOINT = {"generator": "endpoint", "generator_url": "http://127.0.0.1:1/v1", "generator_model": "a"}


@pytest.mark.parametrize(
    "changes",
    [
        {"hits": 5},
        {"seed": 1},
        {"runtime": "openvino"},
        {"encoder": "xrv:densenet121-res224-all"},
        {"misleading_penalty": 0.1},
        ENDPOINT,
    ],
)
def test_another_part_is_another_version(folder, changes):
    assert of(folder, **changes) != of(folder)


def test_another_model_of_one_server_is_another_version(folder):
    assert of(folder, **ENDPOINT) != of(folder, **ENDPOINT | {"generator_model": "b"})


def test_another_index_and_other_weights_are_other_versions(folder):
    before = of(folder)
    case = report("small:3", "Large right mass.")
    labelled = folder.labeler.label_sections(case.case_id, case.sections)
    folder.store.add_cases([(case, labelled)], corpus=CorpusInfo("small"))
    build_snapshot(folder.store, folder.text_encoder, folder.settings.indexes)
    after = of(folder)
    save_weights(current_index(folder.settings.indexes), replace(WEIGHTS, image={"labels": 1.0}))
    assert len({before, after, of(folder)}) == 3
