"""Writes a benchmark set as policies, so that it is signed, put in force, looked up and replayed like any policy.

A policy holds the figures of one grouping: its facts determine the group, each row is a group, each outcome is a figure
with its `measure`. A group without a figure has no row. While the figures are in force, policies with a fact of that
measure take the outcome (`bind_figures`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policy_service.language.benchmark_set import BenchmarkSet, Figure
from policy_service.language.document import MAX_RULES
from policy_service.language.findings import RULE_ID
from policy_service.language.policy import Bilingual, Fact, Policy
from policy_service.language.source import NULLS
from policy_service.language.types import ChoiceType, NumberType, format_value
from policy_service.population.errors import PopulationRejected

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FigurePolicy:
    """A written policy."""

    id: str
    version: str
    text: str


def write_figure_policies(made: BenchmarkSet, policies: Sequence[Policy]) -> tuple[FigurePolicy, ...]:
    """Return the figures of a set as policies, in the domain of a policy that uses them. Raises PopulationRejected."""
    users = [each for each in policies if any(made.figure_for(each, fact) for fact in each.facts.values())]
    groupings: dict[tuple[Words, frozenset[Words]], list[Figure]] = {}
    for figure in made.figures.values():
        rows = frozenset(words for words, group in figure.groups.items() if group.value is not None)
        if rows:
            groupings.setdefault((figure.measure.groups, rows), []).append(figure)
    written: dict[str, FigurePolicy] = {}
    for (facts, rows), figures in groupings.items():
        domain = next(each.domain for each in users if any(_takes(each, figure, made) for figure in figures))
        id_ = _free("_by_".join([f"{domain}/{made.id.split('/')[1]}", *(["_".join(facts)] if facts else [])]), written)
        if len(rows) > MAX_RULES:
            raise PopulationRejected([f"{id_}: {len(rows):,} groups, and a policy has at most {MAX_RULES:,} rules"])
        lines = _lines(id_, made, figures, sorted(rows), _group_facts(facts, users))
        written[id_] = FigurePolicy(id_, made.version, "\n".join(lines) + "\n")
    return tuple(written.values())


def _takes(policy: Policy, figure: Figure, made: BenchmarkSet) -> bool:
    return any(made.figure_for(policy, fact) is figure for fact in policy.facts.values())


def _free(name: str, taken: Mapping[str, object]) -> str:
    """Return the name, with a number if it is taken."""
    return next(each for each in (name, *(f"{name}_{number}" for number in range(2, 1_000))) if each not in taken)


def _group_facts(names: Sequence[str], policies: Sequence[Policy]) -> dict[str, Fact]:
    """Return the facts that determine groups, each with the words of all policies that declare it."""
    found = {}
    for name in names:
        facts = [each.facts[name] for each in policies if name in each.facts]
        kinds = [fact.type for fact in facts if isinstance(fact.type, ChoiceType)]
        of = tuple(dict.fromkeys(word for kind in kinds for word in kind.of))
        titles = {word: title for fact in reversed(facts) for word, title in fact.words.items()}
        found[name] = Fact(name, ChoiceType(of), facts[0].title, words=titles)
    return found


def _outcome_name(figure: Figure, taken: Mapping[str, object]) -> str:
    measure = figure.measure
    part = "" if measure.part is None else f"{int(measure.part * 10**6):06}".rstrip("0")
    return _free("_".join(each for each in (measure.statistic, part, measure.fact) if each), taken)


def _lines(
    id_: str, made: BenchmarkSet, figures: Sequence[Figure], rows: Sequence[Words], facts: Mapping[str, Fact]
) -> Iterator[str]:
    outcomes: dict[str, Figure] = {}
    for figure in figures:
        outcomes[_outcome_name(figure, outcomes)] = figure
    ids = _row_ids(rows)
    yield f"policy: {id_}"
    yield f"version: {made.version}"
    yield f"title: {_flow(_title(made, facts))}"
    if made.source:
        yield f"source: [{', '.join(made.source)}]"
    yield f"notes: {_flow(_notes(made))}"
    yield f"subject: {made.subject}"
    yield "facts:" if facts else "facts: {}"
    for fact in facts.values():
        of = fact.type.of if isinstance(fact.type, ChoiceType) else ()
        titles = ", ".join(f"{_scalar(word)}: {_flow(title)}" for word, title in fact.words.items())
        yield f"  {fact.name}:"
        yield "    type: choice"
        yield f"    of: [{', '.join(map(_scalar, of))}]"
        yield f"    title: {_flow(fact.title)}"
        if titles:
            yield f"    words: {{{titles}}}"
    yield "outcome:"
    for name, figure in outcomes.items():
        measure = _scalar(str(figure.measure))
        yield f"  {name}: {{{_type(figure, rows)}, measure: {measure}, title: {{zh: {measure}, en: {measure}}}}}"
    yield "table:" if facts else "rules:"
    yield f"  hit: {'UNIQUE' if facts else 'FIRST'}"
    if facts:
        yield f"  inputs: [{', '.join(facts)}]"
    yield "  rows:"
    for words in rows:
        cells = ", ".join(json.dumps(_literal(word), ensure_ascii=False) for word in words)
        yield f"    - id: {ids[words]}"
        yield f"      when: [{cells}]" if facts else '      when: "true"'
        yield f"      then: [{', '.join(json.dumps(_value(each, words)) for each in outcomes.values())}]"
        yield f"      because: {_flow(_reason(made, outcomes, words))}"
    yield "examples:"
    for words in rows:
        given = ", ".join(f"{name}: {_scalar(word)}" for name, word in zip(facts, words, strict=True))
        expected = ", ".join(f"{name}: {json.dumps(_value(each, words))}" for name, each in outcomes.items())
        name = _scalar(", ".join(words) or "all")
        yield f"  - {{name: {name}, facts: {{{given}}}, outcome: {{{expected}}}, rule: {ids[words]}}}"


def _title(made: BenchmarkSet, facts: Mapping[str, Fact]) -> Bilingual:
    if not facts:
        return made.title
    titles = [each.title for each in facts.values()]
    zh, en = "、".join(each.zh for each in titles), " and ".join(each.en for each in titles)
    return Bilingual(f"{made.title.zh}，按{zh}", f"{made.title.en}, by {en}")


def _notes(made: BenchmarkSet) -> Bilingual:
    size, smallest, day = made.population.subjects, made.method.smallest_group, made.as_of.isoformat()
    of, how = f"{made.population.name} ({made.population.digest})", made.method.quantiles
    return Bilingual(
        f"由客户群体 {of} 截至 {day} 的 {size} 个对象算出，舍入到最近单位（两者等距取偶数），分位数方法 {how}；"
        f"不足 {smallest} 个对象的组没有数字。",
        f"Made from the {size:,} subjects of {of} as of {day}, rounded half to even, quantiles {how}; "
        f"a group of fewer than {smallest:,} has no figure.",
    )


def _reason(made: BenchmarkSet, outcomes: Mapping[str, Figure], words: Words) -> Bilingual:
    counts = dict.fromkeys(each.groups[words].subjects for each in outcomes.values())
    day = made.as_of.isoformat()
    zh, en = ("、".join(map(str, counts)), " and ".join(f"{count:,}" for count in counts))
    return Bilingual(f"截至 {day} 的 {zh} 个对象的数字。", f"The figures of {en} subjects as of {day}.")


def _row_ids(rows: Sequence[Words]) -> dict[Words, str]:
    """Return an id for each group: its word if that is a valid id; `all` if there are no groups."""
    if list(rows) == [()]:
        return {(): "all"}
    is_word = all(len(words) == 1 and RULE_ID.fullmatch(words[0]) for words in rows)
    return {words: words[0] if is_word else f"group-{number}" for number, words in enumerate(rows, 1)}


def _type(figure: Figure, rows: Sequence[Words]) -> str:
    kind: NumberType = figure.type
    values = sorted(figure.groups[words].value or 0 for words in rows)
    parts = [f"type: {kind.kind}"]
    if kind.kind == "number":
        parts.append(f"scale: {kind.scale}")
    if kind.currency:
        parts.append(f"currency: {kind.currency}")
    low, high = (json.dumps(str(format_value(kind, value))) for value in (values[0], values[-1]))
    return ", ".join([*parts, f"min: {low}", f"max: {high}"])


def _value(figure: Figure, words: Words) -> str:
    return str(format_value(figure.type, figure.groups[words].value or 0))


def _literal(word: str) -> str:
    """Return a text as a literal of the expression language."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _flow(words: Bilingual) -> str:
    return f"{{zh: {_scalar(words.zh)}, en: {_scalar(words.en)}}}"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text not in NULLS else json.dumps(text, ensure_ascii=False)
