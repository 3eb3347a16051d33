"""Every version that the registry holds, to be looked up and listed, and which of them is in force when.

A version never changes, so each is read from its text once and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS, check_permission
from api.web.problems import UNKNOWN_POLICY, ProblemError
from policy_service.actor import Actor
from policy_service.approval.withdrawn_versions import withdrawn_versions
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.policy import Policy
from policy_service.messages import Message, join_comma
from policy_service.registry import policy_cache
from policy_service.registry.model import Activation, active_at, all_active_at, all_endings_at, ending_at
from policy_service.registry.service import activations, describe_ending, versions
from policy_service.registry.tables import VersionRow


class Catalogue:
    """Policies by name and version."""

    @staticmethod
    def load(session: Session, digest: str) -> Policy:
        """The version under a digest that the registry is known to hold."""
        return policy_cache.load(session, digest)

    def in_force(self, session: Session, now: datetime) -> dict[str, Policy]:
        """The version in force of every policy that has one, by name, in the order of names.

        Of a policy that is stopped it is the version that is out of force: callers still send its facts.
        """
        active = all_active_at(activations(session), now, now)
        return {name: self.load(session, each.digest) for name, each in active.items()}

    @staticmethod
    def heads_in_force(session: Session, now: datetime) -> dict[str, Policy]:
        """The same without their rules, which is quick where the heads are known."""
        active = all_active_at(activations(session), now, now)
        return {name: policy_cache.load_head(session, each.digest) for name, each in active.items()}

    @staticmethod
    def ended_policies(session: Session, now: datetime) -> dict[str, Activation]:
        """The policies that were ended, each with the activation that says so, by name."""
        return all_endings_at(activations(session), now, now)

    def version_in_force(self, session: Session, name: str, now: datetime) -> Policy:
        """The version of a policy that is in force. Raises ProblemError when there is none, or it is suspended."""
        active = active_at(activations(session), name, now, now)
        if active is not None and active.is_stop:
            detail = Message(
                "`{policy}` is suspended, and no version applies: {reason}", policy=name, reason=active.reason
            )
            raise ProblemError(UNKNOWN_POLICY, detail, hint=_versions_hint(self.versions(session, name)))
        return self.declaring_version(session, name, now)

    def declaring_version(self, session: Session, name: str, now: datetime) -> Policy:
        """The version that says which facts a caller sends, also while the policy is suspended.

        Raises ProblemError when there is none.
        """
        rows = self.versions(session, name)
        recorded = activations(session)
        active = active_at(recorded, name, now, now)
        if active is None:
            ending = ending_at(recorded, name, now, now)
            detail = (
                Message("`{policy}` is not in force", policy=name)
                if ending is None
                else Message("`{policy}` is not in force: {why}", policy=name, why=describe_ending(ending))
            )
            raise ProblemError(UNKNOWN_POLICY, detail, hint=_versions_hint(rows))
        return self.load(session, active.digest)

    def versions(self, session: Session, name: str, reader: Actor | None = None) -> Sequence[VersionRow]:
        """The versions of a policy that a reader may read, or all, the newest first.

        Raises ProblemError when there is no such policy.
        """
        hidden = hidden_versions(session, reader)
        rows = [row for row in versions(session, name)[::-1] if row.digest not in hidden]
        if not rows:
            names = sorted({row.policy for row in versions(session) if row.digest not in hidden})
            detail = Message("no policy `{policy}`", policy=shorten(name))
            raise ProblemError(UNKNOWN_POLICY, detail, hint=did_you_mean(name, names))
        return rows

    def version(self, session: Session, name: str, version: str, reader: Actor | None = None) -> Policy:
        """One version of a policy. Raises ProblemError when there is no such policy or version for this reader."""
        rows = self.versions(session, name, reader)
        for row in rows:
            if row.version == version:
                return self.load(session, row.digest)
        detail = Message("`{policy}` has no version `{version}`", policy=name, version=shorten(version))
        raise ProblemError(UNKNOWN_POLICY, detail, hint=_versions_hint(rows))


def hidden_versions(session: Session, reader: Actor | None) -> frozenset[str]:
    """The digests of versions that a reader may not read: texts taken back, unless the reader reads changes."""
    if reader is None or check_permission(reader, PERMISSIONS["GET", "/v1/changes/{change}"]) is True:
        return frozenset()
    return withdrawn_versions(session)


def _versions_hint(rows: Iterable[VersionRow]) -> Message:
    return Message("its versions are {versions}", versions=join_comma(row.version for row in rows))
