"""The store with several processes, with the real IU X-ray reports, and after a process was killed."""

import multiprocessing
import os
import signal
import sqlite3

import pytest
from store_support import (
    DEMO,
    check_what_four_processes_wrote,
    sample_case,
    sample_draft,
    write_from_four_processes,
)

from data_prep.iu_xray import bundled_reports
from radrag.domain import Finding, Polarity, Sentence
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/radrag.sqlite"


def test_four_processes_write_to_an_empty_file_at_once(url):
    write_from_four_processes(url)
    check_what_four_processes_wrote(url)


def die_in_the_middle(url):
    def stream():
        for number in range(7):
            if number == 6:
                os.kill(os.getpid(), signal.SIGKILL)
            yield sample_case(number)

    Store.open(url).add_cases(stream(), corpus=DEMO, batch=5)


def test_a_killed_process_leaves_whole_batches_and_the_rest_can_be_added(url):
    process = multiprocessing.get_context("spawn").Process(target=die_in_the_middle, args=(url,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with Store.open(url) as store:
        assert store.count_cases() == 5
        assert store.verify_corpus("demo") == []
        report = store.add_cases([sample_case(number) for number in range(7)], corpus=DEMO)
        assert (report.added, report.unchanged) == (2, 5)
        assert store.verify_audit_log() == []


def by_full_stop(case):
    """Cut sections at full stops, with a finding in each sentence: how does not matter to the store."""
    for name, text in case.sections.items():
        start = 0
        for number, part in enumerate(text.split(". ")):
            end = min(len(text), start + len(part) + 1)
            finding = Finding("effusion", Polarity.NEGATIVE, start=start, end=end)
            found = (finding,) if "effusion" in part.lower() else ()
            yield Sentence(case.case_id, name, number, start, end, text[start:end], found)
            start = min(len(text), start + len(part) + 2)


def test_the_real_reports_come_back_byte_for_byte(url):
    cases = list(bundled_reports(salt="salt"))
    parsed = [(case, tuple(by_full_stop(case))) for case in cases]
    info = CorpusInfo(cases[0].corpus, "IU X-ray", cases[0].licence, any(case.restricted for case in cases))
    with Store.open(url) as store:
        assert store.add_cases(parsed, corpus=info).added == len(cases) > 3900
        assert list(store.iter_cases()) == cases
        assert list(store.iter_sentences()) == [sentence for _, sentences in parsed for sentence in sentences]
        assert store.verify_corpus(info.name) == []
        assert store.add_cases(parsed, corpus=info).unchanged == len(cases)
        negatives = store.sentences_with("effusion", Polarity.NEGATIVE, limit=10**6)
        assert len(negatives) == sum(bool(sentence.findings) for _, sentences in parsed for sentence in sentences)


def test_the_backup_line_of_the_manual_gives_a_working_copy(url, tmp_path):
    with Store.open(url) as store:
        store.add_cases([sample_case(1)], corpus=DEMO)
        store.save_draft(sample_draft())
        copy = tmp_path / "copy.sqlite"
        with sqlite3.connect(tmp_path / "radrag.sqlite") as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    with Store.open(f"sqlite:///{copy}") as store:
        assert store.draft("d1") == sample_draft()
        assert store.verify_corpus("demo") == []
        assert store.verify_audit_log() == []
