"""``radrag eval grounding``: how well drafts rest on their evidence, and whether turned sentences are noticed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, SPLIT
from radrag.cli.output import JSON_OPTION, emit, progress, say, table
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.domain import Case
    from radrag.evaluation.flips import FlipCase, FlipScores
    from radrag.evaluation.grounding import GroundingScores
    from radrag.evaluation.intervals import Estimate
    from radrag.evaluation.manifest import QueryManifest
    from radrag.workspace import Workspace

SCHEMA = "radrag.grounding-evaluation/1"


@click.command()
@click.option(
    "--manifest",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV of images: image, patient, a column a label; see docs/retrieval_evaluation.md.",
)
@SPLIT
@click.option("--generator", "generators", multiple=True, metavar="NAME", help="May be given several times.")
@ENCODER
@ENCODER_WEIGHTS
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N images.")
@click.option(
    "--controls",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    metavar="N",
    help="Images drafted again with wrong evidence, another patient's image, and noise.",
)
@click.option("--flips", is_flag=True, help="Run the flip suite made of radrag's own and the IU reports' sentences.")
@click.option(
    "--cases",
    "written",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written flip cases, JSON lines; run beside the suite, or alone.",
)
@JSON_OPTION
@click.pass_obj
def grounding(
    settings: Settings,
    path: Path | None,
    split: str,
    generators: tuple[str, ...],
    encoder: str | None,
    encoder_weights: Path | None,
    limit: int | None,
    controls: int,
    flips: bool,
    written: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Score drafts: citations, statuses, copies, omissions, wrong evidence and swapped images, beside baselines.

    With --flips or --cases, the verifier is asked to notice sentences whose meaning was turned.
    """
    if path is None and not flips and not written:
        raise UsageError("There is nothing to score.", hint="Give --manifest, --flips or --cases.")
    found: dict[str, Any] = {"schema": SCHEMA}
    texts: list[str] = []
    failed = False
    if path is not None:
        from radrag.workspace import Workspace

        wanted = settings.with_changes(encoder=encoder, encoder_weights=encoder_weights)
        scores = []
        for name in generators or (settings.generator,):
            workspace = Workspace(wanted.with_changes(generator=name))
            scores.append(_drafts(workspace, path, split, limit, controls))
            found |= _about(workspace, path, split)
        failed = any(score.failed for score in scores)
        found["generators"] = [score.as_dict() for score in scores]
        texts += [grounding_report(score) for score in scores]
        if differences := _differences(scores):
            found["differences"] = [
                {"generator": name, "less": scores[0].generator}
                | {f"{which} F1": value.as_dict() for which, value in of.items()}
                for name, of in differences
            ]
            texts.append(_differences_report(scores[0].generator, differences))
    if flips or written:
        scored = _flips(settings, written, generated=flips)
        found["flips"] = scored.as_dict()
        texts.append(flips_report(scored))
    if as_json:
        emit(found)
    else:
        click.echo("\n\n".join(texts))
    return 1 if failed else 0


def _drafts(workspace: Workspace, path: Path, split: str, limit: int | None, controls: int) -> GroundingScores:
    from data_prep.kinds import KINDS
    from radrag.evaluation.grounding import evaluate_grounding
    from radrag.evaluation.grounding_studies import studies_of

    manifest = _manifest(path, split)
    salt, cases = workspace.settings.salt(), workspace.snapshot.cases
    collections = {*KINDS, *(corpus.name for corpus in workspace.store.corpora())}
    studies = studies_of(manifest, cases, workspace.labeler, salt=salt, collections=collections)[:limit]
    if not studies:
        raise UsageError(f"{path.name} names no images.")
    with progress(f"Drafting with {workspace.settings.generator}", len(studies)) as advance:
        scores = evaluate_grounding(
            workspace, studies, controls=controls, seed=workspace.settings.seed, progress=advance
        )
    for name, code in scores.failed.items():
        say(f"{click.style('Failed', fg='yellow')} {name} [{code}]")
    return scores


def _manifest(path: Path, split: str) -> QueryManifest:
    from radrag.evaluation.manifest import read_query_manifest

    manifest = read_query_manifest(path, split=split)
    if manifest.ignored:
        say(f"Ignored columns: {', '.join(manifest.ignored)}.")
    return manifest


def _about(workspace: Workspace, path: Path, split: str) -> dict[str, Any]:
    """Return what was evaluated, so that scores are never compared across different things."""
    from radrag.disk import sha256_of

    index, encoder = workspace.snapshot.manifest, workspace.image_encoder.card
    return {
        "manifest": {"name": path.name, "sha256": sha256_of(path), "split": split},
        "index": {"id": index.index_id, "sha256": index.sha256, "corpora": dict(index.corpora)},
        "encoder": {"name": encoder.name, "version": encoder.version, "sha256": encoder.sha256},
        "seed": workspace.settings.seed,
    }


def _flips(settings: Settings, written: Sequence[Path], *, generated: bool) -> FlipScores:
    from radrag.evaluation.flips import read_flips, run_flips
    from radrag.grounding.verify import Verifier
    from radrag.reports.findings import default_labeler

    cases = [case for path in written for case in read_flips(path)]
    if generated:
        cases += _generated(settings)
    labeler = default_labeler()
    with progress("Checking turned sentences", len(cases)) as advance:
        scores = run_flips(cases, Verifier(labeler.label_text), labeler.label_section)
        advance(len(cases))
    return scores


def _generated(settings: Settings) -> list[FlipCase]:
    """Make flips of radrag's own sentences, and of the two halves of the IU reports where these are installed."""
    from data_prep.iu_xray import bundled_reports
    from radrag.errors import RadragError
    from radrag.evaluation.flips_generated import generate_flips, own_sentences
    from radrag.evaluation.labeler import split

    cases = generate_flips(own_sentences(), part="own wording", seed=settings.seed)
    try:
        development, held_out = split(list(bundled_reports(salt=settings.salt())))
    except RadragError as error:
        say(f"Without sentences of the IU reports: {error}")
        return cases
    for part, reports in (("IU development", development), ("IU held-out", held_out)):
        cases += generate_flips(_sentences(reports), part=part, seed=settings.seed)
    return cases


def _sentences(reports: Iterable[Case]) -> list[str]:
    """Return the sentences of reports, but those from which something was taken out."""
    from radrag.reports.findings import evidence_sections
    from radrag.reports.screening import has_deidentification_token
    from radrag.reports.sentences import split_sentences

    found = [
        case.sections[name][start:end]
        for case in reports
        for name in evidence_sections(case.sections)
        for start, end in split_sentences(case.sections[name])
    ]
    return [sentence for sentence in found if not has_deidentification_token(sentence)]


def grounding_report(scores: GroundingScores) -> str:
    """Return the scores as tables: methods by measure, then the controls."""
    from radrag.evaluation.grounding_measures import COUNTS, SHARES

    methods = list(scores.shares)
    rows: list[tuple[object, ...]] = [("sentences", *(f"{scores.sentences[method]:,}" for method in methods))]
    rows += [(name, *(_cell(*scores.shares[method][name]) for method in methods)) for name in SHARES]
    rows += [(f"{name} (number)", *(scores.counts[method][name] for method in methods)) for name in COUNTS]
    rows += [
        (f"findings, {name} F1", *(_cell(scores.f1[method][name], scores.n) for method in methods))
        for name in scores.f1[scores.generator]
    ]
    lines = [
        f"{scores.generator}: n = {scores.n:,} images of {scores.patients:,} patients; {len(scores.failed)} failed and "
        f"count as bad as can be; for {len(scores.abstained)} nothing was drafted.",
        table(("measure", *methods), rows),
    ]
    if not isnan(scores.seconds[0]):
        median, most = scores.seconds
        lines.append(f"Seconds a draft, the image read already: {median:.2f} median, {most:.2f} 95th percentile.")
    if scores.controls:
        lines.append(table(("control: share that went wrong", "share"), _controls(scores.controls)))
    return "\n\n".join([*lines, "Means over drafts; in brackets 95 % intervals, bootstrap by patient."])


def _differences(scores: Sequence[GroundingScores]) -> list[tuple[str, dict[str, Estimate]]]:
    """Return the other generators with the F1 of their findings less that of the first one's."""
    from radrag.evaluation.grounding import f1_difference

    return [(score.generator, f1_difference(score, scores[0])) for score in scores[1:]]


def _differences_report(first: str, differences: Sequence[tuple[str, Mapping[str, Estimate]]]) -> str:
    rows = [(f"{name} − {first}", *(_cell(value, 1, sign="+") for value in of.values())) for name, of in differences]
    return table(("F1 of the findings, paired by patient", "macro", "micro"), rows)


def _controls(controls: Mapping[str, tuple[Estimate, int]]) -> list[tuple[str, str]]:
    return [(name, f"{_cell(estimate, n)} n={n}") for name, (estimate, n) in controls.items()]


def _cell(estimate: Estimate, n: int, sign: str = "") -> str:
    if not n:
        return "–"
    if isnan(estimate.low):
        return f"{estimate.mean:{sign}.3f}"
    return f"{estimate.mean:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def flips_report(scores: FlipScores) -> str:
    """Return the flip suite's scores: a line a part, then by kind."""
    parts = [
        (
            part,
            f"{(total := scores.total(part)).n:,}",
            f"{100 * total.rate:.1f} %",
            total.passed_off,
            f"{100 * scores.false_alarms(part):.1f} %",
        )
        for part in scores.parts
        if scores.total(part).n
    ]
    kinds = [
        (score.part, score.kind, f"{score.n:,}", f"{100 * score.rate:.1f} %", score.passed_off)
        for score in scores.by_kind
    ]
    return "\n\n".join(
        [
            table(("part", "flips", "caught", "called supported", "false alarms"), parts, right=(1, 2, 3, 4)),
            table(("part", "kind", "n", "as expected", "called supported"), kinds, right=(2, 3, 4)),
            "caught: contradicted where the turned sentence contradicts the evidence, else not supported;\n"
            "false alarms: the same said in the same or other words, and not supported.",
        ]
    )
