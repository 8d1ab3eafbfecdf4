"""``radrag eval reports``: generated reports against references, beside reports that see no image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.eval_reports_tables import radeval_report, reports_report, sanity_report
from radrag.cli.eval_retrieval import manifest_queries
from radrag.cli.output import JSON_OPTION, emit, progress, say
from radrag.errors import MissingDependency, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.evaluation.manifest import ManifestRow
    from radrag.evaluation.report_files import Part
    from radrag.evaluation.report_measures import Protocol
    from radrag.evaluation.report_scores import ReportScores
    from radrag.retrieval.query import Query
    from radrag.workspace import Workspace

FILE = click.Path(path_type=Path, dir_okay=False)
# The modules that know these names load numpy: the choices are written out, and a test compares them.
PARTS = ("all", "findings", "impression")
CLEANINGS = ("r2gen-iu", "r2gen-mimic", "lower")
RADEVAL = ("f1chexbert", "radgraph", "ratescore", "green")


@click.command()
@click.option("--references", "path", required=True, type=FILE, help="CSV, JSON or JSON lines; ReXrank's or R2Gen's.")
@click.option(
    "--predictions",
    "given",
    multiple=True,
    metavar="[NAME=]FILE",
    help="May be given several times: compared pairwise.",
)
@click.option("--section", type=click.Choice(PARTS), default="all", show_default=True, help="Part that is compared.")
@click.option("--split", default="test", show_default=True, metavar="NAME", help="Of R2Gen's annotation file.")
@click.option("--cleaning", type=click.Choice(CLEANINGS), default="r2gen-iu", show_default=True, help="Text to tokens.")
@click.option("--tokens", "limit", type=click.IntRange(0), default=0, metavar="N", help="Only the first N tokens.")
@click.option(
    "--uncertain",
    type=click.Choice(["positive", "negative"]),
    default="positive",
    show_default=True,
    help="What a possible finding counts as.",
)
@click.option("--normal", type=FILE, help="Text file with the report of the constant baseline.")
@click.option("--index", "knowing", is_flag=True, help="Add the indexed report nearest to each reference's own words.")
@click.option("--manifest", type=FILE, help="CSV of images: add the report of the nearest case in the index.")
@click.option("--drafts", type=click.Path(path_type=Path, file_okay=False), help="Workspace: add its saved drafts.")
@click.option(
    "--meteor/--no-meteor", default=None, help="METEOR  [default: where Java and pycocoevalcap are installed]"
)
@click.option(
    "--radeval", multiple=True, type=click.Choice(RADEVAL), help="Score with RadEval too, which fetches its models."
)
@click.option("--sanity", is_flag=True, help="Score altered references too: what each measure notices.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for scores and leaderboard files."
)
@JSON_OPTION
@click.pass_obj
def reports(
    settings: Settings,
    path: Path,
    given: tuple[str, ...],
    section: str,
    split: str,
    cleaning: str,
    limit: int,
    uncertain: str,
    normal: Path | None,
    knowing: bool,
    manifest: Path | None,
    drafts: Path | None,
    meteor: bool | None,
    radeval: tuple[str, ...],
    sanity: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Score generated reports: BLEU, ROUGE-L, CIDEr, METEOR, and F1 of the findings that they state.

    A constant normal report and random other reports stand in every table. A missing or blank prediction counts as
    wrong and is named; the exit code is then 1.
    """
    from radrag.evaluation.report_baselines import CONSTANT_NORMAL, NORMAL_REPORT, RANDOM_OTHER, random_others
    from radrag.evaluation.report_files import Part, Side, read_reports
    from radrag.evaluation.report_measures import Protocol
    from radrag.evaluation.report_output import write_reports
    from radrag.evaluation.report_radeval import radeval_scores
    from radrag.evaluation.report_sanity import run_sanity
    from radrag.evaluation.report_scores import References, evaluate_reports
    from radrag.evaluation.report_text import Cleaning
    from radrag.reports.findings import default_labeler

    part, protocol = Part(section), Protocol(Cleaning(cleaning), limit, uncertain == "positive")
    texts = read_reports(path, Side.REFERENCES, split=split)
    compared = {study: text for study, one in texts.items() if (text := one.part(part)).strip()}
    left_out = len(texts) - len(compared)
    if left_out:
        say(f"{left_out} of {len(texts)} references have no text of {part.value} and are left out.")
    rows = _predictions(given, compared, part, split)
    patients = {study: one.patient for study, one in texts.items() if one.patient}
    images = _matched(manifest, compared) if manifest else {}
    patients = {study: row.patient for study, row in images.items() if row.patient} | patients
    rows |= _workspace_rows(settings, compared, part, images=images, manifest=manifest, knowing=knowing, drafts=drafts)
    constant = normal.read_text(encoding="utf-8") if normal else NORMAL_REPORT
    with progress("Scoring") as advance:
        scores = _scored(
            lambda with_meteor: evaluate_reports(
                References(compared, patients),
                rows,
                default_labeler(),
                protocol=protocol,
                normal=constant,
                with_meteor=with_meteor,
                seed=settings.seed,
            ),
            meteor,
        )
        advance(len(scores.rows) * scores.n)
    checks = run_sanity(list(compared.values()), default_labeler(), protocol=protocol) if sanity else ()
    result = _about(path, part, protocol, left_out) | scores.as_dict()
    clinical = None
    if radeval:
        ordered = {name: [of.get(study, "") for study in compared] for name, of in rows.items()}
        ordered[CONSTANT_NORMAL] = [constant] * len(compared)
        owners = [patients.get(study) or study for study in compared]
        ordered[RANDOM_OTHER] = random_others(list(compared.values()), owners, rounds=1, seed=settings.seed)[0]
        clinical = radeval_scores(list(compared.values()), ordered, radeval)
        result["radeval"] = clinical.as_dict()
    if sanity:
        result["sanity"] = [row.as_dict() for row in checks]
    if as_json:
        emit(result)
    else:
        click.echo(reports_report(scores, protocol, part))
        if clinical:
            click.echo("\n" + radeval_report(clinical))
        if checks:
            click.echo("\n" + sanity_report(checks))
    if out is not None:
        written = write_reports(out, result, scores=scores, references=texts, compared=compared, predictions=rows)
        say(f"{out}: {', '.join(written)}")
    return 1 if any(row.missing for row in scores.rows) or any(row.failed for row in checks) else 0


def _scored(evaluate: Callable[[bool], ReportScores], meteor: bool | None) -> ReportScores:
    """Score with METEOR where that is wanted or, when nothing is said, where it can be run."""
    try:
        return evaluate(meteor is not False)
    except MissingDependency as error:
        if meteor:
            raise
        say(f"No METEOR: {error}")
        return evaluate(False)


def _predictions(
    given: Sequence[str], compared: Mapping[str, str], part: Part, split: str
) -> dict[str, dict[str, str]]:
    from radrag.evaluation.report_files import Side, read_reports

    rows: dict[str, dict[str, str]] = {}
    for one in given:
        name, _, file = one.rpartition("=")
        texts = read_reports(Path(file), Side.PREDICTIONS, split=split)
        name = name or Path(file).stem
        if name in rows:
            raise UsageError(f"Two files of predictions are named {name}.", hint="Give names: --predictions NAME=FILE")
        known = {study: text.part(part) for study, text in texts.items() if study in compared}
        if not known:
            raise UsageError(f"{file} has no study of the references.", hint="Both files must use the same study ids.")
        if len(known) < len(texts):
            say(f"{name}: {len(texts) - len(known)} predictions are of studies without a reference; not scored.")
        rows[name] = known
    return rows


def _workspace_rows(
    settings: Settings,
    compared: Mapping[str, str],
    part: Part,
    *,
    images: Mapping[str, ManifestRow],
    manifest: Path | None,
    knowing: bool,
    drafts: Path | None,
) -> dict[str, dict[str, str]]:
    from radrag.evaluation.report_candidates import TOP, TOP_KNOWING, draft_rows, knowing_queries, top_reports
    from radrag.workspace import Workspace

    rows: dict[str, dict[str, str]] = {}
    workspace = Workspace(settings)
    searches: dict[str, dict[str, Query]] = {}
    if manifest is not None:
        searches[TOP] = _image_searches(workspace, manifest, images)
    if knowing:
        searches[TOP_KNOWING] = knowing_queries(compared, workspace.snapshot.cases, workspace.labeler)
    for name, queries in searches.items():
        with progress(f"Searching: {name}", len(queries)) as advance:
            rows[name] = top_reports(queries, workspace.retriever, workspace.store, part, progress=advance)
    if drafts is not None:
        found = draft_rows(Workspace(settings.with_changes(workspace=drafts)).store, set(compared), part)
        if not found:
            say(f"{drafts} has no draft of a study of the references.")
        rows |= found
    return rows


def _matched(path: Path, compared: Mapping[str, str]) -> dict[str, ManifestRow]:
    """Return study → its first row in a manifest of images."""
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.evaluation.report_candidates import row_names, study_named

    found: dict[str, ManifestRow] = {}
    for row in read_query_manifest(path).rows:
        study = study_named(row_names(row), compared)
        if study and row.image is not None:
            found.setdefault(study, row)
    if not found:
        raise UsageError(
            f"{path.name} has no image of a study of the references.",
            hint="Name the studies by its column case, or by the image's file or folder.",
        )
    return found


def _image_searches(workspace: Workspace, path: Path, images: Mapping[str, ManifestRow]) -> dict[str, Query]:
    """Return study → the search of its image; one that cannot be read has none, and counts as missing."""
    from radrag.evaluation.manifest import read_query_manifest

    manifest = replace(read_query_manifest(path), rows=tuple(images.values()))
    queries = manifest_queries(workspace, manifest, workspace.snapshot.cases)
    return {study: query.search for study, query in zip(images, queries, strict=True) if query.search is not None}


def _about(path: Path, part: Part, protocol: Protocol, left_out: int) -> dict[str, Any]:
    """Return what was compared and how, so that scores are never compared across different things."""
    from radrag.disk import sha256_of

    return {
        "references": {"name": path.name, "sha256": sha256_of(path), "without_text": left_out},
        "protocol": {
            "section": part.value,
            "cleaning": protocol.cleaning.value,
            "tokens": protocol.limit or None,
            "uncertain": "positive" if protocol.uncertain else "negative",
            "labeler": "radrag",
        },
    }
