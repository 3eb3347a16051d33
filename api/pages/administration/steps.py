"""What became of an account, told in words: a line for each change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from api.pages.vocabulary import name_of
from policy_service.actor import Role
from policy_service.identity.history import Step
from policy_service.sentences import Sentence, listed


@dataclass(frozen=True, slots=True)
class Told:
    """One change: when, by whom, and what was done."""

    at: datetime
    by: str
    what: tuple[Sentence, ...]


def told_of(steps: Iterable[Step]) -> tuple[Told, ...]:
    """The changes of an account, in the order given."""
    return tuple(Told(step.at, step.by_name, tuple(_what(step))) for step in steps)


def _what(step: Step) -> Iterator[Sentence]:
    if step.is_first:
        yield Sentence("made the account, with: {roles}", roles=_roles(step.roles or frozenset()))
        if not step.password:
            yield Sentence("without a password")
        return
    if step.roles is not None:
        yield Sentence(
            "changed the roles from {before} to {after}", before=_roles(step.before), after=_roles(step.roles)
        )
    if step.enabled is not None:
        yield Sentence("let the person in again") if step.enabled else Sentence("disabled the account")
    if step.external is not None:
        yield Sentence("linked it to {subject} of {issuer}", subject=step.external.subject, issuer=step.external.issuer)
    if step.password:
        yield Sentence("changed their own password") if step.by_owner else Sentence("gave it another password")
    if step.vouched:
        yield Sentence("vouched for it")


def _roles(roles: Iterable[Role]) -> str:
    held = set(roles)
    return listed(name_of(role) for role in Role if role in held) or Sentence("no role")
