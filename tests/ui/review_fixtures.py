"""A workspace with a real store, holding the sample cases and draft."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import review_sample as sample
from browsing import CHROMIUM, FLAGS
from support import missing

from radrag.domain import Draft
from radrag.reports.findings import default_labeler
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
    """Put the sample cases and the given drafts into the workspace; ``labelled`` finds the findings of the cases."""

    def put(*drafts: Draft, labelled: bool = False) -> None:
        labeler = default_labeler() if labelled else None
        corpus = CorpusInfo(name="demo", title="Demo", licence="CC0-1.0", restricted=False, source="test")
        with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
            sentences = [
                [one for name, text in case.sections.items() for one in labeler.label_section(case.case_id, name, text)]
                if labeler
                else []
                for case in sample.cases()
            ]
            store.add_cases(zip(sample.cases(), sentences, strict=True), corpus=corpus)
            for draft in drafts:
                store.save_draft(draft)

    return put


@pytest.fixture
def browser() -> Iterator[Any]:
    """Chromium, headless; each page of its own context is a reader of its own."""
    if not CHROMIUM.exists():
        missing("Chromium (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()
