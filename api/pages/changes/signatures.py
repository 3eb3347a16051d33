"""Who signed a change and who must: name, role, time, meaning, reason, digest, as a record demands (21 CFR 11.50)."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.actor import Role
from policy_service.approval.change import Acted
from policy_service.approval.service import Change


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature that is demanded: as it was given, or awaited."""

    role: Role
    given: Acted | None


def signature_lines(change: Change) -> tuple[SignatureLine, ...]:
    """A line for every role that must sign what is submitted now; none for a draft."""
    if change.submission is None:
        return ()
    given = {signature.role: signature for signature in change.signatures}
    return tuple(SignatureLine(role, given.get(role)) for role in change.submission.roles)
