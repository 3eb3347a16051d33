"""The history of one rule: its wording in each version of its policy, and the changes between versions.

A rule, or a band of a scorecard, is identified by its name. Changes are computed by `difference` on versions reduced to
this rule and the first one, so that the cost does not depend on the number of rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from policy_service.analysis.articles import Kind
from policy_service.analysis.difference import Alteration, difference
from policy_service.compilers.prose import RuleWords
from policy_service.compilers.prose.context import context_of
from policy_service.compilers.prose.decision import rule_words
from policy_service.language.policy import Language, Policy, Rule

REGULATION_ROW = re.compile(r"\bR-[A-Z]+-[0-9A-Z]+\b")
"""A row of the regulation, as reasons name it."""
RuleStatus = Literal["first", "new", "changed", "same", "gone", "absent"]
"""What a version changed about a rule; `first`: present in the first version, `absent`: neither present nor before."""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """The rule in one version; `rule` is None if the version lacks it."""

    policy: Policy
    rule: Rule | None
    position: int
    """The position of the rule in the version, from 1; 0 if it is absent."""
    rule_count: int
    status: RuleStatus
    alterations: tuple[Alteration, ...]
    """What this version changed about it."""

    def wording(self, lang: Language) -> RuleWords | None:
        """Return the rule in words."""
        return rule_words(self.policy, self.rule, context_of(self.policy, lang)) if self.rule is not None else None

    def sentences(self, lang: Language) -> tuple[str, ...]:
        """Return what this version changed, in words."""
        return tuple(sentence for each in self.alterations for sentence in each.sentences(lang))


def rule_history(policies: Sequence[Policy], rule: str) -> tuple[RuleVersion, ...]:
    """Return a rule through versions of its policy, newest first; the last one counts as the first version."""
    return tuple(
        rule_version(policy, before, rule) for policy, before in zip(policies, [*policies[1:], None], strict=True)
    )


def rule_version(policy: Policy, before: Policy | None, rule: str) -> RuleVersion:
    """Return a rule in one version, and the changes since the version `before`."""
    match = find_rule(policy, rule)
    status, alterations = _rule_change(before, policy, rule)
    is_band = match is not None and match[1] not in policy.rules
    return RuleVersion(
        policy=policy,
        rule=match[1] if match else None,
        position=match[0] if match else 0,
        rule_count=len(policy.bands) if is_band else len(policy.rules),
        status=status,
        alterations=alterations,
    )


def find_rule(policy: Policy, rule: str) -> tuple[int, Rule] | None:
    """Return the rule or band with this name, and its position, from 1."""
    for rules in (policy.rules, policy.bands):
        for position, each in enumerate(rules, 1):
            if each.id == rule:
                return position, each
    return None


def cited_rows(because: str) -> tuple[str, ...]:
    """Return the rows of the regulation named in a reason."""
    return tuple(dict.fromkeys(REGULATION_ROW.findall(because)))


def _rule_change(before: Policy | None, policy: Policy, rule: str) -> tuple[RuleStatus, tuple[Alteration, ...]]:
    old, new = (find_rule(before, rule) if before else None), find_rule(policy, rule)
    if new is None:
        return ("absent" if old is None else "gone"), ()
    if before is None:
        return "first", ()
    if old is None:
        return "new", ()
    alterations = tuple(
        each
        for each in difference(_reduced(before, rule), _reduced(policy, rule)).alterations
        if each.name == rule and each.kind in {Kind.RULE, Kind.BAND}
    )
    return ("changed" if alterations or old[0] != new[0] else "same"), alterations


def _reduced(policy: Policy, rule: str) -> Policy:
    """Return the policy reduced to this rule and, so that `otherwise` keeps its meaning, the first one."""
    rules = tuple(each for position, each in enumerate(policy.rules) if position == 0 or each.id == rule)
    return replace(policy, rules=rules, examples=(), invariants=(), notes=None)
