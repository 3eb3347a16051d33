"""Charts: every figure has its place and its length, nothing is drawn outside, and labels are cut to their room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.kit.charts import (
    CELL_WIDTH,
    LINE_PAINT,
    MAX_LABEL_WIDTH,
    WIDTH,
    bar_chart,
    line_chart,
    matrix_chart,
)
from policy_service.messages import Message

FIGURES = st.integers(0, 10**12)
LABELS = st.text(max_size=40)
ONE, TWO = (Message("before"),), (Message("before"), Message("after"))


@given(st.lists(st.tuples(LABELS, st.tuples(FIGURES, FIGURES)), max_size=6))
def test_bars_are_as_long_as_their_figures(rows: list[tuple[str, tuple[int, int]]]) -> None:
    chart = bar_chart(TWO, rows)
    bars = [bar for group in chart.groups for bar in group.bars]
    assert [bar.value for bar in bars] == [value for _, values in rows for value in values]
    for bar in bars:
        assert (bar.width > 0) == (bar.value > 0), "a figure of nothing has no bar, any other one that is seen"
        assert bar.x + bar.width < WIDTH
        assert bar.y < chart.height
        assert all(bar.width >= other.width for other in bars if bar.value >= other.value)


def test_a_bar_has_the_share_of_the_longest() -> None:
    [long], [short] = (group.bars for group in bar_chart(ONE, [("S", (400,)), ("A", (100,))]).groups)
    assert long.width // 4 == short.width


def test_only_several_series_have_a_legend_and_the_last_has_the_strongest_colour() -> None:
    assert bar_chart(ONE, [("S", (1,))]).legend == ()
    before, after = bar_chart(TWO, [("S", (1, 2))]).legend
    assert ((before[0], before[2]), (after[0], after[2])) == ((1, "before"), (0, "after"))
    assert [bar.series for bar in bar_chart(TWO, [("S", (1, 2))]).groups[0].bars] == [1, 0]


def test_cells_are_the_denser_the_more_they_count_and_stand_in_their_row_and_column() -> None:
    chart = matrix_chart(["S", "A"], ["S", "A"], [[(9, "same"), (3, "worse")], [None, (90, "same")]])
    assert [(each.row, each.column, each.opacity) for each in chart.cells] == [
        ("S", "S", "0.13"),
        ("S", "A", "0.11"),
        ("A", "A", "0.45"),
    ]
    first, right, below = chart.cells
    assert (right.x - first.x, right.y, below.x) == (CELL_WIDTH, first.y, right.x)
    assert [name for name, _, _ in chart.legend] == ["worse", "same"]
    assert matrix_chart([], [], []).cells == ()


@given(st.lists(st.tuples(LABELS, st.lists(FIGURES, min_size=12, max_size=12)), max_size=len(LINE_PAINT)))
def test_lines_are_as_high_as_their_figures(lines: list[tuple[str, list[int]]]) -> None:
    chart = line_chart([f"2026-{month:02}" for month in range(1, 13)], lines)
    assert (chart is not None) == bool(lines)
    if chart is None:
        return
    dots = [dot for line in chart.lines for dot in line.dots]
    assert [dot.value for dot in dots] == [value for _, values in lines for value in values]
    assert all(0 < dot.y < chart.columns[0].y and dot.x <= chart.right for dot in dots)
    assert all(dot.y <= other.y for dot in dots for other in dots[:20] if dot.value >= other.value)
    assert len({tuple(line.paint.items()) for line in chart.lines}) == len(lines), "no two lines look the same"


def test_the_axis_of_lines_has_its_figures_where_they_stand() -> None:
    chart = line_chart(["2026-01", "2026-02"], [("S", (0, 10)), ("A", (5, 5))])
    assert chart is not None
    [low, middle, high] = chart.grid
    assert [each.value for each in chart.grid] == [0, 5, 10]
    assert [dot.y for dot in chart.lines[0].dots] == [low.y, high.y]
    assert {dot.y for dot in chart.lines[1].dots} == {middle.y}
    assert chart.lines[0].points == f"{low.x},{low.y} {chart.columns[1].x},{high.y}"


@given(LABELS)
def test_a_label_is_cut_to_its_room_and_whole_in_the_table(text: str) -> None:
    [group] = bar_chart(ONE, [(text, (1,))]).groups
    assert group.label.full_text == text
    assert group.bars[0].x <= MAX_LABEL_WIDTH + 10


def test_a_cut_label_says_so_and_what_the_typeface_cannot_draw_is_its_code_point() -> None:
    texts = ["客户价值等级" * 5, "S", "甲\U0001f600", "a\u202eb"]
    labels = [group.label.text for group in bar_chart(ONE, [(text, (1,)) for text in texts]).groups]
    assert labels == ["客户价值等级客户价值等级客户价值等…", "S", "甲[U+1F600]", "a[U+202E]b"]
