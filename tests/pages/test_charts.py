"""Charts: every figure has its place and its length, nothing is drawn outside, and labels are cut to their room."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from api.kit.charts import (
    CELL_WIDTH,
    FIGURE_WIDTH,
    LINE_PAINT,
    MAX_LABEL_WIDTH,
    SERIES_PAINT,
    WIDTH,
    Chart,
    Mark,
    bar_chart,
    line_chart,
    matrix_chart,
)
from api.kit.rendering import _environment
from policy_service.messages import Message

FIGURES = st.integers(0, 10**12)
LABELS = st.text(max_size=40)
ONE, TWO = (Message("before"),), (Message("before"), Message("after"))


def marks(chart: Chart | Mark, tag: str, css_class: str | None = None) -> list[Mark]:
    """The elements of a chart with a tag, or a class, those in others too."""
    parts = chart.marks if isinstance(chart, Chart) else chart.parts
    every = [each for part in parts for each in (part, *part.parts)]
    return [
        each for each in every if each.tag == tag and (css_class is None or each.attributes.get("class") == css_class)
    ]


def places(found: Iterable[Mark], name: str) -> list[int]:
    """Where they stand, by one of their attributes."""
    return [int(str(each.attributes[name])) for each in found]


def labels(chart: Chart) -> list[str]:
    """What is written beside the figures."""
    return [each.text for each in marks(chart, "text") if "class" not in each.attributes]


@given(st.lists(st.tuples(LABELS, st.tuples(FIGURES, FIGURES)), max_size=6))
def test_bars_are_as_long_as_their_figures(rows: list[tuple[str, tuple[int, int]]]) -> None:
    chart = bar_chart(TWO, rows)
    values = [value for _, values in rows for value in values]
    figures = marks(chart, "text", "figure")
    assert [each.text for each in figures] == list(map(str, values))
    bars = marks(chart, "rect")
    lengths = dict(zip(places(bars, "y"), places(bars, "width"), strict=True))
    seen = [lengths.get(y - 13, 0) for y in places(figures, "y")]
    assert len(bars) == sum(map(bool, seen)), "a bar stands with its figure"
    for value, length, bar_end in zip(values, seen, places(figures, "x"), strict=True):
        assert (length > 0) == (value > 0), "a figure of nothing has no bar, any other one that is seen"
        assert bar_end <= WIDTH - FIGURE_WIDTH + 6, "there is room for the figure"
        assert all(length >= other for each, other in zip(values, seen, strict=True) if value >= each)
    for bar in bars:
        assert int(str(bar.attributes["x"])) + int(str(bar.attributes["width"])) < WIDTH
        assert int(str(bar.attributes["y"])) + int(str(bar.attributes["height"])) < chart.height


def test_a_bar_has_the_share_of_the_longest() -> None:
    long, short = places(marks(bar_chart(ONE, [("S", (400,)), ("A", (100,))]), "rect"), "width")
    assert long // 4 == short


def test_only_several_series_have_a_legend_and_the_last_has_the_strongest_colour() -> None:
    assert bar_chart(ONE, [("S", (1,))]).legend == ()
    chart = bar_chart(TWO, [("S", (1, 2))])
    assert [(mark.attributes["class"], title) for _, mark, title in chart.legend] == [
        ("series-1", "before"),
        ("series-0", "after"),
    ]
    assert [each.attributes["fill"] for each in marks(chart, "rect")] == [SERIES_PAINT[1], SERIES_PAINT[0]]
    assert [each.attributes["class"] for each in marks(chart, "rect")] == ["series-1", "series-0"]


def test_cells_are_the_denser_the_more_they_count_and_stand_in_their_row_and_column() -> None:
    chart = matrix_chart(["S", "A"], ["S", "A"], [[(9, "same"), (3, "worse")], [None, (90, "same")]])
    cells = marks(chart, "rect")
    assert [(each.title, each.attributes["fill-opacity"]) for each in cells] == [
        ("S → S: 9 (unchanged)", "0.13"),
        ("S → A: 3 (worse)", "0.11"),
        ("A → A: 90 (unchanged)", "0.45"),
    ]
    (first, right, below), (top, beside, _) = places(cells, "x"), places(cells, "y")
    assert (right - first, beside, below) == (CELL_WIDTH, top, right)
    assert [mark.attributes["class"] for _, mark, _ in chart.legend] == ["heat worse", "heat same"]
    assert matrix_chart([], [], []).marks == ()


def test_a_cell_leads_to_what_it_counts() -> None:
    chart = matrix_chart(["S"], ["S", "A"], [[(9, "same", "nine"), (3, "worse", "")]], lambda thing: f"/{thing}"[:5])
    first, second = marks(chart, "a")
    assert (first.attributes["href"], first.attributes["aria-label"]) == ("/nine", "S → S: 9")
    assert [each.text for each in second.parts] == ["", "3"]
    assert not marks(matrix_chart(["S"], ["S"], [[(9, "same", "nine")]], lambda _: ""), "a")


@given(st.lists(st.tuples(LABELS, st.lists(FIGURES, min_size=12, max_size=12)), max_size=len(LINE_PAINT)))
def test_lines_are_as_high_as_their_figures(lines: list[tuple[str, list[int]]]) -> None:
    columns = [f"2026-{month:02}" for month in range(1, 13)]
    chart = line_chart(columns, lines)
    assert (chart is not None) == bool(lines)
    if chart is None:
        return
    dots, values = marks(chart, "circle"), [value for _, values in lines for value in values]
    assert [each.title.rpartition(": ")[2] for each in dots] == list(map(str, values))
    ys, [axis, *_] = places(dots, "cy"), marks(chart, "line", "axis")
    below = places([each for each in marks(chart, "text") if each.text in columns], "y")
    assert all(0 < y < min(below) for y in ys)
    assert all(x <= int(str(axis.attributes["x2"])) for x in places(dots, "cx"))
    seen = list(zip(values, ys, strict=True))
    assert all(y <= other for value, y in seen for each, other in seen[:20] if value >= each)
    paints = {(each.attributes["stroke"], each.attributes["stroke-dasharray"]) for each in marks(chart, "g")}
    assert len(paints) == len(lines), "no two lines look the same"


def test_the_axis_of_lines_has_its_figures_where_they_stand() -> None:
    chart = line_chart(["2026-01", "2026-02"], [("S", (0, 10)), ("A", (5, 5))])
    assert chart is not None
    assert labels(chart) == ["0", "5", "10", "2026-01", "2026-02"]
    low, middle, high = places(marks(chart, "line", "axis"), "y1")
    first, second = marks(chart, "g")
    assert places(marks(first, "circle"), "cy") == [low, high]
    assert set(places(marks(second, "circle"), "cy")) == {middle}
    left, right = places(marks(first, "circle"), "cx")
    [line] = marks(first, "polyline")
    assert line.attributes["points"] == f"{left},{low} {right},{high}"


def test_a_label_is_whole_in_the_table() -> None:
    page = _environment("en", ZoneInfo("UTC")).from_string(
        '{% import "charts.html" as charts with context %}'
        "{{ charts.bars(['n'], [(text, (1000,))], 't', 'h') }}"
        "{{ charts.lines(['a', 'b'], [(text, (1, 2))], 't', 'h') }}"
        "{{ charts.matrix([text], [text], [[(1, 'same')]], 't', 'h') }}"
    )
    tree = LexborHTMLParser(page.render(text="<long>" * 50))
    assert [each.text() for each in tree.css("table th")].count("<long>" * 50) == 4
    assert [each.text() for each in tree.css("td.figure")] == ["1,000", "1", "2", "1"]
    assert [each.text() for each in tree.css("text.figure")] == ["1,000", "1"]
    assert max(len(each.text()) for each in tree.css("svg > text")) < 40


@given(LABELS)
def test_the_longest_label_leaves_room_for_the_bars(text: str) -> None:
    [bar] = marks(bar_chart(ONE, [(text, (1,))]), "rect")
    assert places([bar], "x")[0] <= MAX_LABEL_WIDTH + 10


def test_a_cut_label_says_so_and_what_the_typeface_cannot_draw_is_its_code_point() -> None:
    texts = ["客户价值等级" * 5, "S", "甲\U0001f600", "a\u202eb"]
    drawn = labels(bar_chart(ONE, [(text, (1,)) for text in texts]))
    assert drawn == ["客户价值等级客户价值等级客户价值等…", "S", "甲[U+1F600]", "a[U+202E]b"]
