"""kill -9 in the middle of an addition: nothing is lost, nothing is there twice, the next run finishes."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPORTS = 3000


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of reports, each with a text of its own, and one faulty row."""
    chance = random.Random(0)
    parts = ("effusion", "nodule", "consolidation", "pneumothorax", "atelectasis", "cardiomegaly", "edema")
    path = tmp_path_factory.mktemp("collection") / "pairs.csv"
    with path.open("w") as file:
        file.write("id,image,text\n")
        for number in range(REPORTS):
            text = " ".join(f"There is {chance.choice(parts)} of {chance.randint(1, 9)} cm." for _ in range(6))
            file.write(f"{number},,Report {number}. {text}\n")
        file.write("broken,row\n")
    return path


def start(workspace, table):
    command = [sys.executable, "-m", "radrag.cli.main", "--workspace", str(workspace)]
    add = ["corpus", "add", "pairs", str(table), "--name", "killed", "--json"]
    return subprocess.Popen([*command, *add], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)


def stored(workspace):
    """How many cases the database holds, by another connection than radrag's."""
    try:
        with sqlite3.connect(f"file:{workspace}/radrag.sqlite?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM cases").fetchone()[0]
    except sqlite3.Error:
        return 0


def alive(group):
    """Processes of a session that still run."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            state = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(state[3]) == group and state[0] != "Z":
            found.append(int(entry))
    return found


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at /proc for processes left over")
def test_killed_three_times_and_then_finished(table, tmp_path):
    seen = [0]
    for _ in range(3):
        process = start(tmp_path, table)
        deadline = time.monotonic() + 90
        while stored(tmp_path) <= seen[-1] and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        seen.append(stored(tmp_path))
        gone = time.monotonic() + 20
        while alive(process.pid) and time.monotonic() < gone:
            time.sleep(0.1)
        assert alive(process.pid) == [], "workers of a killed addition go on"
    assert 0 < seen[1] <= seen[2] <= seen[3] <= REPORTS
    assert seen[1] < REPORTS, "the kill came too late to test anything"

    import json

    process = start(tmp_path, table)
    out, _ = process.communicate(timeout=120)
    report = json.loads(out)
    assert process.returncode == 1  # the broken row
    assert report["added"] + report["unchanged"] == REPORTS
    assert report["unchanged"] >= seen[3]
    assert report["rejected"] == {"bad_row": 1}

    out, _ = start(tmp_path, table).communicate(timeout=120)
    assert json.loads(out) | {"rejected": {}} == {
        "corpus": "killed", "added": 0, "unchanged": REPORTS, "updated": 0, "rejected": {}, "kept": report["kept"],
    }  # fmt: skip
    with sqlite3.connect(tmp_path / "radrag.sqlite") as database:
        texts = database.execute("SELECT text FROM sections").fetchall()
        assert sorted(int(text.split(".")[0].split()[1]) for (text,) in texts) == list(range(REPORTS))
        assert database.execute("SELECT count(DISTINCT case_id) FROM cases").fetchone() == (REPORTS,)
        assert database.execute("SELECT count(*) FROM rejections WHERE NOT kept").fetchone() == (1,)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    verify = [sys.executable, "-m", "radrag.cli.main", "--workspace", str(tmp_path), "corpus", "verify", "killed"]
    assert subprocess.run(verify, check=False).returncode == 0
