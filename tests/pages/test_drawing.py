"""Timelines: every period has its place, whatever the dates; nothing is drawn outside."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from api.kit.drawing import ARROW_LENGTH, LEFT, MAX_TICKS, WIDTH, Bar, PeriodStatus, timeline

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    start = draw(INSTANTS)
    length = draw(st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=300)))
    return Bar(draw(st.text(max_size=30)), start, None if length is None else start + length)


@given(st.lists(bars(), min_size=1, max_size=6), INSTANTS)
def test_nothing_is_drawn_outside(given_bars: list[Bar], now: datetime) -> None:
    drawing = timeline(given_bars, now, zone=SHANGHAI)
    for shape in drawing.shapes:
        for corner in shape.points.split():
            x, y = map(int, corner.split(","))
            assert LEFT <= x <= WIDTH + ARROW_LENGTH
            assert 0 <= y <= drawing.height
    assert len(drawing.lanes) == len({bar.lane for bar in given_bars})
    assert all(LEFT <= tick.x <= WIDTH for tick in drawing.ticks)
    assert len(drawing.ticks) <= MAX_TICKS + 1


def test_a_period_is_over_or_now_or_planned() -> None:
    day = timedelta(days=1)
    results = [Bar("1", NOW - day, NOW), Bar("2", NOW, None), Bar("3", NOW + day, None)]
    assert [bar.status(NOW) for bar in results] == [PeriodStatus.PAST, PeriodStatus.NOW, PeriodStatus.PLANNED]


def test_only_what_goes_on_has_a_point() -> None:
    ended, goes_on = timeline([Bar("1", NOW - timedelta(days=9), NOW), Bar("2", NOW, None)], NOW).shapes
    assert len(ended.points.split()) == 4
    assert len(goes_on.points.split()) == 5


def test_an_end_in_a_thousand_years_does_not_hide_the_present() -> None:
    drawing = timeline([Bar("1", NOW - timedelta(days=30), NOW.replace(year=3026))], NOW)
    assert drawing.now is not None
    assert drawing.now > WIDTH // 2


def test_days_begin_at_midnight_in_the_zone_of_the_service() -> None:
    drawing = timeline([Bar("1", NOW - timedelta(days=5), None)], NOW, zone=SHANGHAI)
    assert drawing.ticks
    assert {tick.at.astimezone(SHANGHAI).hour for tick in drawing.ticks} == {0}


def test_years_are_divided_into_months_and_years() -> None:
    short = timeline([Bar("1", NOW - timedelta(days=200), None)], NOW)
    long = timeline([Bar("1", NOW - timedelta(days=4000), None)], NOW)
    assert {tick.at.day for tick in (*short.ticks, *long.ticks)} == {1}
    assert {tick.at.month for tick in long.ticks} == {1}


def test_a_drawing_can_be_cut_at_both_ends() -> None:
    day = timedelta(days=1)
    drawing = timeline([Bar("1", NOW - 90 * day, NOW + 90 * day)], NOW, NOW - 10 * day, NOW + 10 * day)
    [shape] = drawing.shapes
    assert shape.points.startswith(f"{LEFT},")
    assert len(shape.points.split()) == 5, "it goes on behind the end"


def test_a_name_that_the_typeface_cannot_draw_is_written_as_its_code_point() -> None:
    drawing = timeline([Bar("甲😀", NOW - timedelta(days=30), None)], NOW)
    assert drawing.lanes == ("甲[U+1F600]",)
    assert [shape.caption for shape in drawing.shapes] == ["甲[U+1F600]"]
