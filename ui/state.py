"""What the pages share across reruns: settings, the store, rendered images; every cache is bounded.

Sessions die with the browser's socket, so nothing a reader would miss lives here: drafts are read from the store on
each run, and images can always be rendered again.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from radrag.domain import Case, Draft, DraftSentence, StudyImage
from radrag.errors import RadragError
from radrag.review.desk import Desk
from radrag.settings import Settings, load_settings
from ui import viewer
from ui.sitting import Sitting

if TYPE_CHECKING:
    from radrag.drafting import Rewording
    from radrag.store.people_values import Account
    from radrag.store.repository import Store
    from radrag.store.values import DraftSummary
    from radrag.workspace import Workspace

THUMBNAILS = 128  # about 60 kB each


def settings() -> Settings:
    """Return the settings of the workspace that ``radrag review`` was started with."""
    return load_settings()


def store() -> Store:
    """Return the workspace's store, opened once a process."""
    return _store(settings().url)


@st.cache_resource(max_entries=2, show_spinner=False)
def _store(url: str) -> Store:
    from radrag.store.repository import Store

    return Store.open(url)


@st.cache_resource(max_entries=2, show_spinner=False)
def _workspace(folder: str) -> Workspace:
    """Return the workspace; the labeler that checks what readers write loads meanwhile (some three seconds)."""
    from radrag.workspace import Workspace

    made = Workspace(load_settings(workspace=Path(folder)))
    made.store = store()  # one set of connections a process
    threading.Thread(target=lambda: made.verifier, daemon=True).start()
    return made


def workspace() -> Workspace:
    """Return what checks readers' words, one a process."""
    return _workspace(str(settings().workspace))


def sitting(draft_id: str, person: Account) -> Sitting:
    """Return a person's work on a draft: begun, and put on record, when the session opens it.

    Raises:
        StoreError: there is no such draft, or the database cannot be reached.
    """
    held = st.session_state.get("sitting")
    if held is not None and held[0] == (draft_id, person.name, person.role):
        return held[1]  # type: ignore[no-any-return]
    from ui.people import may_decide  # which imports this module

    draft = store().draft(draft_id)
    store().record_opening(draft_id, person.name)
    parts = workspace()
    made: list[Rewording] = []

    def rewording() -> Rewording:
        if not made:  # reads the evidence; not before the reader writes something
            made.append(parts.rewording(draft))
        return made[0]

    def check(texts: Sequence[tuple[str, str]]) -> Sequence[DraftSentence]:
        return rewording().check(texts)

    begun = Sitting(
        draft,
        Desk(store(), draft, check, who=person.name, role=person.role, name=person.full_name),
        check=check,
        reword=lambda sentence, hint: rewording().reword(sentence, hint),
        may_decide=may_decide(person),
    )
    st.session_state["sitting"] = ((draft_id, person.name, person.role), begun)
    return begun


def last_opened() -> str:
    """Return the draft that this session had open last; empty for none."""
    held = st.session_state.get("sitting")
    return held[0][0] if held else ""


def earlier(draft: Draft) -> list[DraftSummary]:
    """Return the newest drafts of other studies of a draft's patient; none for an unknown patient."""
    if not draft.study.patient_key:
        return []
    found = store().drafts(limit=20, patient_key=draft.study.patient_key)
    return [one for one in found if one.study_instance_uid != draft.study.study_instance_uid][:3]


def prior_images(draft: Draft, others: Sequence[DraftSummary]) -> tuple[str, tuple[StudyImage, ...]] | None:
    """Return draft id and images of the patient's newest study before a draft's; None when there is none.

    Args:
        others: of :func:`earlier`.
    """
    before = [one for one in others if one.created_at < str(draft.provenance.get("created_at", ""))]
    return (before[0].draft_id, store().study_images(before[0].draft_id)) if before else None


def evidence(draft_id: str) -> Mapping[str, Case]:
    """Return the cases that a draft quotes, by id; those of removed corpora are left out.

    The store puts each reading on record, so this reads once a session and draft, and keeps one draft's cases.
    """
    held = st.session_state.get("evidence")
    if held is None or held[0] != draft_id:
        held = st.session_state["evidence"] = (draft_id, store().read_evidence(draft_id))
    return held[1]


def read_case(case_id: str, who: str) -> Case:
    """Return a case, and put on record who read it, once a session.

    Raises:
        CorpusError: there is no such case.
        StoreError: the database cannot be reached.
    """
    from radrag.store.values import AuditEvent

    case = store().case(case_id)
    read = st.session_state.setdefault("cases-read", set())
    if case_id not in read:
        store().record(AuditEvent("case.read", who, socket.gethostname(), case.patient_key, {"case_id": case_id}))
        read.add(case_id)
    return case


def picture(found: Case | None) -> str:
    """Return a PNG data URI of a case's first readable image; empty when none is held."""
    for image in found.images if found else ():
        try:
            if image.path:
                return _thumbnail(image.path, Path(image.path).stat().st_mtime_ns)
        except (RadragError, OSError):
            continue
    return ""


@st.cache_data(max_entries=THUMBNAILS, show_spinner=False)
def _thumbnail(path: str, stamp: int) -> str:  # noqa: ARG001 - part of the cache's key
    from radrag.dicom.read import load_image

    return viewer.thumbnail(load_image(Path(path)).pixels)
