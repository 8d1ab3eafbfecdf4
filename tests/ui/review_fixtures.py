"""A workspace with a real store, holding the sample cases and draft."""

from collections.abc import Callable
from pathlib import Path

import pytest
import review_sample as sample

from radrag.domain import Draft
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo


@pytest.fixture
def review_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace that the environment names."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.setenv("RADRAG_WORKSPACE", str(folder))
    monkeypatch.delenv("RADRAG_DATABASE_URL", raising=False)
    return folder


@pytest.fixture
def fill_workspace(review_workspace: Path) -> Callable[..., None]:
    """Put the sample cases and the given drafts into the workspace."""

    def put(*drafts: Draft) -> None:
        corpus = CorpusInfo(name="demo", title="Demo", licence="CC0-1.0", restricted=False, source="test")
        with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
            store.add_cases([(case, []) for case in sample.cases()], corpus=corpus)
            for draft in drafts:
                store.save_draft(draft)

    return put
