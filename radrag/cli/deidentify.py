"""``radrag deidentify``: radiographs and a report without the patient, for teaching files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION, emit, progress, say
from radrag.errors import RadragError, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.export.deidentified import Cleaned, Options

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("deidentify")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the files."
)
@click.option(
    "--dates",
    type=click.Choice(["remove", "shift"]),
    default="remove",
    show_default=True,
    help="Shift: back by the same number of days for all of a patient's; times go in any case.",
)
@click.option("--clean-pixels", is_flag=True, help="Blank what looks like text in the images.")
@click.option("--blank", multiple=True, metavar="X,Y,W,H", help="Blank this box, in pixels; repeat for several.")
@click.option("--blank-edges", default=0.0, type=click.FloatRange(0, 40), help="Blank this percentage at each edge.")
@click.option("--keep-burned-in", is_flag=True, help="Take images too whose header says that text is burned in.")
@click.option("--report", type=FILE, help="Text of the report of the one study in PATHS.")
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, /, **given: Any) -> int:
    """Write copies of the DICOM images in PATHS that do not say whose they are.

    PS3.15 Basic Application Level Confidentiality Profile: only what is known to be harmless stays. The same patient
    becomes the same in every run of this workspace. Text burned into pixels may be missed: look at each image before
    it leaves. See docs/deidentify.md.
    """
    from radrag.dicom.files import expand
    from radrag.export.deidentified import deidentify_image

    files, refused = expand(given["paths"])
    errors: list[RadragError] = list(refused)
    options = _options(settings, given)
    done: list[Cleaned] = []
    try:
        with progress("De-identifying", len(files)) as advance:
            for path in files:
                try:
                    done.append(deidentify_image(path, given["folder"], options))
                except RadragError as error:
                    errors.append(error)
                advance(1)
    finally:
        _record(settings, done, options)  # whatever ended it: these are written
    reports = [_write_report(given["report"], given["folder"], done)] if given["report"] and done else []
    for reason in errors:
        say(f"{click.style('Refused', fg='yellow')} {reason}")
    _show(done, reports, len(errors), as_json=given["as_json"])
    _warn(options)
    return 1 if errors else 0


def _options(settings: Settings, given: dict[str, Any]) -> Options:
    from radrag.dicom.basic_profile import Dates, Pseudonyms
    from radrag.dicom.burned_in import text_detector
    from radrag.export.deidentified import Options

    return Options(
        pseudonyms=Pseudonyms(settings.salt()),
        dates=Dates(given["dates"]),
        detect=text_detector() if given["clean_pixels"] else None,
        blank=tuple(map(read_box, given["blank"])),
        edges=given["blank_edges"],
        keep_burned_in=given["keep_burned_in"],
    )


def read_box(text: str) -> tuple[int, int, int, int]:
    """Read ``X,Y,W,H`` as left, top, right, bottom.

    Raises:
        UsageError: it is not of that form.
    """
    match = re.fullmatch(r"\s*(\d{1,5}),(\d{1,5}),([1-9]\d{0,4}),([1-9]\d{0,4})\s*", text)
    if match is None:
        raise UsageError(f"--blank {text}: write X,Y,W,H in pixels, such as 0,0,400,60.")
    left, top, width, height = map(int, match.groups())
    return left, top, left + width, top + height


def _write_report(path: Path, folder: Path, done: list[Cleaned]) -> tuple[Path, int]:
    from radrag.disk import replacing
    from radrag.errors import ExportCode, ExportError
    from radrag.export.deidentified import deidentify_report

    studies = {one.study for one in done}
    if len(studies) > 1:
        raise UsageError(f"--report is of one study, and PATHS hold {len(studies)}.")
    try:
        report = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The report cannot be read as UTF-8 text ({type(error).__name__}).") from None
    words = frozenset().union(*(one.words for one in done))
    text, left_out = deidentify_report(report, words)
    place = folder / studies.pop() / "report.txt"
    try:
        with replacing(place) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(ExportCode.NOT_WRITABLE, f"{place} cannot be written: {error.strerror}.") from None
    return place, left_out


def _record(settings: Settings, done: list[Cleaned], options: Options) -> None:
    """Put on record that images left, and how; not whose, since that would tie them to the files."""
    from radrag.store.values import AuditEvent
    from radrag.workspace import Workspace

    if done:
        store = Workspace(settings).store
        payload = {
            "images": len(done),
            "studies": len({one.study for one in done}),
            "dates": options.dates.value,
            "pixels_cleaned": options.cleans,
        }
        store.record(AuditEvent("images.deidentified", store.who, store.origin, "", payload))


def _show(done: list[Cleaned], reports: list[tuple[Path, int]], refused: int, *, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "files": [{"path": str(one.path), "blanked": one.blanked} for one in done],
                "reports": [{"path": str(path), "sentences_left_out": count} for path, count in reports],
                "refused": refused,
            }
        )
        return
    for one in done:
        click.echo(f"{one.path}  {one.blanked} region(s) blanked")
    for path, count in reports:
        click.echo(f"{path}  {count} sentence(s) left out")


def _warn(options: Options) -> None:
    if options.detect is not None:
        say("Text in the pixels was looked for; what was missed is still there. Look at each image before it leaves.")
    elif options.cleans:
        say("Only the boxes that you named were blanked. Look at each image before it leaves.")
    else:
        say("The pixels are as they were: text burned into them is still there. Look at each image before it leaves.")
