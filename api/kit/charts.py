"""Charts that a page shows: bars, lines, and a matrix of cells. What stands where is worked out here, SVG is templates.

    {{ charts.bars([_("Before"), _("After")], [("S", (12, 10)), ("A", (40, 42))], _("Subjects by tier"), _("Tier")) }}
    {{ charts.lines(["2026-01", "2026-02"], [("S", (12, 10)), ("A", (40, 42))], _("Subjects by month"), _("Month")) }}
    {{ charts.matrix(["S", "A"], ["S", "A"], [[(9, "same"), (3, "worse")], [none, none]], _("Who moves"), _("Tier")) }}

The macros are in `api/templates/charts.html`; each writes the figures as a table behind its picture. Labels that are
messages are put into the reader's language by `words`.
Colours are attributes of SVG, which paper shows too; the style sheet has its own for screens.
Timelines are in `api/kit/drawing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from unicodedata import east_asian_width

from api.faces import spell_out
from api.kit.formats import escape_hidden
from policy_service.decisions.groups.movements import Tone
from policy_service.messages import Message

WIDTH = 720
"""Of bars with their labels and figures, in the units of SVG, which are pixels where there is room."""
FONT_SIZE = 13
GAP = 10
BAR_HEIGHT = 18
FIGURE_WIDTH = 90
"""Room for the figure behind the longest bar."""
MAX_LABEL_WIDTH = 240
LEGEND_HEIGHT = 28
CELL_WIDTH = 92
CELL_HEIGHT = 36
WIDE, NARROW = 13, 8
"""About how wide a Chinese character is, and any other."""
SERIES_PAINT = ("#1d4f91", "#7a828c", "#7f4f00")
"""The fills of the series, in the reverse of their order: the last, which is new, has the strongest."""
PLOT_HEIGHT = 180
PLOT_LEFT, PLOT_RIGHT = 70, 34
"""Room for the figures of the axis, and for half of the last label below it."""
LINE_PAINT = (
    ("#1d4f91", "none"),
    ("#1b6b3a", "7 3"),
    ("#7f4f00", "2 3"),
    ("#a4262c", "9 3 2 3"),
    ("#5a616a", "1 4"),
    ("#1d2126", "14 4"),
)
"""The colour and the dashes of each line: who sees no colours tells them by their dashes."""
Words = Callable[[str], str]
TONE_PAINT: Mapping[Tone, str] = {"better": "#1b6b3a", "worse": "#a4262c", "same": "#5a616a", "other": "#1d4f91"}
TONE_NAMES: Mapping[Tone, Message] = {
    "better": Message("better"),
    "worse": Message("worse"),
    "same": Message("unchanged"),
    "other": Message("neither better nor worse"),
}
MIN_OPACITY, MAX_OPACITY = 10, 45
"""Of a cell, in per cent; the more it counts, the denser."""


@dataclass(frozen=True, slots=True)
class Label:
    """A text and where it begins."""

    text: str
    full_text: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class BarShape:
    """One bar, and its figure behind it."""

    x: int
    y: int
    width: int
    value: int
    series: int
    """Counted from the last, which is 0."""

    @property
    def paint(self) -> str:
        """The fill where no style sheet says another."""
        return SERIES_PAINT[self.series]


@dataclass(frozen=True, slots=True)
class BarGroup:
    """The bars of one label, one for each series."""

    label: Label
    bars: tuple[BarShape, ...]


@dataclass(frozen=True, slots=True)
class BarChart:
    """The data of a bar chart for its template."""

    height: int
    series: tuple[str, ...]
    groups: tuple[BarGroup, ...]
    width: int = WIDTH

    @property
    def legend(self) -> tuple[tuple[int, str, str], ...]:
        """For several series the number, fill and title of each; of a single one nothing."""
        last = len(self.series) - 1
        return tuple((last - i, SERIES_PAINT[last - i], each) for i, each in enumerate(self.series)) if last else ()


@dataclass(frozen=True, slots=True)
class Dot:
    """One figure of a line."""

    x: int
    y: int
    value: int


@dataclass(frozen=True, slots=True)
class LineShape:
    """One line, the figures that it joins, and the number of its colour."""

    title: str
    number: int
    dots: tuple[Dot, ...]

    @property
    def points(self) -> str:
        """The corners of the polyline."""
        return " ".join(f"{each.x},{each.y}" for each in self.dots)

    @property
    def paint(self) -> Mapping[str, str]:
        """The attributes that draw it where no style sheet does."""
        color, dashes = LINE_PAINT[self.number]
        return {"stroke": color, "stroke-dasharray": dashes}


@dataclass(frozen=True, slots=True)
class LineChart:
    """Everything about lines that their template writes down."""

    columns: tuple[Label, ...]
    lines: tuple[LineShape, ...]
    grid: tuple[Dot, ...]
    """Where the figures of the axis stand, at its left end."""
    width: int = WIDTH
    height: int = PLOT_HEIGHT + LEGEND_HEIGHT + GAP
    right: int = WIDTH - PLOT_RIGHT


class MatrixCell(NamedTuple):
    """One figure of a matrix, none below zero; what going from its row to its column means; and what is counted."""

    value: int
    tone: Tone = "other"
    thing: Any = None


@dataclass(frozen=True, slots=True)
class CellShape:
    """A cell as it is drawn."""

    cell: MatrixCell
    row: str
    column: str
    x: int
    y: int
    opacity: str

    @property
    def paint(self) -> str:
        """The fill where no style sheet says another."""
        return TONE_PAINT[self.cell.tone]

    @property
    def tone_name(self) -> Message:
        """The label of the tone."""
        return TONE_NAMES[self.cell.tone]


@dataclass(frozen=True, slots=True)
class MatrixChart:
    """The data of a matrix for its template."""

    width: int
    height: int
    columns: tuple[Label, ...]
    rows: tuple[Label, ...]
    cells: tuple[CellShape, ...]
    table: Sequence[Sequence[MatrixCell | None]]
    cell_width: int = CELL_WIDTH
    cell_height: int = CELL_HEIGHT

    @property
    def legend(self) -> tuple[tuple[Tone, str, Message], ...]:
        """The name, fill and title of each tone that occurs, where there is more than one."""
        tones = {each.cell.tone for each in self.cells}
        return tuple(
            (each, TONE_PAINT[each], TONE_NAMES[each]) for each in TONE_PAINT if len(tones) > 1 and each in tones
        )


def bar_chart(series: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]], *, words: Words = str) -> BarChart:
    """Draw one bar for each label and each of up to three series; no figure is below zero."""
    rows = [(words(label), values) for label, values in rows]
    left = _label_width(label for label, _ in rows)
    longest = max((value for _, values in rows for value in values), default=0)
    room = WIDTH - left - GAP - FIGURE_WIDTH
    group_height = BAR_HEIGHT * len(series) + GAP
    groups = []
    for position, (label, values) in enumerate(rows):
        top = GAP // 2 + position * group_height
        middle = top + BAR_HEIGHT * len(series) // 2
        bars = tuple(
            BarShape(
                left + GAP,
                top + BAR_HEIGHT * number,
                max(room * value // longest, 1) if value else 0,
                value,
                len(series) - 1 - number,
            )
            for number, value in enumerate(values)
        )
        groups.append(BarGroup(_label(label, left, 0, middle + FONT_SIZE // 3), bars))
    return BarChart(group_height * len(rows) + GAP // 2, tuple(series), tuple(groups))


def line_chart(
    columns: Sequence[str], lines: Sequence[tuple[str, Sequence[int]]], *, words: Words = str
) -> LineChart | None:
    """Draw a line for each title and its figures, one for each of two or more columns; no figure is below zero.

    There is none of no lines, and of more lines than `LINE_PAINT` has colours.
    """
    if not 0 < len(lines) <= len(LINE_PAINT):
        return None
    top_value = max((value for _, values in lines for value in values), default=0) or 1
    step = (WIDTH - PLOT_LEFT - PLOT_RIGHT) // (len(columns) - 1)

    def dot(column: int, value: int) -> Dot:
        return Dot(PLOT_LEFT + step * column, GAP + PLOT_HEIGHT - PLOT_HEIGHT * value // top_value, value)

    return LineChart(
        columns=tuple(
            _label(each, step, PLOT_LEFT + step * i, GAP + PLOT_HEIGHT + LEGEND_HEIGHT - GAP)
            for i, each in enumerate(columns)
        ),
        lines=tuple(
            LineShape(_drawable(words(title)), i, tuple(dot(j, value) for j, value in enumerate(values)))
            for i, (title, values) in enumerate(lines)
        ),
        grid=tuple(dot(0, value) for value in sorted({0, top_value // 2, top_value})),
    )


def matrix_chart(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[tuple[Any, ...] | None]],
    *,
    words: Words = str,
) -> MatrixChart:
    """Draw a matrix whose cells are the denser the more they count; a cell that counts nothing is None."""
    rows, columns = list(map(words, rows)), list(map(words, columns))
    table = [[MatrixCell(*each) if each else None for each in row] for row in cells]
    left = _label_width(rows)
    largest = max((each.value for row in table for each in row if each), default=0) or 1
    shapes = tuple(
        CellShape(
            each,
            _drawable(rows[i]),
            _drawable(columns[j]),
            left + GAP + CELL_WIDTH * j,
            LEGEND_HEIGHT + CELL_HEIGHT * i,
            f"0.{MIN_OPACITY + (MAX_OPACITY - MIN_OPACITY) * each.value // largest}",
        )
        for i, row in enumerate(table)
        for j, each in enumerate(row)
        if each
    )
    return MatrixChart(
        width=left + GAP + CELL_WIDTH * len(columns),
        height=LEGEND_HEIGHT + CELL_HEIGHT * len(rows),
        columns=tuple(
            _label(each, CELL_WIDTH - 6, left + GAP + CELL_WIDTH * j, LEGEND_HEIGHT - GAP)
            for j, each in enumerate(columns)
        ),
        rows=tuple(
            _label(each, left, 0, LEGEND_HEIGHT + CELL_HEIGHT * i + CELL_HEIGHT // 2 + FONT_SIZE // 3)
            for i, each in enumerate(rows)
        ),
        cells=shapes,
        table=table,
    )


def _label_width(labels: Iterable[str]) -> int:
    return min(max((_text_width(_drawable(each)) for each in labels), default=0), MAX_LABEL_WIDTH)


def _label(text: str, width: int, x: int, y: int) -> Label:
    """A label cut to a width."""
    drawn = _drawable(text)
    if _text_width(drawn) > width:
        while drawn and _text_width(drawn) > width - WIDE:
            drawn = drawn[:-1]
        drawn = f"{drawn}…"
    return Label(drawn, text, x, y)


def _drawable(text: str) -> str:
    return escape_hidden(spell_out(text))


def _text_width(text: str) -> int:
    return sum(WIDE if east_asian_width(each) in "WF" else NARROW for each in text)
