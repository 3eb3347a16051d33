"""Every table of the service, declared by importing this module."""

from policy_service.audit import tables as audit
from policy_service.database import Lane
from policy_service.registry import tables as registry

__all__ = ["Lane", "audit", "registry"]
