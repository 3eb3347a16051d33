"""Every table of the service, declared by importing this module."""

from policy_service import idempotency
from policy_service.approval import tables as approval
from policy_service.audit import tables as audit
from policy_service.database import Lane
from policy_service.decisions import state_tables as decisions_state
from policy_service.decisions import tables as decisions
from policy_service.identity import tables as identity
from policy_service.registry import tables as registry

__all__ = ["Lane", "approval", "audit", "decisions", "decisions_state", "idempotency", "identity", "registry"]
