"""The effect of ending a policy on the policies that take an outcome of it.

| then       | what                                                                      |
|------------|---------------------------------------------------------------------------|
| `ended`    | the same change ends it too                                               |
| `replaced` | the same change puts a version of it in force that takes no such outcome  |
| `without`  | it goes on without: each fact that it took from there is optional         |
| `bereft`   | it cannot do without a fact, so the change cannot be submitted            |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from policy_service.analysis.findings import Finding
from policy_service.language.policy import Bilingual, Policy
from policy_service.language.requirements import facts_from
from policy_service.messages import Message

Then = Literal["ended", "replaced", "without", "bereft"]


@dataclass(frozen=True, slots=True)
class Dependant:
    """A policy that uses an outcome of an ended one: the facts affected, and the consequence."""

    policy: str
    version: str
    facts: tuple[str, ...]
    then: Then

    def to_dict(self) -> dict[str, object]:
        return {"policy": self.policy, "version": self.version, "facts": list(self.facts), "then": self.then}


@dataclass(frozen=True, slots=True)
class Ending:
    """A policy that a change ends, by its version in force then, with its dependants."""

    policy: str
    version: str
    digest: str
    dependants: tuple[Dependant, ...]

    def to_dict(self) -> dict[str, object]:
        return {
            "policy": self.policy,
            "version": self.version,
            "digest": self.digest,
            "dependants": [each.to_dict() for each in self.dependants],
        }


def endings(candidates: Sequence[Policy], in_force: Mapping[str, Policy], ends: Collection[str]) -> tuple[Ending, ...]:
    """Return the policies in force that a change ends, each with the consequences for its dependants."""
    proposed = {policy.id: policy for policy in candidates}
    return tuple(
        Ending(policy.id, policy.version, policy.digest, tuple(_dependants(policy.id, proposed, in_force, ends)))
        for policy in (in_force[name] for name in ends if name in in_force)
    )


def _dependants(
    source: str, proposed: Mapping[str, Policy], in_force: Mapping[str, Policy], ends: Collection[str]
) -> Iterator[Dependant]:
    for name in sorted({*proposed, *in_force}):
        before, after = in_force.get(name), proposed.get(name)
        facts = facts_from(after or in_force[name], source)
        if name in ends and after is None:
            then: Then = "ended"
        elif after is not None and not facts:
            then, facts = "replaced", facts_from(before, source) if before else ()
        else:
            then = "without" if all(fact.optional for fact in facts) else "bereft"
        if facts:
            yield Dependant(name, (after or in_force[name]).version, tuple(fact.name for fact in facts), then)


def dependant_errors(all_endings: Iterable[Ending]) -> Iterator[Finding]:
    """Yield an error for each policy that requires an outcome of an ended one."""
    for ending in all_endings:
        for each in ending.dependants:
            if each.then == "bereft":
                message = Bilingual(
                    f"{each.policy} {each.version} 取用 {ending.policy} 的结果，不能缺少",
                    Message(
                        "{policy} {version} takes an outcome of {ended} and cannot do without",
                        policy=each.policy,
                        version=each.version,
                        ended=ending.policy,
                    ),
                )
                yield Finding("error", "dependant-bereft", each.policy, message, each.facts)
