"""Signatures of a change, given and missing: name, role, time, meaning, reason, digest (21 CFR 11.50)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policy_service.actor import Role
from policy_service.approval.change import ActionRecord, Change


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One required signature, given or missing."""

    role: Role
    signature: ActionRecord | None
    void_reason: str | None = None
    """Why a given signature does not count now."""

    @property
    def counts(self) -> bool:
        """True if it was given and counts."""
        return self.signature is not None and self.void_reason is None


def signature_lines(change: Change) -> tuple[SignatureLine, ...]:
    """Return a line for every role required by the submission, and for each signature that does not count."""
    return tuple(line for role in change.required_roles for line in _role_lines(change, role))


def _role_lines(change: Change, role: Role) -> Iterator[SignatureLine]:
    for signature in change.signatures:
        if signature.role is role:
            yield SignatureLine(role, signature, change.void.get(signature.number))
    if role in change.missing_roles:
        yield SignatureLine(role, None)
