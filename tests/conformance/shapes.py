"""Policies of an extreme shape: as many rows, facts, alternatives, constants or words as the language allows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

from tests.conformance.generate import Draft, generate

INTEGER = "{type: integer}"
WORD = "{type: choice, of: [A, B, C]}"
SEVERAL = ("FIRST", "RULE ORDER", "OUTPUT ORDER", "PRIORITY", "ANY", "UNIQUE", "COLLECT")


def _rule(index: int, condition: str, then: str) -> str:
    return f"id: r{index}, when: {json.dumps(condition)}, then: [{then}]"


def thousand_rows(rng: random.Random) -> Draft:
    """A table of 1,000 rows over three columns."""
    facts = {
        "x": INTEGER,
        "y": "{type: number, scale: 2, optional: true}",
        "c": "{type: choice, of: [it, retail, 零售]}",
    }
    rows = ['id: missing, when: ["-", is missing, "-"], then: [A]']
    for index in range(1, 1000):
        low = rng.randrange(-50, 50)
        cells = [
            f"[{low}..{low + rng.randrange(1, 9)}]",
            rng.choice(("-", f"< {index}.25", f">= {index}, -{index}.5")),
            rng.choice(("-", '"it"', 'not("it", "零售")')),
        ]
        rows.append(f"id: r{index}, when: {json.dumps(cells, ensure_ascii=False)}, then: [{rng.choice('ABC')}]")
    return Draft(facts, {"o": WORD}, f"table:\n  hit: {rng.choice(SEVERAL)}\n  inputs: [x, y, c]", tuple(rows))


def all_rows_true(rng: random.Random) -> Draft:
    """A thousand rules that all hold at once."""
    aggregate = rng.choice(("", "\n  aggregate: sum", "\n  aggregate: max"))
    conditions = (
        lambda i: f"x > -{i}.5",
        lambda _: "x >= -9007199254740992",
        lambda i: f"x + y < {9 * 10**15 + i} * 3 or x < y",
    )
    rows = tuple(_rule(i, rng.choice(conditions)(i + 2**53), str(i % 7)) for i in range(1000))
    return Draft({"x": INTEGER, "y": INTEGER}, {"o": INTEGER}, f"rules:\n  hit: COLLECT{aggregate}", rows)


def distinct_thresholds(rng: random.Random) -> Draft:
    """More than 512 different constants that one fact is compared with."""
    rows = tuple(_rule(i, f"x {rng.choice(('=', '>=', '<', '!='))} {i - 350}", rng.choice("ABC")) for i in range(700))
    return Draft(
        {"x": "{type: integer, min: -400, max: 400}"}, {"o": WORD}, f"rules:\n  hit: {rng.choice(SEVERAL)}", rows
    )


def equal_conditions(rng: random.Random) -> Draft:
    """Hundreds of rows that share all or some of a few conditions."""
    parts = ("x > 3", 'y = "it"', "z", "x <= 8", 'w is not missing and w > date("2024-02-29")', 'contains(t, "京")')
    rows = tuple(
        _rule(i, " and ".join(sorted(rng.sample(parts, rng.choice((1, 2, 3))))), rng.choice("AB")) for i in range(600)
    )
    facts = {
        "x": INTEGER,
        "y": "{type: choice, of: [it, x]}",
        "z": "{type: boolean}",
        "w": "{type: date, optional: true}",
        "t": "{type: text}",
    }
    return Draft(facts, {"o": WORD}, f"rules:\n  hit: {rng.choice(SEVERAL)}", rows)


def two_hundred_facts(rng: random.Random) -> Draft:
    """As many facts as a policy may have, half of them optional."""
    facts = {f"f{i}": "{type: integer, min: -9, max: 9" + (", optional: true}" if i % 2 else "}") for i in range(200)}
    rows = []
    for index in range(120):
        even, odd = rng.randrange(0, 200, 2), rng.randrange(1, 200, 2)
        ask = rng.choice((f"f{odd} is not missing and f{odd} > f{even}", f"f{odd} is missing or f{odd} < f{even} + 2"))
        rows.append(_rule(index, f"{ask} and f{rng.randrange(0, 200, 2)} != {rng.randrange(-9, 9)}", rng.choice("ABC")))
    return Draft(facts, {"o": WORD}, f"rules:\n  hit: {rng.choice(SEVERAL)}", tuple(rows))


def widest_or(rng: random.Random) -> Draft:
    """Conditions with 64 alternatives, the most there may be."""
    facts = {f"f{i}": "{type: integer, min: -9, max: 9}" for i in range(8)}

    def either(count: int) -> str:
        return (
            "("
            + " or ".join(f"f{i % 8} {rng.choice(('<', '>', '='))} {i - 30}" for i in rng.sample(range(64), count))
            + ")"
        )

    shapes = ((64,), (8, 8), (4, 4, 4), (2,) * 6, (32, 2))
    rows = tuple(_rule(i, " and ".join(either(n) for n in rng.choice(shapes)), rng.choice("ABC")) for i in range(40))
    return Draft(facts, {"o": WORD}, f"rules:\n  hit: {rng.choice(SEVERAL)}", rows)


def one_row(rng: random.Random) -> Draft:
    """A policy of one row."""
    draft = generate(rng)
    return Draft(draft.facts, draft.outcomes, draft.head, draft.rows[:1], draft.bands)


def many_bands(rng: random.Random) -> Draft:
    """A scorecard of 300 rules and 100 bands."""

    def line(index: int) -> str:
        condition = f"x {rng.choice('<>')} {rng.randrange(-60, 60)}" if index % 3 else f"y = {index}"
        return f"id: r{index}, when: {json.dumps(condition)}, points: {rng.randrange(-3, 4)}"

    rows = tuple(map(line, range(300)))
    bands = [
        "id: b0, when: '< -48', then: [0]",
        *(f"id: b{i}, when: '[{i - 49}..{i - 48})', then: ['score * {i}']" for i in range(1, 99)),
    ]
    bands.append("id: b99, when: '>= 50', then: [99]")
    facts = {"x": "{type: integer, min: -99, max: 99}", "y": "{type: integer, min: 0, max: 300}"}
    return Draft(facts, {"o": INTEGER}, "scorecard:\n  base: 3", rows, tuple(bands))


def many_words(rng: random.Random) -> Draft:
    """Choices of 500 words, tags of 100, and long lists of them."""
    words = [f"w{i}" for i in range(498)] + ["零售", 'q"t']
    listed = json.dumps(words, ensure_ascii=False)
    facts = {
        "c": f"{{type: choice, of: {listed}}}",
        "d": f"{{type: choice, of: {json.dumps(words[::-1], ensure_ascii=False)}, optional: true}}",
    }
    facts["t"] = f"{{type: tags, of: {json.dumps(words[400:], ensure_ascii=False)}}}"
    rows = []
    for index in range(200):
        some = ", ".join(f'"{word}"' for word in rng.sample(words[:498], rng.choice((1, 5, 100, 300))))
        form = rng.choice(
            (
                f"c in ({some})",
                "c in t",
                f'"w{400 + index % 98}" in t and not(c in ({some}))',
                "d is not missing and (c = d or d in t)",
            )
        )
        rows.append(_rule(index, form[:4000] if len(form) <= 4000 else "c in t", rng.choice("ABC")))
    return Draft(facts, {"o": WORD}, f"rules:\n  hit: {rng.choice(SEVERAL)}", tuple(rows))


SHAPES: Mapping[str, Callable[[random.Random], Draft]] = {
    shape.__name__.replace("_", " "): shape
    for shape in (
        one_row,
        widest_or,
        many_bands,
        equal_conditions,
        two_hundred_facts,
        distinct_thresholds,
        many_words,
        all_rows_true,
        thousand_rows,
    )
}
