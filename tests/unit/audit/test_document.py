"""An audit as page and files: whole, harmless whatever its cells hold, and the same numbers everywhere."""

import csv
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import jsonschema
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from store_support import sample_draft

from radrag.audit.document import SAVED, Document, Made, Missing
from radrag.audit.files import write_document
from radrag.audit.html import document_html
from radrag.audit.plots import categories, plot_svg
from radrag.audit.sections import Plot, PlotKind, Section, Series, Table
from radrag.cli.audit_report import report
from radrag.errors import UsageError
from radrag.settings import load_settings
from radrag.store.repository import Store

EVIL = '<script>alert(1)</script>"&'
MADE = Made("2026-01-02T03:04:05.000000+00:00", "9.9", f"radrag audit {EVIL}", {"drafts": 1234}, {"id": "abc"})
TABLE = Table("t", "Title", ("name", "n", "share"), ((EVIL, 12345, 0.5), ("b", None, None)), "Note.")


def plot(kind, name="p", xs=("a", "b")):
    series = Series("one", xs, (0.25, None), (0.2, None), (0.4, None)), Series("two", xs, (0.5, 0.75))
    return Plot(name, "Plot title", kind, "x", "y", series)


def document(*plots, flags=("Look here.",)):
    section = Section("s", "Section", "Why?", "Because.", (TABLE,), plots, flags)
    return Document(MADE, (section,), (Missing("m", "Absent", "It needs queries."),))


def balanced(page):
    """Whether every element that is opened is closed, in order."""
    void = {"meta", "br"}
    stack, wrong = [], []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in void:
                stack.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            if not stack or stack.pop() != tag:
                wrong.append(tag)

    Parser().feed(page)
    return not stack and not wrong


@pytest.mark.parametrize("kind", PlotKind)
def test_the_page_is_whole_and_loads_and_runs_nothing(kind):
    page = document_html(document(plot(kind, xs=(0.1, 0.9) if kind == PlotKind.LINE else ("0.1", "0.9"))))
    assert balanced(page)
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#)', re.sub(r'xmlns(:\w+)?="[^"]*"', "", page))
    assert "default-src 'none'" in page
    assert "12,345" in page


def test_flags_and_what_is_missing_come_before_all_sections():
    page = document_html(document())
    first = page.index('<section id="s"')
    assert page.index("Look here.") < first
    assert page.index("is not in this report: It needs queries.") < first
    assert "Nothing was flagged" in document_html(Document(MADE, ()))


def test_ids_of_two_plots_differ_and_colours_are_the_pages():
    page = document_html(document(plot(PlotKind.BAR, "a"), plot(PlotKind.BAR, "b")))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not re.findall(r"#0[123]0[123]0\d", page)
    assert "var(--s2)" in page


def test_bars_stand_over_their_own_value_where_series_have_different_ones():
    svg = plot_svg(
        Plot("p", "P", PlotKind.BAR, "x", "y", (Series("a", (16.0, 20.0), (1.0, 11.0)), Series("b", (20.0,), (12.0,)))),
        "own",
    )
    assert categories(plot(PlotKind.BAR, xs=(20.0, 16.0))) == [16.0, 20.0]
    assert svg.count("fill: var(--s1)") == 2 + 1  # its bars and its place in the legend
    assert svg.count("fill: var(--s2)") == 1 + 1


def test_a_name_that_looks_like_a_formula_is_drawn_as_it_is():
    svg = plot_svg(plot(PlotKind.BAR, xs=(r"Maker $\frac$", "b")), "formula")
    assert r"Maker $\frac$" in svg


def test_a_plot_is_the_same_each_time():
    assert plot_svg(plot(PlotKind.BAR), "x") == plot_svg(plot(PlotKind.BAR), "x")


def test_without_matplotlib_the_page_says_so_and_keeps_its_tables(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = document_html(document(plot(PlotKind.BAR)))
    assert "radrag[metrics]" in page
    assert "12,345" in page


def test_tables_are_written_with_their_numbers_unrounded(tmp_path):
    names = write_document(tmp_path, document())
    assert names == ["report.html", "report.json", "tables/s.t.csv", "tables/s.t.parquet"]
    with (tmp_path / "tables/s.t.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["name", "n", "share"], [EVIL, "12345", "0.5"], ["b", "", ""]]
    held = pq.read_table(tmp_path / "tables/s.t.parquet")
    assert [str(field.type) for field in held.schema] == ["string", "int64", "double"]
    assert held.to_pylist()[1] == {"name": "b", "n": None, "share": None}


def test_tables_of_the_report_before_are_not_left_beside_those_of_this_one(tmp_path):
    before = replace(document().sections[0], name="before")
    write_document(tmp_path, Document(MADE, (before,)))
    (tmp_path / "tables" / "mine.csv").write_text("x")
    names = write_document(tmp_path, document())
    assert {f"tables/{path.name}" for path in (tmp_path / "tables").iterdir()} == {*names[2:], "tables/mine.csv"}


def test_the_json_follows_its_schema_and_is_read_back(tmp_path):
    write_document(tmp_path, document(plot(PlotKind.BAR)))
    schema = json.loads(files("radrag.audit").joinpath("report.schema.json").read_text())
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text()), schema)
    assert Document.read(tmp_path / "report.json") == document(plot(PlotKind.BAR))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "radrag.audit_report/1"}', '{"schema": "other/1"}'])
def test_what_is_no_report_is_refused(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="Make it again"):
        Document.read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        Document.read(tmp_path / "nowhere.json")


def test_the_command_says_what_is_missing_and_keeps_a_copy(tmp_path):
    settings = load_settings(workspace=tmp_path / "workspace")
    settings.workspace.mkdir()
    generator = {"name": "compose", "version": "2", "sha256": "ab" * 32, "parameters": {}}
    with Store.open(settings.url) as store:
        store.save_draft(replace(sample_draft(), provenance={"generator": generator}))
    result = CliRunner().invoke(report, ["--out", str(tmp_path / "out")], obj=settings, standalone_mode=False)
    assert result.return_value == 0
    found = Document.read(settings.workspace / SAVED)
    assert [section.name for section in found.sections] == ["chain", "readers", "calibration"]
    assert {one.why for one in found.missing} == {"It needs queries: --manifest CSV."}
    assert found.made.counts == {"drafts": 1}
    assert (found.made.generator["name"], len(found.made.generator["card_hash"])) == ("compose", 64)


def test_a_section_that_was_asked_for_and_cannot_be_made_is_an_error(tmp_path):
    settings = load_settings(workspace=tmp_path)
    arguments = ["--out", str(tmp_path / "out"), "--only", "hubs"]
    result = CliRunner().invoke(report, arguments, obj=settings, standalone_mode=False)
    assert result.return_value == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "out").write_text("a file")
    arguments = ["--out", str(tmp_path / "out" / "below"), "--only", "chain"]
    result = CliRunner().invoke(report, arguments, obj=load_settings(workspace=tmp_path), standalone_mode=False)
    assert "cannot be written: Not a directory" in str(result.exception)
