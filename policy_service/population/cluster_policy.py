"""Writes a proposal of groups as a policy file: a draft whose rows describe the groups, to be edited (R-CLUST-1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from policy_service.cross_groups.policy_file import Heading, bilingual_yaml, fact_lines, quote_cell, scalar
from policy_service.language.load import load_bytes
from policy_service.language.policy import Bilingual, Fact
from policy_service.language.types import BooleanType, TagsType
from policy_service.language.unparse import quote
from policy_service.population.clusters import Cluster, Clustering, Row, Trait, words_of
from policy_service.population.errors import PopulationRejected

_TOTAL = Bilingual("每个对象都有且只有一个分组", "every subject has exactly one group")
Conditions = Sequence[tuple[str | None, bool]]
"""For one fact, the words that a row's subjects have and lack; None stands for a missing fact."""


def write_cluster_policy(proposal: Clustering, heading: Heading) -> str:
    """Write the policy file. Raises PopulationRejected, PolicyError."""
    if errors := list(heading.errors()):
        raise PopulationRejected(errors)
    if len(proposal.rows) == 1:
        smallest = proposal.request.smallest
        raise PopulationRejected([f"no row of {smallest:,} subjects tells the groups apart: ask for smaller ones"])
    text = "\n".join(_lines(proposal, heading)) + "\n"
    load_bytes(text.encode(), f"{heading.policy}/{heading.version}.yaml")
    return text


def _lines(proposal: Clustering, heading: Heading) -> Iterator[str]:
    used = {trait.fact for row in proposal.rows for trait, _ in row.path}
    facts = {name: fact for name, fact in proposal.facts.items() if name in used}
    described = {row.group for row in proposal.rows}
    groups = [group for group in proposal.groups if group.number in described]
    titles = {group.number: _group_title(group, proposal) for group in groups}
    yield f"policy: {heading.policy}"
    yield f"version: {heading.version}"
    yield "title: {zh: 聚类分组（建议）, en: Groups found by clustering (a proposal)}"
    if heading.source:
        yield f"source: [{', '.join(map(scalar, heading.source))}]"
    yield f"notes: {bilingual_yaml(_notes(proposal))}"
    yield f"subject: {proposal.request.kind}"
    yield ""
    yield "facts:"
    for fact in facts.values():
        yield from fact_lines(fact)
    yield ""
    yield "outcome:"
    yield f"  {heading.outcome}:"
    yield "    type: choice"
    yield f"    of: [{', '.join(_word(group.number) for group in groups)}]"
    yield "    title: {zh: 分组, en: group}"
    yield "    words:"
    yield from (f"      {_word(number)}: {bilingual_yaml(title)}" for number, title in titles.items())
    yield ""
    yield "table:"
    yield "  hit: UNIQUE"
    yield f"  inputs: [{', '.join(facts)}]"
    yield "  rows:"
    for id_, row in _row_ids(proposal.rows).items():
        cells = (quote_cell(_cell(fact, _conditions(row, name))) for name, fact in facts.items())
        yield f"    - id: {id_}"
        yield f"      when: [{', '.join(cells)}]"
        yield f"      then: [{_word(row.group)}]"
        yield f"      because: {bilingual_yaml(_reason(row, titles[row.group]))}"
    yield ""
    yield "examples:"
    for id_, row in _row_ids(proposal.rows).items():
        given = {name: _example(fact, _conditions(row, name)) for name, fact in facts.items()}
        stated = ", ".join(f"{name}: {value}" for name, value in given.items() if value is not None)
        yield f"  - name: {id_}"
        yield f"    facts: {{{stated}}}"
        yield f"    outcome: {{{heading.outcome}: {_word(row.group)}}}"
        yield f"    rule: {id_}"
    yield ""
    yield "invariants:"
    yield "  - id: total"
    yield f"    says: {bilingual_yaml(_TOTAL)}"


def _word(number: int) -> str:
    return f"group_{number}"


def _row_ids(rows: Sequence[Row]) -> Mapping[str, Row]:
    counts: dict[int, int] = {}
    ids = {}
    for row in rows:
        counts[row.group] = counts.get(row.group, 0) + 1
        ids[f"group-{row.group}-{counts[row.group]}"] = row
    return ids


def _conditions(row: Row, fact: str) -> Conditions:
    return [(trait.word, there) for trait, there in row.path if trait.fact == fact]


def _allowed(fact: Fact, conditions: Conditions) -> list[str]:
    """Return the words of a choice or boolean that fit."""
    return [
        word
        for word in words_of(fact)
        if all((word == each) is there for each, there in conditions if each is not None)
    ]


def _cell(fact: Fact, conditions: Conditions) -> str:
    """Return the condition of a row on a fact; a fact that may be missing is first tested for presence."""
    if not conditions:
        return "-"
    if (None, True) in conditions:
        return "is missing"
    tests = _tags_test(conditions) if isinstance(fact.type, TagsType) else _words_test(fact, conditions)
    if fact.optional:
        return f"? is not missing and {tests}" if tests else "is not missing"
    return tests


def _tags_test(conditions: Conditions) -> str:
    asked = {word: there for word, there in conditions if word is not None}
    return " and ".join(f"{quote(word)} in ?" if there else f"not({quote(word)} in ?)" for word, there in asked.items())


def _words_test(fact: Fact, conditions: Conditions) -> str:
    words, allowed = words_of(fact), _allowed(fact, conditions)
    if len(allowed) == len(words):
        return ""
    is_short = 2 * len(allowed) <= len(words)
    listed = allowed if is_short else [word for word in words if word not in allowed]
    tests = ", ".join(listed if isinstance(fact.type, BooleanType) else map(quote, listed))
    if fact.optional:
        return f"? in ({tests})" if is_short else f"not(? in ({tests}))"
    return tests if is_short else f"not({tests})"


def _example(fact: Fact, conditions: Conditions) -> str | None:
    """Return a fitting value as YAML; None if only a missing one fits."""
    if (None, True) in conditions:
        return None
    if isinstance(fact.type, TagsType):
        return f"[{', '.join(scalar(word) for word, there in conditions if word is not None and there)}]"
    word = _allowed(fact, conditions)[0]
    return word if isinstance(fact.type, BooleanType) else scalar(word)


def _reason(row: Row, title: Bilingual) -> Bilingual:
    return Bilingual(
        f"{title.zh}。聚类时本行有 {row.subjects} 个对象，其中 {row.agreeing} 个在该组（建议）。",
        f"{title.en}. Of the {row.subjects} subjects of this row {row.agreeing} were found in the group (a proposal).",
    )


def _group_title(group: Cluster, proposal: Clustering) -> Bilingual:
    labels = [_label(trait, proposal.facts[trait.fact]) for trait in group.profile]
    zh, en = "、".join(each.zh for each in labels), ", ".join(each.en for each in labels)
    few = group.subjects < proposal.request.smallest
    return Bilingual(
        f"第 {group.number} 组：{zh}" + ("（对象很少）" if few else ""),
        f"Group {group.number}: {en}" + (" (few subjects)" if few else ""),
    )


def _label(trait: Trait, fact: Fact) -> Bilingual:
    """Return the title of having a word."""
    if trait.word is None:
        return Bilingual(f"{fact.title.zh}未填", f"{fact.title.en} missing")
    if isinstance(fact.type, BooleanType):
        return fact.title if trait.word == "true" else Bilingual(f"{fact.title.zh}：否", f"{fact.title.en}: no")
    return fact.words.get(trait.word, Bilingual(trait.word, trait.word))


def _notes(proposal: Clustering) -> Bilingual:
    request, of = proposal.request, f"{proposal.population} ({proposal.digest})"
    how = f"{proposal.library}, k-means, k={request.groups}, seed={request.seed}"
    right = f"{proposal.agreeing} of {proposal.subjects}"
    sizes = ", ".join(f"{group.number}: {group.subjects}" for group in proposal.groups)
    few = ", ".join(str(group.number) for group in proposal.groups if group.subjects < request.smallest)
    zh = [
        "这是一份建议：由人修改，签署后才能生效。",
        f"由客户群体 {of} 的 {proposal.subjects} 个对象按标签聚类得出（{how}），各组对象数 {sizes}。",
        f"各行由决策树写成，{proposal.subjects} 个对象中有 {proposal.agreeing} 个落在聚类时所在的组。",
        f"不足 {request.smallest} 个对象的组：{few}。" if few else "",
    ]
    en = [
        "A proposal: a person edits it, and it applies when it has been signed.",
        f"Found in the tags of the {proposal.subjects} subjects of {of} ({how}); subjects by group: {sizes}.",
        f"The rows are those of a decision tree: they put {right} into the group they were found in.",
        f"Groups of fewer than {request.smallest} subjects: {few}." if few else "",
    ]
    return Bilingual("".join(zh), " ".join(filter(None, en)))
