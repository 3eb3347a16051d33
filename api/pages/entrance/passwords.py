"""New passwords in forms: typed twice, and told beside the field what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable

from api.pages.forms import Faults
from policy_service.identity.refusals import Fault
from policy_service.identity.service import fault_of_password
from policy_service.sentences import Sentence


def faults_of_password(field: str, password: str, again: str, *names: str) -> Faults:
    """What is wrong with a new password that was typed twice; empty when it will do."""
    faults: Faults = {}
    if (fault := fault_of_password(password, *names)) is not None:
        faults[field] = expected(fault)
    if password != again:
        faults["again"] = Sentence("This is not the same password.")
    return faults


def expected(fault: Fault) -> Sentence:
    """A fault that the library found, as it stands beside a field."""
    return Sentence("Expected {expected}.", expected=fault.expected)


def beside(faults: Iterable[Fault]) -> Faults:
    """Faults that the library found, each by its field."""
    return {fault.member: expected(fault) for fault in faults}
