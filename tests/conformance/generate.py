"""Writes random policies as YAML text. `Draft` keeps the parts, so that a shorter one can be tried.

The same seed gives the same text. A number, a date or a duration that a rule computes is held inside its outcome's
bounds by `min` and `max`, as authors do, or left to the checker's proof that it stays there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from tests.conformance.conditions import Author
from tests.conformance.expressions import Known
from tests.conformance.vocabulary import DAYS, SPANS, TEXTS, TYPES, Declared, decimal, declare, scalar, sequence

HITS = ("UNIQUE", "ANY", "FIRST", "PRIORITY", "RULE ORDER", "OUTPUT ORDER", "COLLECT")
CROSS = 0.88
"""Of the forms from 0 to 1, those above are cross tables."""
AGGREGATES = ("sum", "min", "max", "count")
BECAUSE = "because: {zh: 原因, en: reason}"
NOTHING: Known = frozenset()


@dataclass(frozen=True)
class Draft:
    """A policy's parts as text."""

    facts: dict[str, str]
    outcomes: dict[str, str]
    head: str
    rows: tuple[str, ...]
    bands: tuple[str, ...] = ()
    otherwise: str = ""
    name: str = field(default="policy", compare=False)

    @property
    def text(self) -> str:
        """The policy file."""
        lines = [
            "policy: conformance/generated",
            "version: 1.0.0",
            "title: {zh: 生成, en: generated}",
            "subject: customer",
            "facts:",
        ]
        lines += [f"  {name}: {text}" for name, text in self.facts.items()]
        lines += ["outcome:", *(f"  {name}: {text}" for name, text in self.outcomes.items())]
        lines += [self.head, "  rows:", *(f"    - {{{row}, {BECAUSE}}}" for row in self.rows)]
        if self.bands:
            lines += ["  bands:", *(f"    - {{{band}, {BECAUSE}}}" for band in self.bands)]
        if self.otherwise:
            lines.append(f"  otherwise: {{{self.otherwise}, {BECAUSE}}}")
        return "\n".join(lines) + "\n"

    def shorter(self) -> list[Draft]:
        """The same with one row, one fact or what it decides otherwise left out."""
        fewer = [replace(self, otherwise="")] if self.otherwise else []
        fewer += [
            replace(self, rows=self.rows[:i] + self.rows[i + 1 :]) for i in range(len(self.rows)) if len(self.rows) > 1
        ]
        names = [name for name in self.facts if len(self.facts) > 1]
        return fewer + [replace(self, facts={n: t for n, t in self.facts.items() if n != name}) for name in names]


def generate(rng: random.Random) -> Draft:
    """A policy of moderate size, of any form."""
    facts = [declare(rng, f"f{index}", rng.choice(TYPES)) for index in range(rng.choice((1, 2, 3, 4, 5, 6, 8)))]
    form = rng.random()
    if form < 0.17:
        return _scorecard(rng, facts)
    hit = rng.choice(HITS)
    aggregate = rng.choice((*AGGREGATES, "")) if hit == "COLLECT" else ""
    outcomes = _outcomes(rng, hit, aggregate)
    count = rng.choice((1, 2, 3, 4, 5, 6, 8))
    writer = Rows(rng, facts, outcomes, counted=aggregate == "count")
    more = f"\n  aggregate: {aggregate}" if aggregate else ""
    named = {fact.name: fact.text for fact in facts}, {outcome.name: outcome.text for outcome in outcomes}
    if form < 0.6:
        rows = tuple(writer.free(index) for index in range(count))
        return Draft(*named, f"rules:\n  hit: {hit}{more}", rows, otherwise=writer.otherwise())
    if form > CROSS and len(facts) > 1 and aggregate != "count":
        down, across = rng.sample(facts, 2)
        heads, grid = writer.cross(down, across)
        lines = "".join(f"\n    - {{{each}}}" for each in heads)
        head = f"cross_table:\n  hit: {hit}{more}\n  down: {down.name}\n  across: {across.name}\n  columns:{lines}"
        return Draft(*named, head, grid, otherwise=writer.otherwise())
    columns = rng.sample(facts, rng.randrange(1, min(5, len(facts)) + 1))
    day = Declared("as_of", "date", "date", "")
    inputs = [*columns, day] if rng.random() < 0.15 else columns
    rows = writer.table(inputs, count)
    head = f"table:\n  hit: {hit}{more}\n  inputs: [{', '.join(i.name for i in inputs)}]"
    return Draft(*named, head, rows, otherwise=writer.otherwise())


def _outcomes(rng: random.Random, hit: str, aggregate: str) -> list[Declared]:
    if aggregate == "count":
        return [Declared("o0", "integer", "number", "{type: integer}")]
    if aggregate:
        kinds = (
            ("integer", "number", "money") if aggregate == "sum" else ("integer", "number", "money", "date", "duration")
        )
        declared = declare(rng, "o0", rng.choice(kinds), outcome=True)
        return [_roomy(declared)]
    outcomes = [
        declare(rng, f"o{index}", rng.choice(TYPES), outcome=True) for index in range(rng.choice((1, 1, 1, 2, 3)))
    ]
    if hit in ("PRIORITY", "OUTPUT ORDER") and not any(outcome.type == "choice" for outcome in outcomes):
        outcomes.insert(rng.randrange(len(outcomes) + 1), declare(rng, "first", "choice", outcome=True))
    return outcomes


def _roomy(outcome: Declared) -> Declared:
    """The outcome without bounds, so that a sum of several values has room."""
    parts = {"integer": "", "number": f", scale: {outcome.scale}", "money": f", currency: {outcome.unit}"}
    text = f"{{type: {outcome.type}{parts.get(outcome.type, '')}}}"
    return replace(outcome, text=text, low=None, high=None)


class Rows:
    """Writes the rules of one policy."""

    def __init__(self, rng: random.Random, facts: list[Declared], outcomes: list[Declared], *, counted: bool) -> None:
        self.rng = rng
        self.author = Author(rng, facts)
        self.facts = facts
        self.outcomes = outcomes
        self.counted = counted
        self.seen: dict[str, list[str]] = {}

    def free(self, index: int) -> str:
        """A free rule, sometimes one that asks for an optional fact and then computes with it."""
        rng = self.rng
        optional = [fact.name for fact in self.facts if fact.optional]
        if optional and rng.random() < 0.4:
            name = rng.choice(optional)
            known = frozenset({name})
            condition = f"{name} is not missing and ({self.author.condition(rng.choice((0, 1, 2)), known)})"
        else:
            known, condition = NOTHING, self.author.condition(rng.choice((0, 1, 2, 3)), NOTHING)
        if rng.random() < 0.04:
            condition = "true"
        return f"id: r{index}, when: {scalar(rng, condition)}{self.then(known)}"

    def table(self, inputs: list[Declared], count: int) -> tuple[str, ...]:
        """Rows of a decision table; for each optional column some row says what holds when it is missing."""
        asking = {fact.name: self.rng.randrange(count) for fact in inputs if fact.optional}
        return tuple(
            self.row(inputs, index, {name for name, row in asking.items() if row == index}) for index in range(count)
        )

    def row(self, inputs: list[Declared], index: int, asking: set[str]) -> str:
        rng = self.rng
        plan = [
            "asks"
            if fact.name in asking or (fact.optional and rng.random() < 0.1)
            else "-"
            if rng.random() < 0.35
            else "tests"
            for fact in inputs
        ]
        known = frozenset(fact.name for fact, form in zip(inputs, plan, strict=True) if form == "tests")
        cells = [
            "-" if form == "-" else self.author.cell(fact, known, asks=form == "asks")
            for fact, form in zip(inputs, plan, strict=True)
        ]
        return f"id: r{index}, when: {sequence(rng, cells)}{self.then(known)}"

    def cross(self, first: Declared, second: Declared) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns and the rows of a cross table; in each dimension some line asks for what is missing."""
        rows, columns = self.heads(first), self.heads(second)
        lines = tuple(f"id: c{index}, when: {scalar(self.rng, text)}" for index, (text, _) in enumerate(columns))
        if self.rng.random() < 0.5:
            lines = tuple(f"{line}, {BECAUSE}" for line in lines)
        grid = [
            [self.cross_cell(known | other, first=down == across == 0) for across, (_, other) in enumerate(columns)]
            for down, (_, known) in enumerate(rows)
        ]
        return lines, tuple(
            f"id: r{index}, when: {scalar(self.rng, text)}, cells: [{', '.join(grid[index])}]"
            for index, (text, _) in enumerate(rows)
        )

    def heads(self, fact: Declared) -> list[tuple[str, Known]]:
        """The heads of one dimension, no two the same, and the optional facts that are there when each holds."""
        rng, own = self.rng, frozenset({fact.name})
        results: dict[str, Known] = {}
        for _ in range(rng.choice((1, 2, 3, 4))):
            form = rng.random()
            text = "-" if form < 0.1 else self.author.cell(fact, own, asks=False)
            results.setdefault(text, NOTHING if text == "-" else own)
        if fact.optional:
            results[self.author.cell(fact, NOTHING, asks=True)] = NOTHING
        return list(results.items())

    def cross_cell(self, known: Known, *, first: bool) -> str:
        """A cell of a cross table: nothing, but for the first; values alone or by name, or values with a reason."""
        form = self.rng.random()
        if form < 0.2 and not first:
            return '"-"'
        then = self.given(known)
        if form < 0.4:
            return f"{{{then}, {BECAUSE}}}"
        values = then.removeprefix("then: ")
        if not values.startswith("["):
            return f"{{{then}}}"
        if form < 0.7 and len(self.outcomes) == 1 and self.outcomes[0].type not in ("tags", "text"):
            return values[1:-1]
        return values

    def otherwise(self) -> str:
        """What is decided when no row matches; mostly nothing."""
        return self.given(NOTHING) if self.rng.random() < 0.25 else ""

    def then(self, known: Known) -> str:
        """What a row gives after its condition."""
        return "" if self.counted else f", {self.given(known)}"

    def given(self, known: Known) -> str:
        """A value for each outcome; now and then the same as an earlier one, for ANY and for ties."""
        values = [self.value(outcome, known) for outcome in self.outcomes]
        if self.rng.random() < 0.3:
            return "then: {" + ", ".join(f"{o.name}: {v}" for o, v in zip(self.outcomes, values, strict=True)) + "}"
        return f"then: [{', '.join(values)}]"

    def value(self, outcome: Declared, known: Known) -> str:
        """A value for an outcome: written out, or computed."""
        earlier = self.seen.setdefault(outcome.name, [])
        if earlier and self.rng.random() < 0.4:
            return self.rng.choice(earlier)
        text, computed = self.fresh(outcome, known)
        if not computed:
            earlier.append(text)
        return text

    def fresh(self, outcome: Declared, known: Known) -> tuple[str, bool]:
        rng, author = self.rng, self.author
        match outcome.type:
            case "boolean":
                computed = rng.random() < 0.5
                return (
                    scalar(rng, author.condition(1, known)) if computed else rng.choice(("true", "false"))
                ), computed
            case "choice":
                return scalar(rng, rng.choice(outcome.words)), False
            case "tags":
                return sequence(rng, rng.sample(outcome.words, rng.randrange(len(outcome.words) + 1))), False
            case "text":
                return scalar(rng, rng.choice(TEXTS)), False
            case "date" if rng.random() < 0.5:
                day = author.date(2, known)
                held = f'max(min({day}, @"2199-12-31"), date("1900-01-01"))'
                return scalar(rng, rng.choice((day, held))), True
            case "date":
                return f'"{rng.choice(DAYS)}"', False
            case "duration" if rng.random() < 0.5:
                span = author.duration(2, known, small=True, whole=True)
                return scalar(rng, rng.choice((span, f'max(min({span}, @"P100000D"), @"-P100000D")'))), True
            case "duration":
                return rng.choice(SPANS), False
            case _:
                return self.figure(outcome, known)

    def figure(self, outcome: Declared, known: Known) -> tuple[str, bool]:
        rng = self.rng
        low = -(10**12) if outcome.low is None else outcome.low
        high = 10**12 if outcome.high is None else outcome.high
        if rng.random() < 0.5:
            few = rng.choice(
                (low, high, rng.randint(low, high), min(high, max(low, rng.randrange(-3, 9) * 10**outcome.scale)))
            )
            return scalar(rng, decimal(few, outcome.scale)), False
        inner = self.author.number(outcome.unit, rng.choice((1, 2, 3)), known)
        way = rng.choice(
            ("round", "round half down", "round up", "round down", "decimal", "floor", "ceiling", "round half up")
        )
        rounded = f"{way}({inner}, {rng.randrange(outcome.scale + 1)})"
        if rng.random() < 0.25:
            return scalar(rng, rounded), True
        return scalar(rng, f"max(min({rounded}, {decimal(high, outcome.scale)}), {decimal(low, outcome.scale)})"), True


def _scorecard(rng: random.Random, facts: list[Declared]) -> Draft:
    scale = rng.choice((0, 0, 0, 1, 2, 6))
    points = Declared("score", "number", "number", "", scale=scale, low=-20 * 10**scale, high=20 * 10**scale)
    writer = Rows(rng, facts, [], counted=False)
    rows = []
    for index in range(rng.choice((1, 2, 3, 5, 8))):
        condition = writer.author.condition(rng.choice((0, 1, 2)), NOTHING)
        rows.append(f"id: r{index}, when: {scalar(rng, condition)}, points: {writer.figure(points, NOTHING)[0]}")
    outcomes = [declare(rng, f"o{index}", rng.choice(TYPES), outcome=True) for index in range(rng.choice((1, 1, 2)))]
    cuts = sorted(rng.sample(range(-15, 25), rng.choice((0, 1, 2, 3))))
    closed = [rng.random() < 0.5 for _ in cuts]
    tests = []
    for index in range(len(cuts) + 1):
        low = (f">= {cuts[index - 1]}" if closed[index - 1] else f"> {cuts[index - 1]}") if index else ""
        high = (f"< {cuts[index]}" if closed[index] else f"<= {cuts[index]}") if index < len(cuts) else ""
        if low and high:
            opening, closing = "[" if closed[index - 1] else "(", ")" if closed[index] else "]"
            tests.append(f"{opening}{cuts[index - 1]}..{cuts[index]}{closing}")
        else:
            tests.append(low or high or "< 1000, >= 1000")
    giver = Rows(rng, [*facts, Declared("score", "number", "number", "", scale=scale)], outcomes, counted=False)
    bands = tuple(f"id: b{index}, when: {scalar(rng, test)}{giver.then(NOTHING)}" for index, test in enumerate(tests))
    named = {fact.name: fact.text for fact in facts}, {outcome.name: outcome.text for outcome in outcomes}
    base = decimal(rng.randrange(-5, 5) * 10**scale, scale)
    return Draft(*named, f"scorecard:\n  base: {base}\n  scale: {scale}", tuple(rows), bands)
