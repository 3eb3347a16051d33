"""Subjects on the pages: the kinds that are offered, and what is wrong with an identifier that was filled in."""

from __future__ import annotations

from collections.abc import Iterable

from api.pages.forms import Faults
from policy_service.language.policy import Language, Policy
from policy_service.sentences import Sentence
from policy_service.subject import CUSTOMER, InvalidSubject, Subject, faults_of, kind_words


def kinds_offered(policies: Iterable[Policy], lang: Language, chosen: str = "") -> tuple[tuple[str, str], ...]:
    """The kinds that policies are about, and the one that was chosen, each with what it is called."""
    kinds = {CUSTOMER, *(policy.subject for policy in policies), *filter(None, [chosen])}
    return tuple((kind, kind_words(kind, lang)) for kind in sorted(kinds, key=lambda kind: (kind != CUSTOMER, kind)))


def subject_faults(subject: Subject) -> Faults:
    """What is wrong with a subject, by field."""
    return as_faults(InvalidSubject(subject, faults_of(subject)))


def as_faults(invalid: InvalidSubject) -> Faults:
    """What the fields say of a subject that there cannot be, with what to write."""
    return {
        part: Sentence("No subject is written like this: {fault}.", fault=fault)
        for part, fault in invalid.faults.items()
    }
