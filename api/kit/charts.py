"""Charts of pages: bars, lines, and a matrix of cells. The layout is computed here, as SVG elements.

    {{ charts.bars([_("Before"), _("After")], [("S", (12, 10)), ("A", (40, 42))], _("Subjects by tier"), _("Tier")) }}
    {{ charts.lines(["2026-01", "2026-02"], [("S", (12, 10)), ("A", (40, 42))], _("Subjects by month"), _("Month")) }}
    {{ charts.matrix(["S", "A"], ["S", "A"], [[(9, "same"), (3, "worse")], [none, none]], _("Who moves"), _("Tier")) }}

The macros are in `api/templates/charts.html`; each writes the figures as a table behind its picture. Labels that are
messages are put into the reader's language by `words`, figures are written by `count`. Colours are attributes of SVG,
which paper shows too; the style sheet has its own for screens. Timelines are in `api/kit/drawing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from unicodedata import east_asian_width

from api.faces import spell_out
from api.kit.formats import escape_hidden
from policy_service.decisions.groups.movements import Tone
from policy_service.messages import Message

WIDTH = 720
"""The width of bars with labels and figures, in SVG units, pixels at full size."""
FONT_SIZE = 13
GAP = 10
BAR_HEIGHT = 18
FIGURE_WIDTH = 90
"""Space for the figure after the longest bar."""
MAX_LABEL_WIDTH = 240
LEGEND_HEIGHT = 28
SWATCH, LINE_SWATCH = 12, 34
"""How wide a sample of a colour is, and one of a line."""
CELL_WIDTH = 92
CELL_HEIGHT = 36
WIDE, NARROW = 13, 8
"""About how wide a Chinese character is, and any other."""
SERIES_PAINT = ("#1d4f91", "#7a828c", "#7f4f00")
"""The fills of the series, in reverse order: the last one, the newest, has the strongest."""
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
"""The colour and dashes of each line; dashes distinguish lines without colour vision."""
Words = Callable[[str], str]
Count = Callable[[int], str]
TONE_PAINT: Mapping[Tone, str] = {"better": "#1b6b3a", "worse": "#a4262c", "same": "#5a616a", "other": "#1d4f91"}
TONE_NAMES: Mapping[Tone, Message] = {
    "better": Message("better"),
    "worse": Message("worse"),
    "same": Message("unchanged"),
    "other": Message("neither better nor worse"),
}
MIN_OPACITY, MAX_OPACITY = 10, 45
"""Of a cell, in per cent; the more it counts, the denser."""
COLON = Message(": ")
Cell = Sequence[Any]
"""One figure of a matrix, not negative; the tone of the movement; and what is counted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One element of SVG."""

    tag: Literal["a", "circle", "g", "line", "polyline", "rect", "text"]
    attributes: Mapping[str, object]
    text: str = ""
    title: str = ""
    """The tooltip."""
    parts: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart for its template."""

    width: int
    height: int
    marks: tuple[Mark, ...]
    legend: tuple[tuple[int, Mark, str], ...] = field(default=())
    """Samples of the colours with their widths, and their titles."""


def bar_chart(
    series: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]], *, words: Words = str, count: Count = str
) -> Chart:
    """Return a chart with a bar for each label and each of up to three series; figures are not negative."""
    labels = [words(label) for label, _ in rows]
    left = _label_width(labels)
    longest = max((value for _, values in rows for value in values), default=0)
    room = WIDTH - left - GAP - FIGURE_WIDTH
    group_height = BAR_HEIGHT * len(series) + GAP
    marks = []
    for position, (_, values) in enumerate(rows):
        top = GAP // 2 + position * group_height
        middle = top + BAR_HEIGHT * len(series) // 2
        marks.append(_label(labels[position], left, 0, middle + FONT_SIZE // 3))
        for number, value in enumerate(values):
            y, length = top + BAR_HEIGHT * number, max(room * value // longest, 1) if value else 0
            if length:
                place = {"x": left + GAP, "y": y + 1, "width": length, "height": BAR_HEIGHT - 2}
                marks.append(Mark("rect", {**_series(len(series) - 1 - number), **place}))
            marks.append(_figure(count(value), left + GAP + length + 6, y + 14))
    size, last = {"width": SWATCH, "height": SWATCH}, len(series) - 1
    titles = enumerate(series) if last else ()
    legend = tuple((SWATCH, Mark("rect", {**_series(last - i), **size}), each) for i, each in titles)
    return Chart(WIDTH, group_height * len(rows) + GAP // 2, tuple(marks), legend)


def line_chart(
    columns: Sequence[str],
    lines: Sequence[tuple[str, Sequence[int]]],
    *,
    words: Words = str,
    count: Count = str,
) -> Chart | None:
    """Return a chart with a line per title; None without lines, or with more lines than `LINE_PAINT` has colours."""
    if not 0 < len(lines) <= len(LINE_PAINT):
        return None
    top_value = max((value for _, values in lines for value in values), default=0) or 1
    step = (WIDTH - PLOT_LEFT - PLOT_RIGHT) // (len(columns) - 1)
    xs = [PLOT_LEFT + step * i for i in range(len(columns))]

    def height(value: int) -> int:
        return GAP + PLOT_HEIGHT - PLOT_HEIGHT * value // top_value

    marks: list[Mark] = []
    for value in sorted({0, top_value // 2, top_value}):
        place = {"x1": PLOT_LEFT, "y1": height(value), "x2": WIDTH - PLOT_RIGHT, "y2": height(value)}
        marks.append(Mark("line", {"class": "axis", "stroke": "#cccccc", **place}))
        marks.append(_text(count(value), PLOT_LEFT - 10, height(value) + 4, "end"))
    below = GAP + PLOT_HEIGHT + LEGEND_HEIGHT - GAP
    marks += [_label(each, step, x, below, "middle") for each, x in zip(columns, xs, strict=True)]
    legend = []
    for number, (text, values) in enumerate(lines):
        title, ys = _drawable(words(text)), list(map(height, values))
        corners = " ".join(f"{x},{y}" for x, y in zip(xs, ys, strict=True))
        said = [f"{title}, {each}{words(COLON)}{count(value)}" for each, value in zip(columns, values, strict=True)]
        dots = [
            Mark("circle", {"cx": x, "cy": y, "r": 4, "stroke-dasharray": "none"}, title=each)
            for x, y, each in zip(xs, ys, said, strict=True)
        ]
        color, dashes = LINE_PAINT[number]
        paint = {"stroke": color, "stroke-dasharray": dashes}
        drawn = {"class": f"line-{number}", "fill": "none", "stroke-width": 2, "pointer-events": "all", **paint}
        marks.append(Mark("g", drawn, parts=(Mark("polyline", {"points": corners}), *dots)))
        sample = {"class": f"line-{number}", "x1": 0, "y1": 6, "x2": LINE_SWATCH, "y2": 6, "stroke-width": 2, **paint}
        legend.append((LINE_SWATCH, Mark("line", sample), title))
    return Chart(WIDTH, PLOT_HEIGHT + LEGEND_HEIGHT + GAP, tuple(marks), tuple(legend))


def matrix_chart(  # noqa: PLR0913  # labels, cells, and how they are written
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[Cell | None]],
    address: Callable[[Any], str] | None = None,
    *,
    words: Words = str,
    count: Count = str,
) -> Chart:
    """Return a chart of a matrix, darker for higher counts. `address` is the list of the subjects of a cell."""
    rows, columns = list(map(words, rows)), list(map(words, columns))
    left = _label_width(rows)
    xs = [left + GAP + CELL_WIDTH * j for j in range(len(columns))]
    largest = max((each[0] for row in cells for each in row if each), default=0) or 1
    ys = [LEGEND_HEIGHT + CELL_HEIGHT * i for i in range(len(rows))]
    above, middle = LEGEND_HEIGHT - GAP, CELL_HEIGHT // 2 + FONT_SIZE // 3
    marks = [
        *(_label(each, CELL_WIDTH - 6, xs[j] + CELL_WIDTH // 2, above, "middle") for j, each in enumerate(columns)),
        *(_label(each, left, 0, ys[i] + middle) for i, each in enumerate(rows)),
    ]
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            if cell is None:
                continue
            value, tone, thing = [*cell, None][:3]
            said = f"{_drawable(rows[i])} → {_drawable(columns[j])}{words(COLON)}{count(value)}"
            opacity = f"0.{MIN_OPACITY + (MAX_OPACITY - MIN_OPACITY) * value // largest}"
            place = {"x": xs[j], "y": ys[i], "width": CELL_WIDTH, "height": CELL_HEIGHT}
            drawn = {**_heat(tone), "fill-opacity": opacity, "stroke": "#ffffff", **place}
            parts = (
                Mark("rect", drawn, title=f"{said} ({words(TONE_NAMES[tone])})"),
                _figure(count(value), xs[j] + CELL_WIDTH // 2, ys[i] + 23, "middle"),
            )
            href = address(thing) if address else ""
            marks += [Mark("a", {"href": href, "aria-label": said}, parts=parts)] if href else parts
    tones = {each[1] for row in cells for each in row if each}
    size = {"width": SWATCH, "height": SWATCH}
    shown = [each for each in TONE_PAINT if each in tones] if len(tones) > 1 else []
    legend = tuple((SWATCH, Mark("rect", {**_heat(each), **size}), TONE_NAMES[each]) for each in shown)
    width, height = left + GAP + CELL_WIDTH * len(columns), LEGEND_HEIGHT + CELL_HEIGHT * len(rows)
    return Chart(width, height, tuple(marks), legend)


def _series(number: int) -> dict[str, object]:
    """Return the paint of a series, counted from the last, which is 0."""
    return {"class": f"series-{number}", "fill": SERIES_PAINT[number]}


def _heat(tone: Tone) -> dict[str, object]:
    return {"class": f"heat {tone}", "fill": TONE_PAINT[tone]}


def _text(text: str, x: int, y: int, anchor: str | None = None) -> Mark:
    return Mark("text", {"x": x, "y": y, "text-anchor": anchor}, text)


def _figure(text: str, x: int, y: int, anchor: str | None = None) -> Mark:
    return Mark("text", {"class": "figure", "x": x, "y": y, "text-anchor": anchor}, text)


def _label_width(labels: Iterable[str]) -> int:
    return min(max((_text_width(_drawable(each)) for each in labels), default=0), MAX_LABEL_WIDTH)


def _label(text: str, width: int, x: int, y: int, anchor: str | None = None) -> Mark:
    """Return a label cut to a width."""
    drawn = _drawable(text)
    if _text_width(drawn) > width:
        while drawn and _text_width(drawn) > width - WIDE:
            drawn = drawn[:-1]
        drawn = f"{drawn}…"
    return _text(drawn, x, y, anchor)


def _drawable(text: str) -> str:
    return escape_hidden(spell_out(text))


def _text_width(text: str) -> int:
    return sum(WIDE if east_asian_width(each) in "WF" else NARROW for each in text)
