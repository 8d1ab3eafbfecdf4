"""Sections of an audit: what is written to JSON comes back, and crooked tables are refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.audit.sections import Plot, PlotKind, Section, Series, Table
from radrag.errors import UsageError

CELLS = (
    st.none() | st.text(max_size=8) | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
)


@st.composite
def sections(draw):
    width = draw(st.integers(1, 3))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width).map(tuple), max_size=4))
    table = Table("t", "Table", tuple(f"c{n}" for n in range(width)), tuple(rows), draw(st.text(max_size=8)))
    points = draw(st.lists(st.floats(0, 1), max_size=4))
    series = Series("s", tuple(range(len(points))), tuple(points), tuple(points), ())
    plot = Plot("p", "Plot", draw(st.sampled_from(PlotKind)), "x", "y", (series,))
    return Section("name", "Title", "Why?", "Because.", (table,), (plot,), tuple(draw(st.lists(st.text(), max_size=2))))


@given(sections())
def test_a_section_comes_back_from_its_json(section):
    assert Section.from_dict(json.loads(section.as_json())) == section


def test_an_undefined_number_is_null_in_json():
    table = Table("t", "T", ("a", "b"), ((math.nan, math.inf),))
    assert json.loads(Section("n", "N", "?", "!", (table,)).as_json())["tables"][0]["rows"] == [[None, None]]


def test_a_row_of_another_length_is_refused_by_number():
    with pytest.raises(UsageError, match="Row 2 of the table labels has 1 cells for 2 columns"):
        Table("labels", "L", ("a", "b"), (("x", 1), ("y",)))


def test_a_series_with_fewer_values_than_points_is_refused():
    with pytest.raises(UsageError, match="different lengths"):
        Series("s", (1.0, 2.0), (0.5, 0.5), low=(0.1,))


def test_a_plot_of_an_unknown_kind_is_refused():
    with pytest.raises(UsageError, match="bar, line, reliability, histogram, not 'pie'"):
        Plot("p", "P", "pie", "x", "y", ())


@pytest.mark.parametrize("values", [{"schema": "radrag.draft/1"}, {"schema": "radrag.audit_section/1", "name": "x"}])
def test_what_is_no_section_is_refused(values):
    with pytest.raises(UsageError, match="schema|incomplete"):
        Section.from_dict(values)


@pytest.mark.parametrize(
    ("kind", "values", "empty"),
    [
        (PlotKind.HISTOGRAM, (0, 0), True),
        (PlotKind.HISTOGRAM, (0, 1), False),
        (PlotKind.BAR, (0, 0), False),
        (PlotKind.BAR, (None, None), True),
        (PlotKind.LINE, (), True),
    ],
)
def test_a_plot_without_a_number_or_a_histogram_of_nothing_has_nothing_to_draw(kind, values, empty):
    series = Series("n", tuple(range(len(values))), values)
    assert Plot("p", "P", kind, "x", "y", (series,)).empty is empty
