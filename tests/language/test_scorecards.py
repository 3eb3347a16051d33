"""A scorecard's points, base and bands; every total the points can reach lies in exactly one band."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from policy_service.language.policy import Hit
from policy_service.language.scorecards import MAX_EDGES
from policy_service.language.types import NumberType
from tests.language.sample import diagnostics_of, loaded, policy_text

BAND = '    - {id: b%d, when: "%s", then: [%s], because: {zh: 是, en: so}}\n'
BAND_HINT = 'write "< 40", "[40..70)" or ">= 70"'


def card(*bands: str, points: str = "count_", head: str = "", then: str = "yes") -> str:
    """A scorecard with one rule, whose points run from 0 to 100 unless told otherwise."""
    rows = f'  rows:\n    - {{id: a, when: flag, points: "{points}", because: {{zh: 是, en: so}}}}\n'
    lines = "".join(BAND % (number, band, then) for number, band in enumerate(bands))
    return policy_text(f"scorecard:\n{head}{rows}  bands:\n{lines}")


@pytest.mark.parametrize(
    "bands",
    [
        (">= 0",),
        ("< 50", ">= 50"),
        ("<= 50", "> 50"),
        ("[0..50)", "[50..100]"),
        ("[0..50]", "(50..100]"),
        ("50", "not(50)"),
        ("< 10, > 90", "[10..90]"),
        ("< 49.5", "> 49.5"),
        ("!= 50", "= 50"),
        ("< -5, >= 0", "[-5..-1]"),
        ("? in (< 50) or ? in (> 50)", "50"),
        ("> -1",),
        ("not(> 100)",),
    ],
)
def test_these_bands_hold_every_total_once(bands: tuple[str, ...]) -> None:
    policy = loaded(card(*bands))
    assert policy.scorecard
    assert (policy.scorecard.type, policy.scorecard.base) == (NumberType("integer", 0, 0, 100), 0)
    assert (policy.hit, policy.aggregate, policy.form) == (Hit.UNIQUE, None, "scorecard")
    assert [band.id for band in policy.scorecard.bands] == [f"b{index}" for index in range(len(bands))]


@pytest.mark.parametrize(
    ("bands", "total"),
    [
        (("< 50", "> 50"), 50),
        (("[1..100]",), 0),
        (("[0..99]",), 100),
        (("[0..50)", "(50..100]"), 50),
        (("[0..40]", "[42..100]"), 41),
        (("not(50)",), 50),
    ],
)
def test_a_total_in_no_band_is_named(bands: tuple[str, ...], total: int) -> None:
    hint = "totals run from 0 to 100"
    assert diagnostics_of(card(*bands)) == [("-", f"band-gap: no band holds a total of {total}", hint)]


@pytest.mark.parametrize(
    ("bands", "names", "total"),
    [
        (("<= 50", ">= 50"), "`b0` and `b1`", 50),
        ((">= 0", "100"), "`b0` and `b1`", 100),
        ((">= 0", "0"), "`b0` and `b1`", 0),
        (("[0..60]", "[60..100]"), "`b0` and `b1`", 60),
        (("< 10", ">= 10", ">= 0"), "`b0` and `b2`", 0),
    ],
)
def test_a_total_in_two_bands_is_named(bands: tuple[str, ...], names: str, total: int) -> None:
    [fault] = diagnostics_of(card(*bands))
    assert fault[1:] == (f"band-overlap: {names} both hold a total of {total}", None)


@pytest.mark.parametrize(
    ("points", "head", "kind", "base"),
    [
        ("5", "", NumberType("integer", 0, 0, 5), 0),
        ("-5", "", NumberType("integer", 0, -5, 0), 0),
        ("5", '  base: "10"\n', NumberType("integer", 0, 10, 15), 10),
        ("-5", '  base: "-10"\n', NumberType("integer", 0, -15, -10), -10),
        ("0.5", '  scale: "1"\n', NumberType("number", 1, 0, 5), 0),
        ("0.5", '  base: "1.25"\n  scale: "2"\n', NumberType("number", 2, 125, 175), 125),
        ("count_ - 50", "", NumberType("integer", 0, -50, 50), 0),
        ("1", '  scale: "6"\n', NumberType("number", 6, 0, 1_000_000), 0),
    ],
)
def test_the_total_runs_from_the_base_over_all_points(points: str, head: str, kind: NumberType, base: int) -> None:
    policy = loaded(card("not(-9999)", points=points, head=head))
    assert policy.scorecard
    assert (policy.scorecard.type, policy.scorecard.base) == (kind, base)


CAP = "cap it: `min(…, most)` and `max(…, least)`, or bound its facts"


@pytest.mark.parametrize(
    ("text", "expected", "message", "hint"),
    [
        (card(">= 0", head='  scale: "7"\n'), '"7"', "invalid-value: `scale` is the number of decimals, 0 to 6", None),
        (card(">= 0", head='  base: "5"\n  scale: "x"\n'), '"x"', "invalid-value: `scale` is the number of decimals, 0 to 6", None),
        (card(">= 0", head='  base: "0.5"\n'), '"0.5"', "invalid-value: `base` is a number with at most 0 decimals", "`scale` says how many decimals points have"),
        (card(">= 0", head='  base: "much"\n'), '"much"', "invalid-value: `base` is a number with at most 0 decimals", "`scale` says how many decimals points have"),
        (card(">= 0", points="0.5"), "0.5", "unrounded: the value can have more than 0 decimals", "write `round(…, 0)`, or `floor`, `ceiling`, `decimal`"),
        (card(">= 0", points="tier"), "tier", "type-mismatch: expected a whole number, inside ±2^53 in its smallest unit, found one of S, A, B", None),
        (card(">= 0", points="whole", head='  base: "1"\n'), "-", "may-exceed: the total can leave ±2^53", "cap the points with `min(…)`"),
        (card("-"), '"-"', "syntax: a band tests the total against plain numbers", BAND_HINT),
        (card("is missing"), '"is missing"', "syntax: a band tests the total against plain numbers", BAND_HINT),
        (card("< count_"), '"< count_"', "syntax: a band tests the total against plain numbers", BAND_HINT),
        (card("[0..count_]"), '"[0..count_]"', "syntax: a band tests the total against plain numbers", BAND_HINT),
        (card("count_ in (1) or ? in (>= 0)"), '"count_ in (1) or ? in (>= 0)"', "syntax: a band tests the total against plain numbers", BAND_HINT),
        (card("? > 5"), '"? > 5"', "syntax: a band tests the total against plain numbers", BAND_HINT),
        (card("< 5 5"), "5", "syntax: expected the end, found `5`", None),
        (card("[9..1]"), "[9..1]", "empty-range: nothing lies in this interval", "the lower end stands first"),
        (card(">= 0", then="maybe"), "maybe", "unknown-choice: expected one of yes, no, found `maybe`", None),
        (card(">= 0").replace("id: b0", "id: a"), "a", "duplicate-id: `a` is used twice", None),
    ],
)  # fmt: skip
def test_a_fault_of_a_scorecard_is_told(text: str, expected: str, message: str, hint: str | None) -> None:
    assert diagnostics_of(text) == [(expected, message, hint)]


def test_bands_may_name_so_many_numbers() -> None:
    def bands(number: int) -> tuple[str, str]:
        listed = ", ".join(str(edge) for edge in range(number))
        return listed, f"not({listed})"

    assert diagnostics_of(card(*bands(MAX_EDGES), points="min(count_, 100)")) == []
    message = f"too-complex: the bands name {MAX_EDGES + 1} numbers, at most {MAX_EDGES} are allowed"
    assert diagnostics_of(card(*bands(MAX_EDGES + 1))) == [("-", message, None)]


def test_a_band_may_give_a_value_made_of_the_score_and_no_optional_fact() -> None:
    outcome = "  out: {type: integer}\n"
    text = card(">= 0", then='"score + 1"')
    text = text.replace("  out: {type: choice, of: [yes, no]}\n", outcome)
    assert diagnostics_of(text) == []
    assert [fault[0] for fault in diagnostics_of(text.replace("score + 1", "score + min(max(maybe, 0), 1)"))] == [
        "maybe"
    ]
    assert diagnostics_of(card(">= 0", points="score"))[0][1] == "unknown-fact: unknown fact `score`"
