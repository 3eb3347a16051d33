"""Whether a policy file that comes from outside is valid, alone and among the policies in force. For a worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from policy_service import Diagnostic, PolicyError, load_bytes
from policy_service.analysis.lint import lint
from policy_service.language.load import PolicyFolderError
from policy_service.language.policy import Policy
from policy_service.language.requirements import topological_order

Json = dict[str, Any]
FILE = "policy.yaml"
"""What a file without a name is called in diagnostics."""


def check_file(content: bytes, served: Mapping[str, Policy], absent: Collection[str] = ()) -> Json:
    """Check the bytes of a policy file, alone and in the place of the served one of its name.

    `absent` are the policies that were ended.
    """
    policy: Policy | None = None
    try:
        policy = load_bytes(content)
        topological_order({**served, policy.id: policy}.values(), absent)
    except PolicyError as error:
        return _answer(policy, _diagnostics(error), (), error.render())
    warnings = lint(policy)
    lines = policy.text.splitlines()
    return _answer(policy, [], warnings, "\n".join(each.render(FILE, lines) for each in warnings))


def _diagnostics(error: PolicyError) -> list[Json]:
    errors = error.errors if isinstance(error, PolicyFolderError) else (error,)
    return [{"file": each.path, **diagnostic.to_dict()} for each in errors for diagnostic in each.diagnostics]


def _answer(policy: Policy | None, diagnostics: list[Json], warnings: Sequence[Diagnostic], text: str) -> Json:
    return {
        "valid": not diagnostics,
        "policy": policy.id if policy else None,
        "version": policy.version if policy else None,
        "digest": policy.digest if policy else None,
        "diagnostics": diagnostics,
        "warnings": [{"file": FILE, **each.to_dict()} for each in warnings],
        "text": text,
    }
