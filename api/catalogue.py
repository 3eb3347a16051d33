"""Every version of every policy that is served, to be looked up and listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.problems import UNKNOWN_POLICY, ProblemError
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.load import newest, version_key
from policy_service.language.policy import Policy


class Catalogue:
    """Policies by name and version; the newest version of each is the one that decides."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        everything = tuple(policies)
        self.newest: Mapping[str, Policy] = {
            policy.id: policy for policy in sorted(newest(everything), key=lambda policy: policy.id)
        }
        self._versions: dict[str, dict[str, Policy]] = {}
        for policy in sorted(everything, key=lambda policy: version_key(policy.version), reverse=True):
            self._versions.setdefault(policy.id, {})[policy.version] = policy

    def versions(self, name: str) -> tuple[Policy, ...]:
        """All versions of a policy, the newest first. Raises ProblemError when there is no such policy."""
        if name not in self._versions:
            raise ProblemError(UNKNOWN_POLICY, f"no policy `{shorten(name)}`", hint=did_you_mean(name, self._versions))
        return tuple(self._versions[name].values())

    def version(self, name: str, version: str) -> Policy:
        """One version of a policy. Raises ProblemError when there is no such policy or version."""
        for policy in self.versions(name):
            if policy.version == version:
                return policy
        known = ", ".join(self._versions[name])
        raise ProblemError(
            UNKNOWN_POLICY, f"`{name}` has no version `{shorten(version)}`", hint=f"its versions are {known}"
        )

    def after(self, name: str, *, domain: str | None) -> tuple[Policy, ...]:
        """The newest version of each policy whose name comes after `name`, in the order of names."""
        return tuple(
            policy
            for policy in self.newest.values()
            if policy.id > name and (domain is None or policy.domain == domain)
        )
