"""The initial import: puts the policies of a folder in force at set-up, marked as imported and unsigned.

Only policies new to the registry are imported. A newer file of a known policy requires a signed change; and once there
are accounts, so does every policy (`approval.shipped_policies`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policy_service.actor import Actor
from policy_service.database import Transaction
from policy_service.language.load import load_folder, newest
from policy_service.language.policy import Policy
from policy_service.language.requirements import topological_order
from policy_service.messages import Message
from policy_service.registry.checks import check_files
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, policies_in_force, read_version, record_version, versions


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an initial import."""

    new_versions: tuple[Policy, ...]
    """The versions added to the registry."""
    activated_versions: tuple[Policy, ...]
    """The versions put in force."""
    unsigned_messages: tuple[str, ...]
    """A message for each file that was not imported because it requires a signed change."""
    edited_messages: tuple[str, ...]
    """A message for each file that was edited after it was submitted."""


def import_shipped(transaction: Transaction, actor: Actor, folder: Path) -> ImportResult:
    """Import the policies of a folder that are new to the registry, and put the newest version of each in force now.

    Raises PolicyError if a file is invalid or the policies would not fit together, OSError if one cannot be read.
    """
    shipped, session = load_folder(folder), transaction.session
    existing = {(row.policy, row.version) for row in versions(session)}
    names = {policy for policy, _ in existing}
    new_policies = tuple(policy for policy in shipped if policy.id not in names)
    activated = newest(new_policies)
    topological_order((*policies_in_force(session, transaction.now).values(), *activated))
    for policy in new_policies:
        record_version(transaction, actor, policy.content, change=None, policy=policy)
    for policy in activated:
        row = read_version(session, policy.id, policy.version)
        activate(transaction, actor, row, Period(transaction.now), ActivationKind.INITIAL)
    unsigned = [
        Message(
            "{policy} {version} was not imported: a version of a policy that is known needs a signed change",
            policy=policy.id,
            version=policy.version,
        )
        for policy in shipped
        if policy.id in names and (policy.id, policy.version) not in existing
    ]
    return ImportResult(new_policies, activated, tuple(unsigned), tuple(check_files(session, folder)))
