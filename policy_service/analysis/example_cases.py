"""The examples of a version in words, evaluated now by the reference evaluator: expected and actual results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from policy_service.analysis.examples import check_example, day_of, facts_of
from policy_service.compilers.prose.context import context_of
from policy_service.compilers.prose.expectations import examples_table
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Conflict, Decided, MissingFacts, Result
from policy_service.language.policy import Bilingual, Example, Language, Policy

NamedRule = tuple[str, Bilingual | None]
"""The id of a rule, and its title."""


@dataclass(frozen=True, slots=True)
class ExampleCase:
    """An example in words, and its result."""

    name: str
    title: Bilingual | None
    source: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    """The title and value of each fact."""
    expected: tuple[str, ...]
    actual: tuple[str, ...]
    rules: tuple[NamedRule, ...]
    """The rules that must decide it."""
    decided_by: tuple[NamedRule, ...]
    passed: bool


def cases_of(policy: Policy, lang: Language) -> tuple[ExampleCase, ...]:
    """Return every example, evaluated by the reference evaluator."""
    results = [evaluate(policy, facts_of(each), day_of(each)) for each in policy.examples]
    actual_examples = [_as_example(policy, each, result) for each, result in zip(policy.examples, results, strict=True)]
    expected_texts, actual_texts = (
        _example_texts(policy, policy.examples, lang),
        _example_texts(policy, actual_examples, lang),
    )
    titles = {rule.id: rule.title for rule in policy.all_rules}
    return tuple(
        ExampleCase(
            name=example.name,
            title=example.title,
            source=example.source,
            facts=tuple((title, value) for title, value in facts if value),
            expected=expected,
            actual=actual_text,
            rules=tuple((rule, titles[rule]) for rule in example.rules or ()),
            decided_by=tuple(
                (rule, titles[rule]) for rule in (result.rules if isinstance(result, Decided | Conflict) else ())
            ),
            passed=check_example(policy, example, lambda *_, result=result: result) is None,
        )
        for example, result, (facts, expected), (_, actual_text) in zip(
            policy.examples, results, expected_texts, actual_texts, strict=True
        )
    )


def _as_example(policy: Policy, example: Example, result: Result) -> Example:
    """Return the example as it would have to be written for this result."""
    match result:
        case Decided():
            outcomes = tuple(dict(zip(policy.outcomes, values, strict=True)) for values in result.outcome)
            outcome = outcomes if policy.returns_list else outcomes[0]
            return replace(example, status="decided", outcome=outcome, rules=result.rules, missing=())
        case MissingFacts():
            return replace(example, status="missing_facts", outcome=None, rules=None, missing=tuple(result.names))
        case Conflict():
            return replace(example, status="conflict", outcome=None, rules=result.rules, missing=())
        case _:
            return replace(example, status="no_rule_matched", outcome=None, rules=None, missing=())


ExampleTexts = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]
"""The facts of an example, and its result."""


def _example_texts(policy: Policy, examples: Sequence[Example], lang: Language) -> list[ExampleTexts]:
    """Return examples in words, from the cells of the prose table."""
    context = context_of(policy, lang)
    table = examples_table(replace(policy, examples=tuple(examples)), context)
    if table is None:
        return []
    results = len(policy.outcomes) if len(policy.outcomes) > 1 and not policy.returns_list else 1
    facts = table.headers[1 : -results - 1]
    titles = table.headers[-results - 1 : -1]
    several = results > 1
    return [
        (
            tuple((fact, cell) for fact, cell in zip(facts, row[1 : -results - 1], strict=True)),
            tuple(
                f"{title}: {cell}" if several and example.status == "decided" else cell
                for title, cell in zip(titles, row[-results - 1 : -1], strict=True)
                if cell
            ),
        )
        for example, row in zip(examples, table.rows, strict=True)
    ]
