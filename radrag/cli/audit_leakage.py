"""``radrag audit leakage``: what of the queries is in the index already."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.options import SPLIT
from radrag.cli.output import JSON_OPTION, emit, progress, say, say_refused, table
from radrag.errors import StudyRefused, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.leakage import AuditedQuery, LeakageReport
    from radrag.domain import StudyImage
    from radrag.evaluation.manifest import ManifestRow, QueryManifest
    from radrag.workspace import Workspace

SHOWN = 20
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--queries", "path", type=FILE, help="CSV of queries: image, text, patient; see retrieval_evaluation.md.")
@click.option("--references", type=FILE, help="Reports by study, as radrag eval reports reads them, instead.")
@SPLIT
@click.option("--collection", metavar="NAME", help="Whose patient numbers the queries have, such as mimic-cxr.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for leaks.csv and what stays.")
@JSON_OPTION
@click.pass_obj
def leakage(
    settings: Settings,
    path: Path | None,
    references: Path | None,
    split: str,
    collection: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Find queries whose patient, image or report the current index holds: scores over these measure memory.

    --out writes leaks.csv, the cases to leave out, and the manifest without the queries that leak, to score again. The
    exit code is 1 when anything leaks.
    """
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.workspace import Workspace

    if (path is None) is (references is None):
        raise UsageError("Give either --queries or --references.")
    workspace = Workspace(settings)
    catalogue = workspace.snapshot.cases
    manifest = read_query_manifest(path, split=split) if path else None
    if manifest is not None:
        queries, refused = of_manifest(workspace, manifest, collection or "")
    else:
        queries, refused = _of_references(references or Path(), split, list(catalogue)), {}
    say_refused(list(refused.values()))
    report = compared(workspace, queries)
    if as_json:
        emit(report.as_dict() | {"index": workspace.snapshot.manifest.index_id, "refused_images": len(refused)})
    else:
        click.echo(leakage_report(report))
    if out is not None:
        say(f"{out}: {', '.join(_write(out, report, manifest))}")
    return 1 if report.leaving_out[0] else 0


def compared(workspace: Workspace, queries: Sequence[AuditedQuery]) -> LeakageReport:
    """Compare queries with the current index."""
    from radrag.audit.leakage import AuditedCase, find_leaks

    catalogue = workspace.snapshot.cases
    texts = _texts(workspace, set(catalogue))
    cases = [AuditedCase(name, case.patient_key, texts.get(name, ())) for name, case in catalogue.items()]
    with progress("Comparing", len(queries)) as advance:
        report = find_leaks(queries, cases, workspace.store.iter_images())
        advance(len(queries))
    return report


def of_manifest(
    workspace: Workspace, manifest: QueryManifest, collection: str
) -> tuple[list[AuditedQuery], dict[int, StudyRefused]]:
    """Return the rows with the hashes of their images; an image that cannot be read is compared by nothing."""
    from data_prep.kinds import KINDS
    from radrag.audit.leakage import AuditedQuery
    from radrag.dicom.deidentify import patient_key
    from radrag.dicom.read import find_studies, load_image

    salt = workspace.settings.salt()
    collections = sorted({*KINDS, *(corpus.name for corpus in workspace.store.corpora())})
    queries: list[AuditedQuery] = []
    refused: dict[int, StudyRefused] = {}

    def keys(names: Iterable[str]) -> frozenset[str]:
        return frozenset(patient_key(salt, name) for name in names)

    with progress("Reading images", len(manifest.rows)) as advance:
        for row in manifest.rows:
            image: StudyImage | None = None
            own = ""
            if row.image is not None:
                try:
                    image = load_image(row.image).image
                    studies, _ = find_studies([row.image], salt=salt)
                    own = studies[0].study.patient_key if studies else ""
                except StudyRefused as refusal:
                    refused[row.line] = refusal
            sure = [row.patient, *([f"{collection}:{row.patient}"] if collection else [])] if row.patient else []
            # A manifest does not say which collection numbers its patients: without --collection it may be any.
            others = collections if row.patient and not collection else []
            queries.append(
                AuditedQuery(
                    row.query_id,
                    row.case,
                    keys(sure) | ({own} - {""}),
                    keys(f"{name}:{row.patient}" for name in others),
                    image.file_sha256 if image else "",
                    image.pixel_sha256 if image else "",
                    image.perceptual_hash if image else "",
                    row.text,
                )
            )
            advance(1)
    return queries, refused


def _of_references(path: Path, split: str, cases: list[str]) -> list[AuditedQuery]:
    """Return the reports of a file of references; a study that the index holds under its name is the same case."""
    from radrag.audit.leakage import AuditedQuery
    from radrag.evaluation.report_files import Part, Side, read_reports

    by_name = {name.partition(":")[2]: name for name in cases}
    return [
        AuditedQuery(study, by_name.get(study) or by_name.get(study.partition("_")[0], ""), text=one.part(Part.ALL))
        for study, one in read_reports(path, Side.REFERENCES, split=split or "test").items()
    ]


def _texts(workspace: Workspace, held: set[str]) -> dict[str, tuple[str, ...]]:
    """Return each indexed case's report, and its findings alone: what published references often are."""
    from radrag.reports.sections import BODY

    found = {}
    for case in workspace.store.iter_cases():
        if case.case_id in held:
            parts = [case.sections[name] for name in BODY if name in case.sections]
            found[case.case_id] = (" ".join(parts), *parts[:1])
    return found


def leakage_report(report: LeakageReport) -> str:
    """Return what leaks as tables: by kind, the first leaks, and what could not be compared."""
    from radrag.audit.leakage import LeakKind

    queries, cases = report.leaving_out
    lines = [
        f"{report.queries:,} queries against {report.cases:,} cases.",
        table(
            ("how they belong together", "queries", "cases"),
            [(kind.value, of_queries, of_cases) for kind, (of_queries, of_cases) in report.by_kind().items()],
            right=(1, 2),
        ),
        f"To leave out: {len(queries):,} queries, or {len(cases):,} cases. Stock reports (wordings of many patients) "
        "are no leak.",
    ]
    shown = [leak for leak in report.leaks if leak.kind.counts][:SHOWN]
    if shown:
        rows = [
            (leak.query_id, leak.case_id, leak.kind.value, "" if leak.measure is None else f"{leak.measure:g}")
            for leak in shown
        ]
        lines.append(table(("query", "case", "how", "bits or overlap"), rows))
    numbers = report.by_kind()[LeakKind.NUMBER][0]
    if numbers:
        lines.append(
            f"{numbers:,} queries share a patient number with a case. Numbers of two collections may agree by chance: "
            "say with --collection whose they are."
        )
    counts = ", ".join(f"{count:,} {name}" for name, count in report.unseen.items() if count)
    return "\n\n".join([*lines, f"Not comparable: {counts}." if counts else "Everything could be compared."])


def _write(folder: Path, report: LeakageReport, manifest: QueryManifest | None) -> list[str]:
    """Write the leaks, the cases to leave out and, of a manifest, the rows that stay; return the files' names."""
    folder.mkdir(parents=True, exist_ok=True)
    queries, cases = report.leaving_out
    with (folder / "leaks.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("query", "case", "kind", "measure"))
        writer.writerows((leak.query_id, leak.case_id, leak.kind.value, leak.measure) for leak in report.leaks)
    (folder / "leave_out_cases.txt").write_text("".join(f"{name}\n" for name in cases), encoding="utf-8")
    written = ["leaks.csv", "leave_out_cases.txt"]
    if manifest is not None:
        kept = [row for row in manifest.rows if row.query_id not in set(queries)]
        with (folder / "manifest_without_leaks.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("image", "text", "patient", "view", "case", "indication", *manifest.labels))
            rows.writerows(_row(row, manifest) for row in kept)
        written.append("manifest_without_leaks.csv")
    return written


def _row(row: ManifestRow, manifest: QueryManifest) -> Iterator[object]:
    """Yield a row's cells; image paths are absolute, so that the manifest works from its new place."""
    yield row.image.resolve() if row.image else ""
    yield from (row.text, row.patient, row.view.value, row.case, row.indication)
    values: Mapping[float | None, Any] = {1.0: 1, 0.0: 0, 0.5: -1}
    yield from (values.get(row.truth.get(label), "") for label in manifest.labels)
