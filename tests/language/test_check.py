"""What the checker says of an expression, and at which characters; what it lets through."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from tests.language.sample import diagnostics_of, ruled, tabled

TAGS_HINT = 'write `list contains(tags, "word")` or `"word" in tags`'
DURATION_HINT = 'write a duration: `@"P30D"`, or count days: `(…).days`'
DATE_HINT = 'write a date: `date("2026-11-21")`'
CALENDAR = "give the facts it is made of a `min` and a `max`"
ZERO = "give the facts of the divisor a `min` above zero, or write `max(…, 1)`"


@pytest.mark.parametrize(
    ("when", "expected", "message", "hint"),
    [
        ("count_", "count_", "type-mismatch: expected a condition, found a number", None),
        ("flag and spend", "spend", "type-mismatch: expected a condition, found an amount in CNY", None),
        ("not(tier)", "tier", "type-mismatch: expected a condition, found one of S, A, B", None),
        ("flag or note", "note", "type-mismatch: expected a condition, found text", None),
        ("flag and tags", "tags", "type-mismatch: expected a condition, found a tag list", None),
        ('flag and "x"', '"x"', 'type-mismatch: expected a condition, found the text "x"', None),
        ("born", "born", "type-mismatch: expected a condition, found a date", None),
        ("wait", "wait", "type-mismatch: expected a condition, found a duration", None),
        ("5", "5", "type-mismatch: expected a condition, found a number", None),
        ("spent > 1", "spent", "unknown-fact: unknown fact `spent`", "did you mean `spend`?"),
        ("tier = S", "S", "unknown-fact: unknown fact `S`", 'write "S" to mean the word'),
        ("list contains(tags, vip)", "vip", "unknown-fact: unknown fact `vip`", 'write "vip" to mean the word'),
        ("zzzzz = 1", "zzzzz", "unknown-fact: unknown fact `zzzzz`", None),
        ("zzzzz is missing", "zzzzz", "unknown-fact: unknown fact `zzzzz`", None),
        ("flag is missing", "flag is missing", "not-optional: `flag` is not optional, so it is never missing", "add `optional: true` to the fact"),
        ('tier = "Z"', 'tier = "Z"', 'unknown-choice: unknown choice "Z"', "the choices are S, A, B"),
        ('"vap" in tags', '"vap"', 'unknown-choice: unknown choice "vap"', "did you mean `vip`?"),
        ('list contains(tags, "vap")', '"vap"', 'unknown-choice: unknown choice "vap"', "did you mean `vip`?"),
        ("tier = far", "tier = far", "type-mismatch: the two choices have no word in common", None),
        ("tier in more", "more", "type-mismatch: the choice and the tags have no word in common", None),
        ("tier < other", "tier < other", "type-mismatch: `<` compares numbers, dates and durations, not one of S, A, B", None),
        ('tier >= "A"', 'tier >= "A"', "type-mismatch: `>=` compares numbers, dates and durations, not one of S, A, B", None),
        ('note > "x"', 'note > "x"', "type-mismatch: `>` compares numbers, dates and durations, not text", None),
        ("flag < true", "flag < true", "type-mismatch: `<` compares numbers, dates and durations, not true or false", None),
        ("count_ = flag", "count_ = flag", "type-mismatch: expected a number, found true or false", None),
        ('count_ = "3"', 'count_ = "3"', 'type-mismatch: expected a number, found the text "3"', "write `3`, without quotes"),
        ('"3.50" < spend', '"3.50" < spend', 'type-mismatch: expected the text "3.50", found an amount in CNY', "write `3.50`, without quotes"),
        ('spend = "much"', 'spend = "much"', 'type-mismatch: expected an amount in CNY, found the text "much"', None),
        ('flag = "true"', 'flag = "true"', 'type-mismatch: expected true or false, found the text "true"', "write `true`, without quotes"),
        ('flag = "yes"', 'flag = "yes"', 'type-mismatch: expected true or false, found the text "yes"', None),
        ('born > "2026-01-31"', 'born > "2026-01-31"', 'type-mismatch: expected a date, found the text "2026-01-31"', 'write `@"2026-01-31"`'),
        ('born in ["2026-01-31".."2026-01-31"]', '"2026-01-31"', 'type-mismatch: expected a date, found the text "2026-01-31"', 'write `@"2026-01-31"`'),
        ('born > "31.01.2026"', 'born > "31.01.2026"', 'type-mismatch: expected a date, found the text "31.01.2026"', None),
        ('wait > "P3D"', 'wait > "P3D"', 'type-mismatch: expected a duration, found the text "P3D"', 'write `@"P3D"`'),
        ("note = tier", "note = tier", "type-mismatch: expected text, found one of S, A, B", None),
        ('tags = "vip"', 'tags = "vip"', 'type-mismatch: expected a tag list, found the text "vip"', TAGS_HINT),
        ('"vip" = tags', '"vip" = tags', 'type-mismatch: expected the text "vip", found a tag list', TAGS_HINT),
        ("tags = more", "tags = more", "type-mismatch: tag lists are not compared with each other", TAGS_HINT),
        ("spend = count_", "spend = count_", "currency-mismatch: expected an amount in CNY, found a number", None),
        ("yen > spend", "yen > spend", "currency-mismatch: expected an amount in JPY, found an amount in CNY", None),
        ("spend + yen > 1", "spend + yen", "currency-mismatch: expected an amount in CNY, found an amount in JPY", None),
        ("count_ - spend > 1", "count_ - spend", "currency-mismatch: expected a number, found an amount in CNY", None),
        ("wait > 30", "wait > 30", "type-mismatch: expected a duration, found a number", DURATION_HINT),
        ("30 < wait", "30 < wait", "type-mismatch: expected a number, found a duration", DURATION_HINT),
        ("born > 2000", "born > 2000", "type-mismatch: expected a date, found a number", DATE_HINT),
        ("2000 < born", "2000 < born", "type-mismatch: expected a number, found a date", DATE_HINT),
        ("born > wait", "born > wait", "type-mismatch: expected a date, found a duration", None),
        ('wait > @"P1M"', 'wait > @"P1M"', "type-mismatch: expected a duration, found months", 'months have no fixed length: compare days, `x < as_of - @"P3M"`'),
        ('@"P1M" = @"P1M"', '@"P1M" = @"P1M"', "type-mismatch: months have no order and are only added to dates", None),
        ("flag + 1 > 1", "flag", "type-mismatch: expected a number, found true or false", None),
        ("1 + note > 1", "note", "type-mismatch: expected a number, found text", None),
        ("-flag > 1", "flag", "type-mismatch: expected a number, found true or false", None),
        ("-born > born", "-born", "type-mismatch: a date has no negative", None),
        ("born + born > born", "born + born", "type-mismatch: `+` has no meaning between a date and a date", None),
        ("born * 2 > born", "born * 2", "type-mismatch: `*` has no meaning between a date and a number", None),
        ("1 / spend > 1", "1 / spend", "type-mismatch: `/` has no meaning between a number and an amount in CNY", None),
        ("spend * spend > 1", "spend * spend", "type-mismatch: `*` has no meaning between an amount in CNY and an amount in CNY", None),
        ("count_ / (count_ - 50) > 1", "count_ - 50", "zero-divisor: the divisor can be zero", ZERO),
        ("1 / 0 > 1", "0", "zero-divisor: the divisor can be zero", ZERO),
        ('as_of + @"P9000Y" > born', 'as_of + @"P9000Y"', "date-out-of-range: the date can lie outside the years 1 to 9999", CALENDAR),
        ('born - @"P2000Y" > born', 'born - @"P2000Y"', "date-out-of-range: the date can lie outside the years 1 to 9999", CALENDAR),
        ("round(whole, 7) > 1", "7", "wrong-arguments: the number of decimals is a whole number from 0 to 6", None),
        ("round(whole, 0.5) > 1", "0.5", "wrong-arguments: the number of decimals is a whole number from 0 to 6", None),
        ("round(whole, count_) > 1", "count_", "wrong-arguments: the number of decimals is a whole number from 0 to 6", None),
        ("round(whole) > 1", "round(whole)", "wrong-arguments: `round` takes 2 arguments, not 1", None),
        ("floor(whole, 1, 2) > 1", "floor(whole, 1, 2)", "wrong-arguments: `floor` takes 2 arguments, not 3", None),
        ("round(wait, 1) > wait", "round(wait, 1)", "type-mismatch: `round` takes a number or an amount, not a duration", None),
        ("round(flag, 1) > 1", "round(flag, 1)", "type-mismatch: `round` takes numbers, not true or false", None),
        ("abs(count_, 1) > 1", "abs(count_, 1)", "wrong-arguments: `abs` takes 1 argument, not 2", None),
        ("abs(born) > born", "abs(born)", "type-mismatch: `abs` takes a number, not a date", None),
        ('abs(@"P1M") > wait', 'abs(@"P1M")', "type-mismatch: `abs` takes a number, not months", None),
        ("min(spend, count_) > 1", "min(spend, count_)", "type-mismatch: `min` takes values of one unit, not an amount in CNY and a number", None),
        ("max(born, wait) > born", "max(born, wait)", "type-mismatch: `max` takes values of one unit, not a date and a duration", None),
        ("count(note) > 1", "count(note)", "wrong-arguments: `count` takes a tag list", None),
        ("count(tags, 1) > 1", "count(tags, 1)", "wrong-arguments: `count` takes 1 argument, not 2", None),
        ('list contains(note, "x")', 'list contains(note, "x")', "wrong-arguments: `list contains` takes a tag list and a quoted word", None),
        ("list contains(tags, tier)", "list contains(tags, tier)", "wrong-arguments: `list contains` takes a tag list and a quoted word", None),
        ("contains(note, memo)", "contains(note, memo)", "wrong-arguments: `contains` takes a text fact and a quoted text", None),
        ('starts with(tier, "S")', 'starts with(tier, "S")', "wrong-arguments: `starts with` takes a text fact and a quoted text", None),
        ("contains(note)", "contains(note)", "wrong-arguments: `contains` takes 2 arguments, not 1", None),
        ("born.hour = 1", "born.hour", "unknown-property: a date has no property `hour`", "the properties are year, month, day, weekday"),
        ("wait.hours = 1", "wait.hours", "unknown-property: a duration has no property `hours`", "the properties are days"),
        ("spend.cents = 1", "spend.cents", "unknown-property: an amount in CNY has no property `cents`", None),
        ("flag.year = 1", "flag", "type-mismatch: expected a number, found true or false", None),
        ("count_ in [5..1]", "[5..1]", "empty-range: nothing lies in this interval", "the lower end stands first"),
        ("count_ in (5..5)", "(5..5)", "empty-range: nothing lies in this interval", "the lower end stands first"),
        ("count_ in [5..5)", "[5..5)", "empty-range: nothing lies in this interval", "the lower end stands first"),
        ("count_ in (5..5]", "(5..5]", "empty-range: nothing lies in this interval", "the lower end stands first"),
        ('count_ between "a" and 1', '"a"', 'type-mismatch: expected a number, found the text "a"', None),
        ("tier in [1..2]", "1", "type-mismatch: expected one of S, A, B, found a number", None),
        ("spend ** 2 > 1", "spend", "type-mismatch: `**` takes a number, not an amount in CNY", None),
        ("count_ ** 0.5 > 1", "0.5", "wrong-arguments: an exponent is a plain whole number from -20 to 20", None),
        ("count_ ** count_ > 1", "count_", "wrong-arguments: an exponent is a plain whole number from -20 to 20", None),
        ("count_ ** 21 > 1", "21", "wrong-arguments: an exponent is a plain whole number from -20 to 20", None),
        ("count_ ** (1 / 0) > 1", "0", "zero-divisor: the divisor can be zero", ZERO),
        ("count_ ** -1 > 1", "count_", "zero-divisor: the divisor can be zero", ZERO),
        ("(10 ** 20) ** 20 > 1 and ((10 ** 20) ** 20) ** 20 > 1", "10 ** 20) ** 20) ** 20", "may-exceed: the power can have too many digits", "give the facts it is made of a `min` and a `max`"),
        ("modulo(count_, 0) > 1", "0", "zero-divisor: the divisor can be zero", ZERO),
        ("modulo(count_) > 1", "modulo(count_)", "wrong-arguments: `modulo` takes 2 arguments, not 1", None),
        ("modulo(count_, 2, 3) > 1", "modulo(count_, 2, 3)", "wrong-arguments: `modulo` takes 2 arguments, not 3", None),
        ("modulo(spend, count_ + 1) > 1", "modulo(spend, count_ + 1)", "type-mismatch: `modulo` takes values of one unit, not an amount in CNY and a number", None),
        ("modulo(born, born) > born", "modulo(born, born)", "type-mismatch: `modulo` takes numbers or amounts, not a date", None),
        ("min(spent, 1) > 1", "spent", "unknown-fact: unknown fact `spent`", "did you mean `spend`?"),
        ("count(tagz) > 1", "tagz", "unknown-fact: unknown fact `tagz`", "did you mean `tags`?"),
        ("count_ in (nothing)", "nothing", "unknown-fact: unknown fact `nothing`", None),
        ("maybe > 1", "maybe", "optional-not-asked: optional fact `maybe` is used before it is asked about", "write `maybe is not missing and …`, or leave `optional` out"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_characters(when: str, expected: str, message: str, hint: str | None) -> None:
    diagnostics = diagnostics_of(ruled(f"'{when}'"))
    assert (expected, message, hint) in diagnostics
    assert all(fault[1] == message for fault in diagnostics)


@pytest.mark.parametrize(
    "when",
    [
        "flag = true",
        "flag != not(flag)",
        'tier = "S"',
        '"S" != tier',
        "tier = other",
        'tier in ("S", "B")',
        "tier in tags",
        '"vip" in tags',
        'note = "x" and note != memo',
        '"a" = "b"',
        "spend > 5 * ratio * 2 * spend",
        "spend / count_ > 1 or count_ < 9",
        "spend / max(count_, 1) > spend",
        "spend / spend > 1 or yen = 0",
        'wait / @"P1D" > 1',
        "born + wait < as_of",
        "(as_of - born).days > 30",
        'born + @"P1M" < as_of',
        "max(born, as_of).year = 2026",
        'abs(wait - @"P1D") > @"PT1H"',
        "min(spend, 5) = 5",
        "round(ratio * spend, 2) > 5",
        "floor(ratio) + ceiling(ratio) > 5",
        "as_of.month = 11",
        "count(tags) in [1..2]",
        'contains(note, "x") or ends with(note, "y")',
        "count_ in [5..5]",
        "count_ in (1, [2..3], > 5)",
        "maybe is missing or maybe > 1",
        "maybe is not missing and maybe > 1",
        "not(maybe is missing) and maybe > 1",
        "not(maybe is missing or maybe > 1)",
        "flag and maybe is not missing and (maybe > 1 or maybe < 0)",
        "maybe is missing or flag or maybe in [1..2]",
        "not(maybe is not missing and maybe > 1)",
    ],
)  # fmt: skip
def test_this_means_something_for_every_subject(when: str) -> None:
    text = ruled(f"'{when}'")
    if "spend / count_" in when or "spend / spend" in when:
        text = text.replace("min: 0, max: 100}", "min: 1, max: 100}").replace(
            "min: 0, max: 1000}", "min: 1, max: 1000}"
        )
    assert diagnostics_of(text) == []


@pytest.mark.parametrize(
    "when",
    [
        "maybe > 1 and maybe is not missing",
        "maybe is not missing or maybe > 1",
        "maybe is missing and maybe > 1",
        "flag and maybe > 1",
        "(maybe is not missing or flag) and maybe > 1",
        "not(maybe is missing and flag) and maybe > 1",
        "not(maybe is not missing) and maybe > 1",
        "-maybe > 1",
        "count_ in [maybe..5]",
        "count_ in (1, maybe)",
        "min(count_, maybe) > 1",
        "count_ + maybe > 1",
        "maybe in (1, 2)",
        "flag = (maybe > 1)",
    ],
)
def test_an_optional_fact_is_asked_about_first(when: str) -> None:
    assert [fault[:2] for fault in diagnostics_of(ruled(f"'{when}'"))] == [
        ("maybe", "optional-not-asked: optional fact `maybe` is used before it is asked about")
    ]


def test_all_faults_of_an_expression_are_told_at_once() -> None:
    diagnostics = diagnostics_of(ruled("'spent > 1 and tier = \"Z\" and flag + 1 > nothing'"))
    assert [fault[0] for fault in diagnostics] == ["spent", 'tier = "Z"', "flag", "nothing"]


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("count_", "? + 1", "type-mismatch: expected a condition, found a number"),
        ("count_", "?", "type-mismatch: expected a condition, found a number"),
        ("note", "?", "type-mismatch: expected a condition, found text"),
        ("count_", '"x"', 'type-mismatch: expected a number, found the text "x"'),
        ("tags", '"vip"', 'type-mismatch: expected a tag list, found the text "vip"'),
        ("as_of", "is missing", "not-optional: `as_of` is not optional, so it is never missing"),
    ],
)
def test_a_cell_is_a_condition_on_its_column(column: str, cell: str, message: str) -> None:
    assert [fault[1] for fault in diagnostics_of(tabled(column, f"when: ['{cell}'], then: [yes]"))] == [message]


@pytest.mark.parametrize(
    ("column", "cell"), [("flag", "?"), ("flag", "true"), ("tier", '"S", "A"'), ("as_of", "> born")]
)
def test_a_cell_may_be_this(column: str, cell: str) -> None:
    assert diagnostics_of(tabled(column, f"when: ['{cell}'], then: [yes]")) == []
