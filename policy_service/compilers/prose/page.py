"""A whole policy in words: one frozen value with all there is to say, and the Markdown page made of it.

The templates hold the headings and the order; they ask nothing of the policy itself. A page in HTML can be made of
the same value: the environment escapes whatever is named `.html`.
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
"""Characters of a digest that people compare."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that a page says about one version of a policy."""

    title: str
    id: str
    version: str
    digest: str
    """`sha256:` and the first twelve digits."""
    source: tuple[str, ...]
    subject: str
    """A sentence that says about whom or what it decides."""
    notes: tuple[str, ...]
    """Paragraphs."""
    asks: bool
    """True if there are facts that must be given."""
    facts: Table
    outcomes: Table
    resolution: str
    """What the answer is when several rules hold, and when none does."""
    table: Table | None
    """The decision table; None for other forms."""
    grid: GridWords | None
    """The same of a cross table as its grid; None for other forms."""
    rules: tuple[RuleWords, ...]
    bands: Table | None
    band_rules: tuple[RuleWords, ...]
    examples: Table | None
    invariants: tuple[InvariantWords, ...]


def explanation(policy: Policy, lang: Language) -> Explanation:
    """Return the policy in words, one value for any page."""
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
    """Return the notes; an empty line parts two paragraphs."""
    notes = context.words.of(policy.notes) if policy.notes else ""
    return tuple(context.words.unfold(text) for text in re.split(r"\n\s*\n", notes) if text.strip())


def explain(policy: Policy, lang: Language) -> str:
    """Return the policy as a Markdown page that reads well in a terminal too."""
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
