"""A whole policy in words: one frozen value with the complete text, and the Markdown page made from it.

The templates have the headings and their order, and do not access the policy. HTML pages can use the same value: the
environment escapes templates named `.html`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from policy_service.compilers.prose.context import LANGUAGES, Context, context_of
from policy_service.compilers.prose.decision import (
    RuleWords,
    bands_table,
    resolution,
    rule_words,
    rules_table,
    unmatched_text,
)
from policy_service.compilers.prose.declarations import facts_table, outcomes_table
from policy_service.compilers.prose.expectations import InvariantWords, examples_table, invariant_words
from policy_service.compilers.prose.grid import GridWords, grid_words
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.statement import Statement, outline
from policy_service.compilers.prose.table import Table, markdown, one_line
from policy_service.language.policy import Language, Policy
from policy_service.subject import kind_label

DIGEST_LENGTH = len("sha256:") + 12
"""Displayed length of a digest, characters."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The complete text about one version of a policy."""

    title: str
    id: str
    version: str
    digest: str
    """`sha256:` and the first twelve digits."""
    source: tuple[str, ...]
    subject: str
    """A sentence about the kind of subject."""
    notes: tuple[str, ...]
    """Paragraphs."""
    asks: bool
    """True if some facts are required."""
    facts: Table
    outcomes: Table
    resolution: str
    """The answer if several rules match, and if none does."""
    table: Table | None
    """The decision table; None for other forms."""
    grid: GridWords | None
    """A cross table as its grid; None for other forms."""
    rules: tuple[RuleWords, ...]
    bands: Table | None
    band_rules: tuple[RuleWords, ...]
    examples: Table | None
    invariants: tuple[InvariantWords, ...]


def explanation(policy: Policy, lang: Language) -> Explanation:
    """Return the policy in words, for any page."""
    context = context_of(policy, lang)
    return Explanation(
        title=context.words.unfold(context.words.of(policy.title)),
        id=policy.id,
        version=policy.version,
        digest=policy.digest[:DIGEST_LENGTH],
        source=policy.source,
        subject=context.words.fill(LABELS[lang].subject, subject=kind_label(policy.subject, lang)),
        notes=_paragraphs(policy, context),
        asks=any(not fact.optional for fact in policy.facts.values()),
        facts=facts_table(policy, context),
        outcomes=outcomes_table(policy, context),
        resolution=context.words.gap.join(filter(None, (resolution(policy, context), unmatched_text(policy, context)))),
        table=rules_table(policy, context) if policy.form == "table" else None,
        grid=grid_words(policy, context),
        rules=tuple(rule_words(policy, rule, context) for rule in policy.rules),
        bands=bands_table(policy, context),
        band_rules=tuple(rule_words(policy, band, context) for band in policy.bands),
        examples=examples_table(policy, context),
        invariants=tuple(invariant_words(policy, invariant, context) for invariant in policy.invariants),
    )


def _paragraphs(policy: Policy, context: Context) -> tuple[str, ...]:
    """Return the notes; empty lines separate paragraphs."""
    notes = context.words.of(policy.notes) if policy.notes else ""
    return tuple(context.words.unfold(text) for text in re.split(r"\n\s*\n", notes) if text.strip())


def explain(policy: Policy, lang: Language) -> str:
    """Return the policy as a Markdown page that is also readable in a terminal."""
    page = explanation(policy, lang)
    return _environment(lang).get_template(f"explain.{lang}.md").render(page=page).rstrip() + "\n"


@cache
def _environment(lang: Language) -> Environment:
    words = LANGUAGES[lang]

    def outlined(statement: Statement) -> str:
        return "\n".join(_safe(line) for line in outline(statement, words).splitlines())

    environment = Environment(
        loader=PackageLoader("policy_service.compilers.prose"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, object] = {"line": one_line, "markdown": markdown, "outline": outlined}
    environment.filters.update(filters)
    return environment


def _safe(line: str) -> str:
    """Return a line of an outline; its indentation stays."""
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + one_line(text)
