"""Write a manifest of words with a truth of their own: impressions of IU reports, and the codes that coders gave them.

``radrag eval retrieval --manifest`` and ``radrag index fit --manifest`` read it; each report is its own patient and is
left out of what may be found for it.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from radrag.reports.mesh import is_coded, labels_of
from radrag.reports.vocabulary import NAMES, NO_FINDING
from radrag.settings import load_settings
from radrag.workspace import Workspace


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True, help="one with the corpus iu-xray")
    parser.add_argument("--splits", type=Path, required=True, help="R2Gen's annotation.json")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    annotation = json.loads(given.splits.read_text())
    split = {f"iu-xray:{one['id'].partition('_')[0]}": name for name, listed in annotation.items() for one in listed}
    stored = Workspace(load_settings(workspace=given.workspace)).store.iter_cases()
    cases = [one for one in stored if one.case_id in split and is_coded(one.labels) and one.sections.get("impression")]
    coded = [labels_of(case.labels) for case in cases]
    labels = [name for name in NAMES if name != NO_FINDING and any(name in codes for codes in coded)]
    with given.out.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "patient", "split", "case", *labels])
        for case, codes in zip(cases, coded, strict=True):
            there = [int(name in codes) for name in labels]
            table.writerow([case.sections["impression"], case.case_id, split[case.case_id], case.case_id, *there])
    print(f"{given.out}: {len(cases):,} queries, {len(labels)} labels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
